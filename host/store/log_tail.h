// SPDX-License-Identifier: Apache-2.0
//
// What a power cut leaves of RocksDB's log. A write that was not synced reaches the disk in any
// order, page by page or not at all; so its record may lack its middle, and RocksDB takes that for
// damage. Nothing in RocksDB's log says what had been synced. So every batch of ours says it: it
// carries, for the log only, the last sequence number that was durable when it was written.
//
//   log data := durable sequence (fixed64, little-endian) 'S'    9 bytes, the last of the batch
//
// The mark is last so that no batch ends in a zero: a zero there was never written (log_reader.h).
//
// At a bad place, with X the sequence number at which the batch begins that cannot be read:
//   - a batch after it, in this log or a later one, says that X or more was durable: damage;
//   - so it is where such a batch says nothing (it is of an older build), or takes X's place;
//   - and where the place does not look as an unfinished write does: bytes were changed;
//   - else it is a torn tail. What follows X was never synced, and is cut.
//
// Batches may also be missing where nothing looks bad: a log may lack its unsynced end, cut exactly
// where an earlier sync ended, while the log begun after it does not. That is torn by the same
// rules, but only between the two newest logs that hold anything: RocksDB syncs a log soon after it
// has begun another. Within a log, and before more than one other, it is damage.
//
// The last synced batch has none after it to speak for it. Of it only the look tells: where a
// sector of it is all zero, be it that one was lost, or that a value holds so many zeros and a
// byte elsewhere was changed, it is taken for unfinished.
//
// In the block of the bad place (32 KiB) a batch may also be found within a value. There one counts
// only for the mark that it carries: a copy of some other log is no harm; to make damage of a torn
// tail a value must hold a record made for this place in this home. Then the start is refused.
//
// Threading: pure functions over files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice {

std::string EncodeDurable(uint64_t sequence);

// What the log data in a batch's bytes says, the highest where it was written together with others.
// Nothing where it has none, or is no batch at all.
std::optional<uint64_t> DurableOf(std::string_view batch);

struct LogsFound {
  enum class Kind {
    kWhole,
    kTorn,    // cut from first_lost on; the rest is whole
    kDamage,  // of what was synced
  };
  Kind kind = Kind::kWhole;
  // Of the first bad place.
  std::string file;     // its name, without the folder
  uint64_t offset = 0;  // bytes
  std::string what;
  uint64_t dropped_bytes = 0;  // from there on, in this log and later ones
  uint64_t first_lost = 0;     // sequence number
  // kTorn: the newest log ends within a batch, as that of a running node may at any moment.
  bool file_ends = false;
};

// Reads the logs in the database's folder whose number is `first_log` or higher; 64 MiB, as much as
// there mostly is at most, take some 25 ms where they are in the page cache. kIo: one cannot be
// read.
Result<LogsFound> ExamineLogs(const std::string& folder, uint64_t first_log);

}  // namespace sluice
