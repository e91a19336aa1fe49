/* SPDX-License-Identifier: Apache-2.0 */
/* Reads back `count` heights of one change each, whatever it was delivered; the height `height`,
 * where it is not 0, holds a change of a kind that is not known yet and must be understood. */
#include "sink.h"

typedef struct cursor {
  uint64_t next, last, strange;
  sluice_change change;
} cursor;

static int32_t Open(void* state, const sluice_readback_args* args, sluice_readback_info* info) {
  sink* self = (sink*)state;
  cursor* made = (cursor*)calloc(1, sizeof *made);
  if (made == NULL) return SinkFail(self, SLUICE_RETRY, "out of memory");
  made->next = 1;
  made->last = SinkNumber(args->settings, "count", 1);
  made->strange = SinkNumber(args->settings, "height", 0);
  if (made->last == 0) {
    free(made);
    return SinkFail(self, SLUICE_INVALID, "there is nothing to read at all");
  }
  if (made->last > args->last_height) made->last = args->last_height;
  info->content = SLUICE_READBACK_CHANGES;
  info->flags = SLUICE_READBACK_TRUNCATED;
  info->first_height = 1;
  info->position.kind = SLUICE_POSITION_AT;
  info->position.height = made->last;
  memcpy(info->position.stream_id, "test-stream", 12);
  info->cursor = made;
  return SLUICE_OK;
}

static int32_t Next(void* state, void* at, sluice_readback_item* item) {
  cursor* self = (cursor*)at;
  (void)state;
  if (self->next > self->last) {
    item->kind = SLUICE_READBACK_END;
    return SLUICE_OK;
  }
  self->change.kind = SLUICE_CHANGE_SET;
  if (self->next == self->strange) {
    self->change.kind = 99;
    self->change.flags = SLUICE_CHANGE_MUST_UNDERSTAND;
  }
  self->change.store.data = "accounts";
  self->change.store.size = 8;
  self->change.key.data = (const uint8_t*)"key";
  self->change.key.size = 3;
  item->kind = SLUICE_READBACK_HEIGHT;
  item->height = self->next++;
  item->has_previous_digest = 1;
  item->previous_digest.bytes[0] = 1;
  item->digest.bytes[0] = 2;
  item->changes = &self->change;
  item->change_count = 1;
  item->change_stride = sizeof self->change;
  return SLUICE_OK;
}

static void Close(void* state, void* at) {
  (void)state;
  free(at);
}

static const void* GetExtension(void* state, const char* id) {
  static const sluice_readback_v1 table = {sizeof table, 0, Open, Next, Close};
  (void)state;
  return strcmp(id, SLUICE_EXT_READBACK_V1) == 0 ? &table : NULL;
}

SINK_PLUGIN("readback", table->get_extension = GetExtension)
