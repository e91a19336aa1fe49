/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Sluice plugin ABI, version 1 (draft).
 *
 * This is everything that host and plugin share: a C99 header of plain data and two function tables.
 * A plugin is a shared library that exports one function, sluice_plugin_entry_v1. The node loads it,
 * asks it for an instance per configured sink, and delivers change sets to that instance.
 *
 * A first plugin is about twenty lines: see share/sluice/examples, and docs/writing-a-plugin.md.
 *
 * Rules
 * -----
 *  Growth      Structs that begin with struct_size only ever grow at the end. A reader uses a field only
 *              if it lies within the size it was given (SLUICE_HAS). Arrays are walked by the stride that
 *              stands beside them. Nothing is removed, reordered, retyped or given another meaning.
 *  Data        Pointer and 64-bit length for bytes, fixed-width integers, UTF-8 text that need not end in
 *              NUL. No bool, enum, bit-field, long, FILE or C++ type crosses.
 *  Lifetime    What one side passes to the other is borrowed until the call returns, except the identity
 *              (lives as long as the process) and a batch kept by batch_retain. Nobody frees the other's
 *              memory.
 *  Errors      A function returns a status. Before it returns anything but OK or PENDING it says why
 *              through host->fail: what failed, on what, what happens next. The receiver copies.
 *  Exceptions  None may leave a plugin function, no panic, no longjmp. The C++ SDK (plugin.hpp) puts the
 *              barrier into the plugin.
 *  Threads     Each function is tagged with [thread & state]:
 *                [control]     the instance's control thread, from create to destroy the same one
 *                [delivery]    the instance's delivery thread; with SLUICE_CAP_PARALLEL up to
 *                              max_in_flight threads at once
 *                [any-thread]  any thread, also while another call is running
 *                created       create has returned, start has not been called
 *                started       start has returned OK
 *                any-state     from create on, until destroy has returned
 *              What a plugin may rely on: calls of one instance that are tagged control or delivery never
 *              overlap, but for one deliver with another under PARALLEL; and each sees what the one before
 *              it wrote, on whichever thread that was. So an instance that has no threads of its own and
 *              no cancel needs no lock.
 *              What it may not: that control and delivery are two threads, or that they are one. A host
 *              is free to do either. So nothing of a thread may be carried from start to deliver: no
 *              thread-local variable, no lock that is still held, no handle that knows its thread.
 *              Calls of two instances may overlap, those of one library too.
 *  Order       entry, create, get_extension*, provisioning*, start, resume*, attach, deliver*, drain, destroy.
 *              resume and attach come between two delivers again: before a height is delivered once more, and when the
 *              base changes. destroy may follow any of them.
 */
#ifndef SLUICE_PLUGIN_H_
#define SLUICE_PLUGIN_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_ABI_MAJOR 1u
#define SLUICE_ABI_MINOR 0u

/* While the ABI is a draft its layouts may still change: host and plugin compare this tag and refuse each
 * other when it differs. It goes away with 1.0, and so does SLUICE_ABI_DRAFT. */
#define SLUICE_ABI_DRAFT 1
#define SLUICE_ABI_BUILD_TAG "sluice-abi-1.0-draft.1"

/* The only symbol a plugin exports; its name carries the major version. */
#define SLUICE_PLUGIN_ENTRY_SYMBOL "sluice_plugin_entry_v1"

#if defined(__GNUC__)
#define SLUICE_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define SLUICE_PLUGIN_EXPORT
#endif

/* 1 where `field` of `*pointer` lies within the size that the other side gave. */
#define SLUICE_HAS(pointer, type, field) \
  ((pointer)->struct_size >= offsetof(type, field) + sizeof((pointer)->field))

