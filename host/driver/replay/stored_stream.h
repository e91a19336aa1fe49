// SPDX-License-Identifier: Apache-2.0
//
// The reader of the file sink's streams (plugins/file/stream_reader.h) in the host's terms: what
// replaying a stream and the `stream` commands share. The reader checks checksums and what ties
// heights and files together; what is checked here is what it leaves open, the canonical bytes.
//
// Threading: pure functions.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "file/stream_reader.h"
#include "model/change_set.h"
#include "model/digest.h"

namespace sluice {

// kInvalid where the path is no stream's, kCorruption with file and offset for damage, kIo.
Status StatusOfFault(const sluice_file::Fault& fault);

Digest ToHostDigest(const sluice_file::Digest& digest);

// What is wrong with a base as the beginning of `stream`, or nothing: one at height 0 has the
// digest that the stream's id gives.
std::string CheckBase(const sluice_file::Entry& entry, const std::string& stream);

// The change set of a height in segments: its bytes canonical, of the height and stream that the
// frame and its file say, and, unless it is filtered, giving the frame's digest. kCorruption, of
// which the text says what is wrong, and not where.
Result<std::shared_ptr<const ChangeSet>> ReadChangeSet(const sluice_file::Entry& entry,
                                                       const std::string& stream);

}  // namespace sluice
