/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A well-behaved sink in memory, in C. A faulty plugin is this one with one function replaced:
 *
 *   #include "sink.h"
 *   static int32_t Deliver(void* state, const sluice_batch* batch) { … }
 *   SINK_PLUGIN("never_acks", table->deliver = Deliver)
 *
 * Settings, all optional: record (a file, see sink_record.h; without it the sink forgets what it
 * holds when its instance ends), level, height, count, delay_ms.
 *
 * Threading: as plugin.h tags the functions.
 */
#ifndef SLUICE_TESTS_SINK_H_
#define SLUICE_TESTS_SINK_H_

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <pthread.h>
#include <sluice/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "sink_record.h"

#ifdef __cplusplus
#error "C only: the C++ plugins use plugin.hpp"
#endif

#define SINK_SCHEMA                                                         \
  "[{\"name\":\"record\",\"type\":\"string\",\"default\":\"\","             \
  "\"description\":\"file for position and counters\"},"                    \
  "{\"name\":\"level\",\"type\":\"int\",\"default\":2,\"min\":1,\"max\":3," \
  "\"description\":\"ack level\"},"                                         \
  "{\"name\":\"height\",\"type\":\"int\",\"default\":0,\"min\":0,"          \
  "\"description\":\"the height at which it misbehaves\"},"                 \
  "{\"name\":\"count\",\"type\":\"int\",\"default\":1,\"min\":0,"           \
  "\"description\":\"how often it misbehaves\"},"                           \
  "{\"name\":\"delay_ms\",\"type\":\"int\",\"default\":0,\"min\":0,"        \
  "\"description\":\"how long it takes\"}]"

typedef struct sink {
  sluice_instance table;
  const sluice_host* host;
  sink_record* record;
  int record_is_mapped;
  int32_t level;
  uint64_t epoch;
  uint64_t height; /* the settings */
  uint64_t count;
  uint64_t delay_ms;
  uint64_t used;     /* the misbehaviour's own counter */
  int32_t cancelled; /* atomic */
  pthread_t thread;
  int has_thread;
  const sluice_batch* kept;
} sink;

static inline int32_t SinkFail(sink* self, int32_t code, const char* text) {
  sluice_text reason = {text, strlen(text)};
  self->host->fail(self->host->context, code, reason);
  return code;
}

static inline void SinkAck(sink* self, uint64_t epoch, uint64_t attempt, uint64_t last) {
  sluice_ack ack = {0};
  ack.struct_size = sizeof ack;
  ack.level = self->level;
  ack.epoch = epoch;
  ack.attempt = attempt;
  ack.last_height = last;
  self->host->ack(self->host->context, &ack);
}

static inline void SinkNack(sink* self, const sluice_batch* batch, int32_t code, const char* text) {
  sluice_nack nack = {0};
  nack.struct_size = sizeof nack;
  nack.code = code;
  nack.epoch = batch->epoch;
  nack.attempt = batch->attempt;
  nack.height = batch->height;
  nack.text.data = text;
  nack.text.size = strlen(text);
  self->host->nack(self->host->context, &nack);
}

static inline void SinkSleepMs(uint64_t ms) {
  struct timespec rest;
  rest.tv_sec = (time_t)(ms / 1000);
  rest.tv_nsec = (long)(ms % 1000) * 1000000L;
  while (nanosleep(&rest, &rest) != 0) {
  }
}

/* Where the value of `name` begins in a flat JSON object, or NULL. */
static inline const char* SinkSetting(sluice_text settings, const char* name) {
  char quoted[64];
  int size = snprintf(quoted, sizeof quoted, "\"%s\"", name);
  const char* at = settings.size == 0
                       ? NULL
                       : (const char*)memmem(settings.data, settings.size, quoted, (size_t)size);
  if (at == NULL) return NULL;
  at += size;
  while (at < settings.data + settings.size && (*at == ' ' || *at == ':')) ++at;
  return at < settings.data + settings.size ? at : NULL;
}

static inline uint64_t SinkNumber(sluice_text settings, const char* name, uint64_t otherwise) {
  const char* at = SinkSetting(settings, name);
  uint64_t value = 0;
  if (at == NULL) return otherwise;
  for (; at < settings.data + settings.size && *at >= '0' && *at <= '9'; ++at) {
    value = value * 10 + (uint64_t)(*at - '0');
  }
  return value;
}

static inline int32_t SinkMapRecord(sink* self, const sluice_start_args* args) {
  char path[4096];
  const char* at = SinkSetting(args->settings, "record");
  const char* end = at == NULL ? NULL : (const char*)memchr(at + 1, '"', 4000);
  int file;
  void* map;
  if (at == NULL || end == NULL || *at != '"' || end == at + 1) return SLUICE_OK;
  if (at[1] == '/') {
    snprintf(path, sizeof path, "%.*s", (int)(end - at - 1), at + 1);
  } else {
    snprintf(path, sizeof path, "%.*s/%.*s", (int)args->home.size, args->home.data,
             (int)(end - at - 1), at + 1);
  }
  file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0 || ftruncate(file, sizeof(sink_record)) != 0) {
    if (file >= 0) close(file);
    return SinkFail(self, SLUICE_INVALID, "record: the file cannot be opened");
  }
  map = mmap(NULL, sizeof(sink_record), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (map == MAP_FAILED) return SinkFail(self, SLUICE_INVALID, "record: the file cannot be mapped");
  free(self->record);
  self->record = (sink_record*)map;
  self->record_is_mapped = 1;
  return SLUICE_OK;
}