/* Status, as int32_t. A number that is none of these counts as FATAL. */
#define SLUICE_OK 0
#define SLUICE_PENDING 1     /* taken; an ack or a nack follows */
#define SLUICE_BUSY 2        /* not taken, no attempt counted; the plugin calls ready */
#define SLUICE_RETRY 3       /* failed now, may succeed later */
#define SLUICE_REJECT 4      /* this height can never be taken */
#define SLUICE_FATAL 5       /* this instance is broken */
#define SLUICE_UNSUPPORTED 6 /* the plugin does not know how */
#define SLUICE_INVALID 7     /* the caller's argument or the operator's setting is wrong */
#define SLUICE_CANCELLED 8   /* gave up because cancel was called */
#define SLUICE_FENCED 9      /* a newer epoch is at work in the external system */
#define SLUICE_NO_MEMORY 10  /* beyond the byte budget */

/* How far a sink vouches for a height, as int32_t. */
#define SLUICE_LEVEL_RECEIVED 1
#define SLUICE_LEVEL_DURABLE 2
#define SLUICE_LEVEL_VISIBLE 3

/* Log levels, as int32_t. */
#define SLUICE_LOG_TRACE 0
#define SLUICE_LOG_DEBUG 1
#define SLUICE_LOG_INFO 2
#define SLUICE_LOG_WARN 3
#define SLUICE_LOG_ERROR 4
#define SLUICE_LOG_CRITICAL 5

/* Capabilities, bits of a uint64_t. */
/* Deliver is called for several heights at once, each once at a time, and each when all earlier ones that
 * change one of the same keys are acked. Attempts, RETRY and nacks concern one height; resume is not asked
 * before it comes again. After a restart the heights above what resume gave come again: the instance
 * deduplicates by height. */
#define SLUICE_CAP_PARALLEL UINT64_C(1)
/* Of an instance, in start's result: after a crash the external system may show some heights twice, and its
 * readers deduplicate. The host tells people so; it changes nothing else. */
#define SLUICE_CAP_AT_LEAST_ONCE UINT64_C(2)

/* Bytes: `size` bytes at `data`. NUL is a byte like any other; data may be NULL where size is 0. */
typedef struct sluice_bytes {
  const uint8_t* data;
  uint64_t size;
} sluice_bytes;

/* UTF-8 text: `size` bytes at `data`, not necessarily followed by a NUL. */
typedef struct sluice_text {
  const char* data;
  uint64_t size;
} sluice_text;

/* SHA-256(previous digest, canonical bytes): equal digests mean equal histories. */
typedef struct sluice_digest {
  uint8_t bytes[32];
} sluice_digest;

/* ------------------------------------------------------------------------------------------------ */
/* What is delivered                                                                                  */

#define SLUICE_CHANGE_SET 1
#define SLUICE_CHANGE_DELETE 2

/* In sluice_change.flags */
#define SLUICE_CHANGE_HAS_OLD_VALUE 1u  /* old_value is given (the key held it before) */
#define SLUICE_CHANGE_MUST_UNDERSTAND 2u /* a plugin that does not know `kind` answers UNSUPPORTED */

/* One accepted set or delete. Walk the array by sluice_batch.change_stride. A plugin skips a kind that it
 * does not know, and still acks the height, unless MUST_UNDERSTAND is set. */
typedef struct sluice_change {
  uint32_t kind;  /* SLUICE_CHANGE_… */
  uint32_t flags;
  uint32_t transaction; /* index in the block, from 0, failed ones counted */
  uint32_t sequence;    /* index in the unfiltered block, from 0 */
  sluice_text store;
  sluice_bytes key;
  sluice_bytes value;     /* empty on delete */
  sluice_bytes old_value; /* only with HAS_OLD_VALUE */
} sluice_change;

/* One transaction of the block and how it ended. Walk the array by sluice_batch.message_stride. */
typedef struct sluice_message {
  uint32_t transaction; /* index in the block, from 0 */
  uint32_t result_code; /* 0: applied; else it failed and left no change */
  sluice_bytes data;    /* the transaction's own bytes where the driver has them, else empty */
} sluice_message;

/* In sluice_batch.flags */
#define SLUICE_BATCH_FILTERED 1u /* changes and canonical bytes hold only what passed the sink's filter;
                                    the digests are those of the unfiltered chain */

