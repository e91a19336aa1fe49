// SPDX-License-Identifier: Apache-2.0
//
// What the environment asks of the fault layer; README.md says what each variable means.
//
// Threading: read once, before any other part of the layer works.
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

namespace sluice::faultfs {

inline constexpr int kAnyOp = -1;

enum class When { kBefore, kDuring, kAfter };

struct KillPoint {
  bool set = false;
  int op = kAnyOp;
  char match[PATH_MAX] = "";
  uint64_t at = 0;
  When when = When::kBefore;
  uint64_t seen = 0;
};

struct FullDisk {
  const char* control_file = "";  // full while it exists
  const char* match = "";
  bool partial = false;           // the first write without room is short, not failed
  bool limited = false;           // `limit` counts
  uint64_t limit = 0;             // bytes of growth after which the disk is full
  uint64_t grown = 0;             // bytes of growth so far
  bool full = false;              // for ever, where there is no control file to remove
  bool short_write_done = false;  // in this period of being full
};

struct SyncError {
  bool set = false;
  char match[PATH_MAX] = "";
  uint64_t at = 0;
  bool all_later = false;
  uint64_t seen = 0;
};

// The text of SLUICE_FAULTFS_<name>; "" where it is not set.
const char* Setting(const char* name);

// Ends the process with the exit code 125: a test that runs without the fault it asked for passes.
[[noreturn]] void BadSetting(const char* name, const char* value);

// Each fills its argument from the environment, or ends the process.
void ReadKillPoint(const char* const* op_names, int op_count, KillPoint* kill);
void ReadFullDisk(FullDisk* disk);
void ReadSyncError(SyncError* error);

}  // namespace sluice::faultfs
