// SPDX-License-Identifier: Apache-2.0
//
// The system calls that make a file durable, so that a test can count them, make one fail, end the
// process at one, or take the power away at one. The test executable defines pwrite, fdatasync,
// fsync, ftruncate, unlink, rename and open itself; each forwards to the kernel.
//
// Calls on files outside the watched folder are not counted.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace sluice_file::testing {

class FaultySystem {
 public:
  // From now on calls in `folder` are counted from 1.
  static void Watch(const std::filesystem::path& folder);
  static void Stop();
  // Within an action, where nothing is watched: watches, with what is known of the disk, or no
  // more. For a process that "died" there and starts again.
  static void SetWatching(bool watching);
  static uint64_t calls();

  // The nth counted call (and, with `sticky`, all after it) fails with `error`; a failing pwrite
  // writes half of its bytes first.
  static void FailAt(uint64_t nth, int error, bool sticky = false);
  // Only calls named so ("fdatasync") count for FailAt and DoAt.
  static void Only(const std::string& name);
  // Runs `action` right before, or right after, the nth counted call.
  static void DoAt(uint64_t nth, bool after, std::function<void()> action);

  // What a power cut at this instant would leave of the watched folder, written to `to`: of each
  // file what was synced, of the folder the names that were synced. With `lucky` a part of what was
  // not synced is there too.
  static void WriteSurvivors(const std::filesystem::path& to, uint64_t lucky);
};

}  // namespace sluice_file::testing