/* One height, or one part of one, for one sink. Borrowed until deliver returns, or, after batch_retain,
 * until batch_release. */
typedef struct sluice_batch {
  uint32_t struct_size;
  uint32_t flags; /* SLUICE_BATCH_… */
  uint64_t epoch;   /* of this instance; copied into acks */
  uint64_t attempt; /* copied into acks and nacks: an ack of another attempt is stale */
  uint64_t height;
  uint64_t newest_height; /* the newest height that could be delivered now. A plugin that groups heights
                             waits for more only while this is larger than `height` */
  int64_t time_unix_nanos; /* the block's time */
  sluice_digest digest;          /* after this height */
  sluice_digest previous_digest; /* before it */
  sluice_text stream_id;
  uint32_t part;      /* from 0 */
  uint32_t last_part; /* 1 where this is the height's last part */
  const sluice_change* changes;
  uint64_t change_count;
  uint64_t change_stride;
  const sluice_message* messages;
  uint64_t message_count;
  uint64_t message_stride;
  sluice_bytes canonical; /* sluice.stream.v1.ChangeSet; parts' bytes put together are the height's */
} sluice_batch;

/* ------------------------------------------------------------------------------------------------ */
/* What a plugin tells the host                                                                       */

/* The sink has these heights at this level. */
typedef struct sluice_ack {
  uint32_t struct_size;
  int32_t level; /* SLUICE_LEVEL_…, not above what start returned */
  uint64_t epoch;
  uint64_t attempt;      /* of last_height's batch */
  uint64_t first_height; /* 0: everything up to last_height (not for PARALLEL instances) */
  uint64_t last_height;
} sluice_ack;

/* The sink could not take this height. An ordered instance has dropped all later heights too before it
 * says so, and gets them again with a new attempt. */
typedef struct sluice_nack {
  uint32_t struct_size;
  int32_t code; /* SLUICE_RETRY, SLUICE_REJECT or SLUICE_FATAL */
  uint64_t epoch;
  uint64_t attempt;
  uint64_t height;
  uint64_t retry_after_nanos; /* 0: the host's own backoff; else the larger of the two */
  sluice_text text;
} sluice_nack;

/* The host's table. Callable from any thread at any time between create and the return of destroy (an
 * ack that comes later is a counted no-op); never blocks; never re-enters the plugin. `context` is passed
 * back as it is. */
typedef struct sluice_host {
  uint32_t struct_size;
  uint32_t abi_minor;
  void* context;
  /* [any-thread & started] */
  void (*ack)(void* context, const sluice_ack* ack);
  /* [any-thread & started] */
  void (*nack)(void* context, const sluice_nack* nack);
  /* After BUSY: heights may be delivered again. Sticky: a call since deliver was entered counts.
   * [any-thread & started] */
  void (*ready)(void* context);
  /* Keeps the batch, with all it points to, beyond the return of deliver. NO_MEMORY beyond the sink's
   * byte budget. Legal inside deliver only. [delivery & started] */
  int32_t (*batch_retain)(void* context, const sluice_batch* batch);
  /* Ends one batch_retain. [any-thread & started] */
  void (*batch_release)(void* context, const sluice_batch* batch);
  /* [any-thread & any-state] */
  void (*log)(void* context, int32_t level, sluice_text text);
  /* Inside a call of the plugin: the reason for the status that this call is about to return, on this
   * thread. Outside any call: this instance is broken; it will be destroyed and started anew.
   * [any-thread & any-state] */
  void (*fail)(void* context, int32_t code, sluice_text text);
  /* A host extension by its id and revision ("sluice.metrics/1"), or NULL. [any-thread & any-state] */
  const void* (*get_extension)(void* context, const char* id);
} sluice_host;

/* ------------------------------------------------------------------------------------------------ */
/* An instance: what one sink is to the host                                                          */

