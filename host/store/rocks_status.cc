// SPDX-License-Identifier: Apache-2.0
#include "store/rocks_status.h"

#include <fmt/core.h>

namespace sluice {
namespace {

StatusCode CodeOf(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return StatusCode::kNoSpace;
  if (status.IsCorruption() || status.IsPathNotFound()) return StatusCode::kCorruption;
  if (status.IsIOError()) return StatusCode::kIo;
  if (status.IsInvalidArgument() || status.IsNotSupported()) return StatusCode::kInvalid;
  if (status.IsNotFound()) return StatusCode::kNotFound;
  if (status.IsBusy() || status.IsTryAgain() || status.IsTimedOut()) return StatusCode::kBusy;
  if (status.IsMemoryLimit()) return StatusCode::kNoMemory;
  return StatusCode::kFailed;
}

std::string_view WhatToDo(StatusCode code) {
  switch (code) {
    case StatusCode::kNoSpace:
      return "; nothing that was committed is lost, make space on the disk";
    case StatusCode::kCorruption:
      return "; nothing was changed, restore the home from a backup";
    default:
      return "";
  }
}

}  // namespace

Status FromRocks(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) return Status::Ok();
  const StatusCode code = CodeOf(status);
  std::string text = status.ToString();
  // A file that it cannot find it names by the ending that was tried last, LevelDB's.
  if (const size_t ending = text.find(".ldb"); ending != std::string::npos) {
    text.replace(ending, 4, ".sst");
  }
  return Status(code, fmt::format("{}: {}{}", doing, text, WhatToDo(code)));
}

}  // namespace sluice
