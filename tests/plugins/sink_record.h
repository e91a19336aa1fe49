/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test sink leaves in the file that its setting `record` names: where it stands, and what
 * was done to it. The file is this struct; it is mapped by the sink and may be read at any time,
 * also by another process, and survives the sink's process.
 */
#ifndef SLUICE_TESTS_SINK_RECORD_H_
#define SLUICE_TESTS_SINK_RECORD_H_

#include <stdint.h>

typedef struct sink_record {
  uint64_t held;  /* 1 where the sink holds a position */
  uint64_t epoch; /* the newest that attach or deliver named */
  uint64_t height;
  uint8_t digest[32];
  char stream_id[64];
  uint64_t starts;
  uint64_t attaches;
  uint64_t attach_reason; /* the last one's */
  uint64_t deliveries;    /* calls of deliver, refused ones included */
  uint64_t taken;         /* heights taken */
  uint64_t changes;       /* of the heights taken */
  uint64_t canonical_bytes;
  uint64_t order_errors; /* heights that were not the next one */
  uint64_t epoch_errors; /* deliveries of an epoch older than one seen */
  uint64_t drains;
  uint64_t destroys;
} sink_record;

#endif /* SLUICE_TESTS_SINK_RECORD_H_ */