typedef struct sluice_start_args {
  uint32_t struct_size;
  uint32_t reserved;
  sluice_text settings;  /* JSON object, checked against the schema and completed with its defaults */
  sluice_text stream_id;
  sluice_text sink_name;
  sluice_text home; /* absolute path; relative paths in the settings resolve against it */
  uint64_t epoch;
  uint64_t deadline_nanos;   /* nanoseconds left for this call */
  const sluice_text* stores; /* the stores whose changes this sink gets */
  uint64_t store_count;
  const sluice_bytes* key_prefixes; /* none: no filter */
  uint64_t key_prefix_count;
} sluice_start_args;

typedef struct sluice_start_result {
  uint32_t struct_size; /* set by the host */
  int32_t level;        /* the highest level that this instance can give */
  uint64_t capabilities;   /* a subset of the identity's */
  uint64_t max_part_bytes; /* 0: whole heights */
} sluice_start_result;

#define SLUICE_POSITION_EMPTY 0
#define SLUICE_POSITION_AT 1

/* Where the sink stands, as the external system itself says. The host sets struct_size and gives a
 * buffer for the stream id. */
typedef struct sluice_position {
  uint32_t struct_size;
  int32_t kind; /* SLUICE_POSITION_… */
  uint64_t epoch;
  uint64_t height;
  sluice_digest digest;
  char stream_id[64]; /* NUL-terminated; at most 63 bytes */
} sluice_position;

/* Why attach is called */
#define SLUICE_ATTACH_RESUMED 1        /* the sink holds base already */
#define SLUICE_ATTACH_GENESIS 2        /* base is height 0 and its digest: the whole stream follows */
#define SLUICE_ATTACH_LATEST 3         /* the sink begins in the middle, by the operator's choice */
#define SLUICE_ATTACH_GAP_SKIPPED 4    /* heights up to base were skipped, by the operator's choice */
#define SLUICE_ATTACH_AFTER_SNAPSHOT 5 /* the sink has just taken a snapshot at base */

typedef struct sluice_attach_args {
  uint32_t struct_size;
  int32_t reason; /* SLUICE_ATTACH_… */
  uint64_t epoch;
  uint64_t height; /* the base: height + 1 is delivered next */
  sluice_digest digest;
} sluice_attach_args;

/* `state` is what create put into the table. Functions marked optional may be NULL. */
typedef struct sluice_instance {
  uint32_t struct_size;
  uint32_t reserved;
  void* state;
  /* Connects and checks; may block up to the deadline. Once an instance. [control & created] */
  int32_t (*start)(void* state, const sluice_start_args* args, sluice_start_result* result);
  /* Optional. Where the sink stands, asked of the external system, not of memory. OK, RETRY, FENCED …
   * [control & started] */
  int32_t (*resume)(void* state, sluice_position* position);
  /* Optional. Records a new base atomically, and durably raises the epoch in the external system before
   * it returns. Before the first deliver and after every change of base. [control & started] */
  int32_t (*attach)(void* state, const sluice_attach_args* args);
  /* OK (acked at the instance's level), PENDING, BUSY, RETRY, REJECT, FATAL. In height order, but for
   * SLUICE_CAP_PARALLEL. [delivery & started] */
  int32_t (*deliver)(void* state, const sluice_batch* batch);
  /* Optional. The call in progress (all of them, under PARALLEL) returns CANCELLED soon. The one function that comes while another is
   * running, and so on another thread: it touches only what may be touched from two. The call that it is
   * meant for may have returned just before. May come again; never twice at once, and has returned before
   * destroy is called. [any-thread & any-state] */
  void (*cancel)(void* state);
  /* Optional. Finishes what is in flight, acks it, within deadline_nanos. [control & started] */
  int32_t (*drain)(void* state, uint64_t deadline_nanos);
  /* Always the last call, legal after a failed start. On return: no thread, no file descriptor, no
   * further host call. [control & any-state] */
  void (*destroy)(void* state);
  /* Optional. An extension of this instance by id and revision ("sluice.readback/1"), or NULL.
   * [control & created] */
  const void* (*get_extension)(void* state, const char* id);
} sluice_instance;

/* ------------------------------------------------------------------------------------------------ */
/* The plugin's table                                                                                 */

