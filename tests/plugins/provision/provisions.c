/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink that must be provisioned first, by a task that goes on outside of the node: the "external
 * system" is the file `record` + ".external", which counts, and the clock. A task takes delay_ms.
 *
 * height   0  it succeeds
 *          1  it fails by the system's fault, the first `count` times
 *          2  it fails by the operator's fault, the first `count` times
 *          3  it never ends
 *          4  it is forgotten, the first `count` times it is asked for
 *          5  it is there already, without a task
 *          6  it cannot be asked for, the first `count` times
 */
#include "sink.h"

typedef struct external {
  uint64_t begun;       /* tasks, over all time */
  uint64_t task;        /* under way; 0: none */
  uint64_t begun_at_ms; /* since 1970 */
  uint64_t provisioned; /* 1: start will do */
  uint64_t failures;    /* that there have been */
  uint64_t polls;
  uint64_t resets;
} external;

static uint64_t NowMs(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Maps it; the caller unmaps. */
static external* Open(const sluice_start_args* args) {
  char path[4096];
  const char* at = SinkSetting(args->settings, "record");
  const char* end = at == NULL ? NULL : (const char*)memchr(at + 1, '"', 4000);
  void* map;
  int file;
  if (end == NULL) return NULL;
  snprintf(path, sizeof path, "%.*s.external", (int)(end - at - 1), at + 1);
  file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return NULL;
  if (ftruncate(file, sizeof(external)) != 0) {
    close(file);
    return NULL;
  }
  map = mmap(NULL, sizeof(external), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return map == MAP_FAILED ? NULL : (external*)map;
}

static int32_t Begin(void* state, const sluice_start_args* args, sluice_provision_task* task) {
  external* there = Open(args);
  if (there == NULL) return SinkFail((sink*)state, SLUICE_INVALID, "record: no absolute path");
  if (SinkNumber(args->settings, "height", 0) == 5) there->provisioned = 1;
  task->id[0] = 0;
  if (there->provisioned == 0) {
    /* Keyed: a task that is under way is not begun twice. */
    if (there->task == 0) {
      there->task = ++there->begun;
      there->begun_at_ms = NowMs();
    }
    snprintf(task->id, sizeof task->id, "task-%llu", (unsigned long long)there->task);
  }
  munmap(there, sizeof *there);
  return SLUICE_OK;
}

static int32_t Report(sluice_provision_report* report, int32_t state, const char* text) {
  report->state = state;
  report->text.data = text;
  report->text.size = strlen(text);
  return SLUICE_OK;
}

static int32_t Watch(sink* self, const sluice_start_args* args, sluice_text task, external* there,
                     sluice_provision_report* report) {
  const uint64_t way = SinkNumber(args->settings, "height", 0);
  const int fails = there->failures < SinkNumber(args->settings, "count", 1);
  char id[64];
  const int size = snprintf(id, sizeof id, "task-%llu", (unsigned long long)there->task);
  ++there->polls;
  if (way == 6 && fails) {
    ++there->failures;
    return SinkFail(self, SLUICE_RETRY, "it does not answer");
  }
  if (way == 4 && fails) {
    ++there->failures;
    there->task = 0;
  }
  if (there->task == 0 || task.size != (uint64_t)size || memcmp(task.data, id, task.size) != 0) {
    return Report(report, SLUICE_PROVISION_UNKNOWN, "");
  }
  if (way == 3 || NowMs() < there->begun_at_ms + SinkNumber(args->settings, "delay_ms", 0)) {
    return Report(report, SLUICE_PROVISION_RUNNING, "3 of 4 shards");
  }
  there->task = 0;
  if ((way == 1 || way == 2) && fails) {
    ++there->failures;
    report->code = way == 1 ? SLUICE_RETRY : SLUICE_INVALID;
    report->cause = way == 1 ? SLUICE_CAUSE_SYSTEM : SLUICE_CAUSE_USER;
    return Report(report, SLUICE_PROVISION_FAILED, way == 1 ? "no shard is free" : "no such group");
  }
  there->provisioned = 1;
  return Report(report, SLUICE_PROVISION_DONE, "");
}

static int32_t Poll(void* state, const sluice_start_args* args, sluice_text task,
                    sluice_provision_report* report) {
  external* there = Open(args);
  int32_t status;
  if (there == NULL) return SinkFail((sink*)state, SLUICE_INVALID, "record: no absolute path");
  status = Watch((sink*)state, args, task, there, report);
  munmap(there, sizeof *there);
  return status;
}

static int32_t Reset(void* state, const sluice_start_args* args) {
  sink* self = (sink*)state;
  external* there = Open(args);
  int32_t status;
  if (there == NULL) return SinkFail(self, SLUICE_INVALID, "record: no absolute path");
  ++there->resets;
  munmap(there, sizeof *there);
  if (!self->record_is_mapped) {
    status = SinkMapRecord(self, args);
    if (status != SLUICE_OK) return status;
  }
  if (args->epoch < self->record->epoch) return SinkFail(self, SLUICE_FENCED, "older epoch");
  self->record->epoch = args->epoch;
  self->record->held = 0;
  self->record->height = 0;
  return SLUICE_OK;
}

static int32_t Start(void* state, const sluice_start_args* args, sluice_start_result* result) {
  external* there = Open(args);
  const int ready = there != NULL && there->provisioned == 1;
  if (there != NULL) munmap(there, sizeof *there);
  if (!ready) return SinkFail((sink*)state, SLUICE_FATAL, "it has not been provisioned");
  if (((sink*)state)->record_is_mapped) { /* by the reset before */
    munmap(((sink*)state)->record, sizeof(sink_record));
    ((sink*)state)->record = NULL;
    ((sink*)state)->record_is_mapped = 0;
  }
  return SinkStart(state, args, result);
}

static const void* Extension(void* state, const char* id) {
  static const sluice_provision_v1 table = {
      .struct_size = sizeof table, .begin = Begin, .poll = Poll, .reset = Reset};
  (void)state;
  return strcmp(id, SLUICE_EXT_PROVISION_V1) == 0 ? &table : NULL;
}

SINK_PLUGIN("provisions", table->start = Start; table->get_extension = Extension)