static inline int32_t SinkStart(void* state, const sluice_start_args* args,
                                sluice_start_result* result) {
  sink* self = (sink*)state;
  int32_t status = SinkMapRecord(self, args);
  if (status != SLUICE_OK) return status;
  self->epoch = args->epoch;
  self->level = (int32_t)SinkNumber(args->settings, "level", SLUICE_LEVEL_DURABLE);
  self->height = SinkNumber(args->settings, "height", 0);
  self->count = SinkNumber(args->settings, "count", 1);
  self->delay_ms = SinkNumber(args->settings, "delay_ms", 0);
  ++self->record->starts;
  result->level = self->level;
  return SLUICE_OK;
}

static inline int32_t SinkResume(void* state, sluice_position* position) {
  const sink_record* record = ((sink*)state)->record;
  if (record->held == 0) {
    position->kind = SLUICE_POSITION_EMPTY;
    return SLUICE_OK;
  }
  position->kind = SLUICE_POSITION_AT;
  position->epoch = record->epoch;
  position->height = record->height;
  memcpy(position->digest.bytes, record->digest, sizeof record->digest);
  memcpy(position->stream_id, record->stream_id, sizeof record->stream_id);
  return SLUICE_OK;
}

static inline int32_t SinkAttach(void* state, const sluice_attach_args* args) {
  sink_record* record = ((sink*)state)->record;
  if (args->epoch < record->epoch) return SinkFail((sink*)state, SLUICE_FENCED, "older epoch");
  record->epoch = args->epoch;
  record->height = args->height;
  memcpy(record->digest, args->digest.bytes, sizeof record->digest);
  record->attach_reason = (uint64_t)args->reason;
  ++record->attaches;
  return SLUICE_OK;
}

/* Takes the height, or finds out that it is not the next one. */
static inline int32_t SinkTake(sink* self, const sluice_batch* batch) {
  sink_record* record = self->record;
  size_t size = (size_t)batch->stream_id.size;
  if (batch->epoch < record->epoch) {
    ++record->epoch_errors;
    return SinkFail(self, SLUICE_FENCED, "a delivery of an older epoch");
  }
  if (batch->height <= record->height && record->held != 0) return SLUICE_OK; /* again */
  if (batch->height != record->height + 1 && record->attaches > 0) {
    ++record->order_errors;
    return SinkFail(self, SLUICE_FATAL, "a height that is not the next one");
  }
  record->changes += batch->change_count;
  record->canonical_bytes += batch->canonical.size;
  if (batch->last_part == 0) return SLUICE_OK;
  if (size > sizeof record->stream_id - 1) size = sizeof record->stream_id - 1;
  memcpy(record->stream_id, batch->stream_id.data, size);
  record->stream_id[size] = 0;
  record->epoch = batch->epoch;
  memcpy(record->digest, batch->digest.bytes, sizeof record->digest);
  ++record->taken;
  record->held = 1;
  __atomic_store_n(&record->height, batch->height, __ATOMIC_RELEASE);
  return SLUICE_OK;
}

static inline int32_t SinkDeliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  ++self->record->deliveries;
  return SinkTake(self, batch);
}

static inline void SinkCancel(void* state) {
  __atomic_store_n(&((sink*)state)->cancelled, 1, __ATOMIC_RELEASE);
}

static inline int32_t SinkIsCancelled(sink* self) {
  return __atomic_load_n(&self->cancelled, __ATOMIC_ACQUIRE);
}

static inline int32_t SinkDrain(void* state, uint64_t deadline_nanos) {
  (void)deadline_nanos;
  ++((sink*)state)->record->drains;
  return SLUICE_OK;
}

static inline void SinkDestroy(void* state) {
  sink* self = (sink*)state;
  if (self->has_thread) pthread_join(self->thread, NULL);
  ++self->record->destroys;
  if (self->record_is_mapped) {
    munmap(self->record, sizeof(sink_record));
  } else {
    free(self->record);
  }
  free(self);
}

static inline sluice_instance* SinkCreate(const sluice_host* host) {
  sink* self = (sink*)calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->record = (sink_record*)calloc(1, sizeof *self->record);
  if (self->record == NULL) {
    free(self);
    return NULL;
  }
  self->host = host;
  self->table.struct_size = sizeof self->table;
  self->table.state = self;
  self->table.start = SinkStart;
  self->table.resume = SinkResume;
  self->table.attach = SinkAttach;
  self->table.deliver = SinkDeliver;
  self->table.cancel = SinkCancel;
  self->table.drain = SinkDrain;
  self->table.destroy = SinkDestroy;
  return &self->table;
}

#ifndef SINK_CAPABILITIES
#define SINK_CAPABILITIES 0
#endif

#define SINK_TABLE(id_text, create_function)                                             \
  {                                                                                      \
    .struct_size = sizeof(sluice_plugin), .abi_minor = SLUICE_ABI_MINOR,                 \
    .build_tag = SLUICE_ABI_BUILD_TAG, .id = {id_text, sizeof(id_text) - 1},             \
    .version = {"1.0.0", 5}, .capabilities = SINK_CAPABILITIES,                          \
    .highest_level = SLUICE_LEVEL_VISIBLE,                                               \
    .settings_schema = {SINK_SCHEMA, sizeof(SINK_SCHEMA) - 1}, .create = create_function \
  }

/* The plugin `id_text`; the second argument changes the instance's `table`. */
#define SINK_PLUGIN(id_text, change)                                 \
  static const sluice_instance* Create(const sluice_host* host) {    \
    sluice_instance* table = SinkCreate(host);                       \
    if (table == NULL) return NULL;                                  \
    change;                                                          \
    return table;                                                    \
  }                                                                  \
  const sluice_plugin* sluice_plugin_entry_v1(void) {                \
    static const sluice_plugin plugin = SINK_TABLE(id_text, Create); \
    return &plugin;                                                  \
  }

#endif /* SLUICE_TESTS_SINK_H_ */