typedef struct sluice_plugin {
  uint32_t struct_size;
  uint32_t abi_minor;     /* SLUICE_ABI_MINOR of the header it was built with */
  const char* build_tag;  /* SLUICE_ABI_BUILD_TAG, NUL-terminated; while the ABI is a draft */
  sluice_text id;         /* "file", "com.example.thing" */
  sluice_text version;    /* of the plugin */
  uint64_t capabilities;  /* SLUICE_CAP_… */
  int32_t highest_level;  /* SLUICE_LEVEL_… that any configuration can give */
  uint32_t reserved;
  sluice_text settings_schema; /* JSON array of rows, see docs/writing-a-plugin.md */
  /* Makes an instance, or returns NULL after host->fail. No I/O. The host table lives until destroy
   * returns. [control & any-state] */
  const sluice_instance* (*create)(const sluice_host* host);
} sluice_plugin;

/* Returns the plugin's table, which lives as long as the process. */
typedef const sluice_plugin* (*sluice_plugin_entry_fn)(void);
SLUICE_PLUGIN_EXPORT const sluice_plugin* sluice_plugin_entry_v1(void);

/* ------------------------------------------------------------------------------------------------ */
/* Extension sluice.readback/1: read back what the sink holds, for `sluice verify`.                   */
/* On an instance that was created and never started; read-only, takes no lock, fences nobody.        */

#define SLUICE_EXT_READBACK_V1 "sluice.readback/1"

typedef struct sluice_readback_args {
  uint32_t struct_size;
  uint32_t reserved;
  sluice_text settings; /* as in sluice_start_args */
  sluice_text stream_id;
  sluice_text sink_name;
  sluice_text home;
  uint64_t last_height; /* read nothing above this height; UINT64_MAX: to the end */
} sluice_readback_args;

/* In sluice_readback_info.flags */
#define SLUICE_READBACK_FILTERED 1u  /* a filter left changes out */
#define SLUICE_READBACK_TRUNCATED 2u /* the beginning is gone: retention, or a base that is not genesis */

#define SLUICE_READBACK_CHANGES 1 /* items are heights with their changes; where the sink began with a
                                     snapshot, its rows come first and the heights go on behind it */
#define SLUICE_READBACK_STATE 2   /* items are rows of the present state */

typedef struct sluice_readback_info {
  uint32_t struct_size; /* set by the host */
  uint32_t flags;
  int32_t content;  /* SLUICE_READBACK_CHANGES or _STATE */
  uint32_t reserved;
  uint64_t first_height; /* of what can be read; 0 where nothing is there; a snapshot's own height */
  sluice_position position; /* where the sink stands */
  void* cursor;             /* the plugin's, for next and close */
} sluice_readback_info;

#define SLUICE_READBACK_END 0    /* nothing more */
#define SLUICE_READBACK_HEIGHT 1 /* height, digests and changes are set */
#define SLUICE_READBACK_ROW 2    /* store, key and value are set; of a snapshot's row height and digest too */

/* In sluice_readback_item.flags, beside SLUICE_BATCH_FILTERED */
#define SLUICE_READBACK_NO_DIGEST 0x10000u /* digest is not known: what holds one record a change holds
                                              none for a height without changes */

/* Borrowed until the next call on the same cursor. */
typedef struct sluice_readback_item {
  uint32_t struct_size; /* set by the host */
  int32_t kind;         /* SLUICE_READBACK_END, _HEIGHT or _ROW */
  uint32_t flags;       /* SLUICE_BATCH_FILTERED, SLUICE_READBACK_NO_DIGEST */
  uint32_t has_previous_digest; /* 1 where previous_digest is known */
  uint64_t height;
  sluice_digest digest;
  sluice_digest previous_digest;
  sluice_bytes canonical; /* the height's canonical bytes, or empty where the sink does not keep them */
  const sluice_change* changes;
  uint64_t change_count;
  uint64_t change_stride;
  sluice_text store;
  sluice_bytes key;
  sluice_bytes value;
} sluice_readback_item;

