// SPDX-License-Identifier: Apache-2.0
//
// What the fault layer decides: when the process dies, when the disk
// is full, when a sync fails. The intercept_*.cc files ask it around each call that they take over.
//
// The library is loaded in front of libc, so nothing here allocates, throws or calls what it
// intercepts: fixed buffers and system calls only. An allocator that opens a file from within
// malloc could otherwise come back into the layer and wait for itself.
//
// Threading: everything from any thread. One lock is held around each changing call and its record,
// so the trace has the order in which the calls took effect; only the wait of a sync is outside it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "path.h"

namespace sluice::faultfs {

enum class Op { kWrite, kSync, kRename, kUnlink, kCreate, kTruncate };
inline constexpr int kOpCount = 6;

// True where no root is set; then every call goes straight to the kernel.
bool Asleep();

class Lock {
 public:
  Lock();
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
};

// What Arrive says of the call at hand.
enum class Fate { kLive, kDieDuring, kDieAfter };

// Counts the call, and kills the process here if the kill point lies before it. Lock held.
Fate Arrive(Op op, const Path& path, const Path* other = nullptr);

// After the call and its record: kills the process unless it is to live. Lock held.
void Depart(Fate fate);

[[noreturn]] void Die();

// How many of the `length` bytes of a write that makes `path` longer by `growth` bytes have room.
// Lock held.
size_t Room(const Path& path, size_t length, size_t growth);

// True where fallocate may take space for `path`, of which `growth` bytes lengthen it. Lock held.
bool HasRoomToAllocate(const Path& path, size_t growth);

// True where this sync is the one that has to fail. Lock held.
bool SyncFails(const Path& path);

// Says on standard error, and in the trace, that the process did what the layer cannot follow; a
// power cut of that trace is then refused. Lock held.
void ReportUnsupported(const char* what, const Path& path);

}  // namespace sluice::faultfs
