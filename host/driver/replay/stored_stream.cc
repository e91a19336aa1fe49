// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/stored_stream.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace sluice {

using sluice_file::Entry;
using sluice_file::EntryKind;
using sluice_file::Fault;
using sluice_file::FaultKind;

Status StatusOfFault(const Fault& fault) {
  switch (fault.kind()) {
    case FaultKind::kNone:
      return Status::Ok();
    case FaultKind::kDamage:
      return Status(StatusCode::kCorruption,
                    "stream: " + fault.text() +
                        ": keep the file as it is, and restore the folder from a copy");
    case FaultKind::kInvalid:
      return Status(StatusCode::kInvalid,
                    "stream: " + fault.text() + ": name a file sink's folder or a file of it");
    default:
      return Status(StatusCode::kIo, "stream: " + fault.text());
  }
}

Digest ToHostDigest(const sluice_file::Digest& digest) {
  Digest out;
  std::copy(digest.begin(), digest.end(), out.bytes.begin());
  return out;
}

std::string CheckBase(const Entry& entry, const std::string& stream) {
  if (entry.height != 0 || entry.kind != EntryKind::kBase) return {};
  if (ToHostDigest(entry.digest) == GenesisDigest(stream)) return {};
  return "it begins at genesis, but not with the digest of stream " + stream;
}

Result<std::shared_ptr<const ChangeSet>> ReadChangeSet(const Entry& entry,
                                                       const std::string& stream) {
  SLUICE_ASSIGN_OR_RETURN(
      std::shared_ptr<const ChangeSet> changes,
      ChangeSet::Parse(std::string(entry.canonical), ToHostDigest(entry.previous_digest),
                       ToHostDigest(entry.digest)));
  if (changes->height() != Height(entry.height) || changes->stream_id() != stream ||
      changes->filtered() != entry.filtered) {
    return Error(StatusCode::kCorruption,
                 fmt::format("the frame is of height {} of stream {}, its bytes of height {} of "
                             "stream {}",
                             entry.height, stream, changes->height(), changes->stream_id()));
  }
  if (!entry.filtered) SLUICE_RETURN_IF_ERROR(changes->CheckDigest());
  return changes;
}

}  // namespace sluice