typedef struct sluice_readback_v1 {
  uint32_t struct_size;
  uint32_t reserved;
  /* [control & created] */
  int32_t (*open)(void* state, const sluice_readback_args* args, sluice_readback_info* info);
  /* [control & created] */
  int32_t (*next)(void* state, void* cursor, sluice_readback_item* item);
  /* [control & created] */
  void (*close)(void* state, void* cursor);
} sluice_readback_v1;

/* ------------------------------------------------------------------------------------------------ */
/* Extension sluice.snapshot/1: a copy of the present state that replaces what the sink holds.        */
/*                                                                                                    */
/* On a started instance, between resume and attach: begin, part …, end, resume again, attach with    */
/* AFTER_SNAPSHOT; deliver goes on with height + 1. Everything that the sink held of this stream is   */
/* replaced; rows of other streams and sinks are not touched. The position (height, digest) is        */
/* recorded with the end and not before: either begin makes resume answer EMPTY, durably, or the copy  */
/* is built beside what is held and takes its place with the end. Without an end (destroy, a crash)   */
/* the next begin begins anew: parts of two copies never mix.                                         */

#define SLUICE_EXT_SNAPSHOT_V1 "sluice.snapshot/1"

typedef struct sluice_snapshot_args {
  uint32_t struct_size;
  uint32_t flags; /* SLUICE_BATCH_FILTERED: what the sink's filter leaves out is not among the rows */
  uint64_t epoch;  /* raised durably by begin, as attach does */
  uint64_t height; /* the rows are the state after this height */
  sluice_digest digest;   /* D(height) */
  int64_t time_unix_nanos; /* when the copy began */
  uint64_t rows_about;    /* how many are to come, roughly; 0: not known */
} sluice_snapshot_args;

typedef struct sluice_row {
  sluice_text store;
  sluice_bytes key;
  sluice_bytes value;
} sluice_row;

/* Borrowed until the call returns. */
typedef struct sluice_snapshot_part {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t part; /* 0, 1, …, each once and in order */
  const sluice_row* rows; /* store after store, in ascending order of the key's bytes; each key once */
  uint64_t row_count;
  uint64_t row_stride;
} sluice_snapshot_part;

/* What begin, part and end return but OK ends the instance; RETRY: a new one begins anew, after a while.
 * They may block as long as it takes (a deliver's cancel reaches them), and each row that is taken is
 * progress. */
typedef struct sluice_snapshot_v1 {
  uint32_t struct_size;
  uint32_t reserved;
  /* [control & started] */
  int32_t (*begin)(void* state, const sluice_snapshot_args* args);
  /* [control & started] */
  int32_t (*part)(void* state, const sluice_snapshot_part* part);
  /* The copy is whole, durable, and where resume says. [control & started] */
  int32_t (*end)(void* state);
} sluice_snapshot_v1;

/* ------------------------------------------------------------------------------------------------ */
/* Extension sluice.provision/1: what the external system must have before a sink can start, and how  */
/* a sink is made empty.                                                                              */
/* On an instance that was created and never started; start may follow on the same one. The table     */
/* grows at its end: a reader uses what lies within struct_size. Each function is optional; begin and */
/* poll come together. A plugin without them makes in start what it needs.                            */
/*                                                                                                    */
/* begin starts a task that goes on in the external system, and poll watches it, so that no call      */
/* takes minutes. The host keeps the task's id over crashes and asks again where it was left; but it  */
/* may be killed between begin's return and keeping the id, so begin is keyed by stream and sink: it  */
/* looks first, and gives the id of a task that is under way already instead of starting a second.    */

#define SLUICE_EXT_PROVISION_V1 "sluice.provision/1"

/* Where a plan goes: the host's. */
typedef struct sluice_plan {
  uint32_t struct_size;
  uint32_t reserved;
  void* context; /* passed back as it is */
  /* Appends text, copied before it returns. Only within the call of plan, on its thread. */
  void (*write)(void* context, sluice_text text);
} sluice_plan;

