// SPDX-License-Identifier: Apache-2.0
//
// The record of every change below the root, in the order in which the changes took effect, with
// the bytes. power_cut.py replays it and so knows what a power cut would have left.
//
// A run of a process writes one file <trace folder>/<number, 6 digits>.log. It is a sequence of
//   magic u32 · kind u8 · 3 zero bytes · path size u32 · second path size u32 · number u64 · size
//   u64 · path · second path · data
// in the machine's byte order; `data` has `size` bytes for kWrite, none for the others. The last
// record may be cut short where the process was killed from outside.
//
// A record follows its call. So a call without a record can only be the last one of a run that was
// killed from outside; no answer was given to it, and a power cut may take it back anyway.
//
// Threading: the lock of layer.h is held by the caller.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "layer.h"

namespace sluice::faultfs {

enum class Record : uint8_t {
  kWrite = 1,          // number: offset; data: the bytes
  kTruncate = 2,       // number: the new size
  kExtend = 3,         // number: the size that the file has at least
  kZero = 4,           // number: offset; size: how many bytes are zero now
  kCreate = 5,         // a new empty file
  kMakeFolder = 6,     //
  kLink = 7,           // second path: the new name
  kRename = 8,         // second path: the new name
  kUnlink = 9,         //
  kRemoveFolder = 10,  //
  kSyncBegin = 11,     // number: identity of the sync; size: 1 where it is of the whole file system
  kSyncEnd = 12,       // number: identity of the sync, which succeeded
  kSyncError = 13,     // the sync failed, and what was not durable yet is lost
  kUnsupported = 14,   // second path: what was done
};

// Opens the trace of this process in `folder`; an empty name: there is none. False: it cannot.
bool OpenTrace(const char* folder);

void Log(Record kind, const Path& path, const char* other, uint64_t number, uint64_t size);

// The first `size` bytes of `parts` were written to `path` at `offset`.
void LogWrite(const Path& path, uint64_t offset, const iovec* parts, int count, size_t size);

}  // namespace sluice::faultfs