/* Where begin says what it has started. */
typedef struct sluice_provision_task {
  uint32_t struct_size; /* set by the host */
  uint32_t reserved;
  char id[64]; /* UTF-8, NUL-terminated; at most 63 bytes. Empty: all is there already */
} sluice_provision_task;

/* What a task has come to, as int32_t. */
#define SLUICE_PROVISION_UNKNOWN 0 /* there is no such task; the host begins anew, after a while */
#define SLUICE_PROVISION_RUNNING 1
#define SLUICE_PROVISION_DONE 2
#define SLUICE_PROVISION_FAILED 3

/* Whose fault it is, as int32_t. */
#define SLUICE_CAUSE_SYSTEM 1 /* the external system's: it may do better later */
#define SLUICE_CAUSE_USER 2   /* the operator's: settings, rights, names */

typedef struct sluice_provision_report {
  uint32_t struct_size; /* set by the host */
  int32_t state; /* SLUICE_PROVISION_… */
  int32_t code;  /* FAILED: SLUICE_RETRY, SLUICE_FATAL, … */
  int32_t cause; /* FAILED: SLUICE_CAUSE_… */
  sluice_text text; /* FAILED: why; RUNNING: how far it is, or empty. Borrowed until the next call of
                       this instance */
} sluice_provision_report;

typedef struct sluice_provision_v1 {
  uint32_t struct_size;
  uint32_t reserved;
  /* Writes what an administrator of the external system has to run there so that a start with these
   * args finds all that it needs: whole lines of text in that system's own language (SQL, a shell's),
   * which may run more than once and holds no secret. Makes nothing and fences nobody; works where the
   * external system cannot be reached. The epoch in args is 0. A plan without text: there is nothing
   * to do. [control & created] */
  int32_t (*plan)(void* state, const sluice_start_args* args, const sluice_plan* plan);
  /* Begins what start would otherwise have to wait for, and returns soon. UNSUPPORTED: with these
   * settings there is nothing to begin, start makes what it needs. [control & created] */
  int32_t (*begin)(void* state, const sluice_start_args* args, sluice_provision_task* task);
  /* Where the task of that id is, asked of the external system; begun by this instance or by one of
   * an earlier process. RETRY: it cannot be asked now, and is asked again. [control & created] */
  int32_t (*poll)(void* state, const sluice_start_args* args, sluice_text task,
                  sluice_provision_report* report);
  /* Removes what the sink holds of this stream for this sink, its position included, and durably
   * raises the epoch in the external system, before it removes anything: FENCED, and nothing is
   * removed, where a newer epoch, another stream or another sink is there. resume answers EMPTY
   * afterwards. What was provisioned stays. May come again after a crash in the midst of it.
   * [control & created] */
  int32_t (*reset)(void* state, const sluice_start_args* args);
} sluice_provision_v1;

/* ------------------------------------------------------------------------------------------------ */
/* Host extension sluice.metrics/1: numbers of the plugin's own, for status and monitoring.            */
/* Got by host->get_extension; the table lives as long as the host's. `context` is host->context.      */

#define SLUICE_EXT_METRICS_V1 "sluice.metrics/1"

/* A name is lower-case letters, digits and '_', begins with a letter, has at most 63 bytes, and ends in
 * its unit where it has one ("rtt_p99_micros"). A sink has at most names_max of them; the first call with
 * a name makes it a gauge or a counter. Counters go on where an instance follows another; gauges end with
 * their instance. Both functions answer OK, INVALID (no such name, or it is of the other kind) or
 * NO_MEMORY (too many names); none of it is worth more than a log line. */
typedef struct sluice_metrics_v1 {
  uint32_t struct_size;
  uint32_t names_max;
  /* A gauge is now `value`. [any-thread & any-state] */
  int32_t (*set)(void* context, sluice_text name, int64_t value);
  /* A counter is `count` larger. [any-thread & any-state] */
  int32_t (*add)(void* context, sluice_text name, uint64_t count);
} sluice_metrics_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* SLUICE_PLUGIN_H_ */
