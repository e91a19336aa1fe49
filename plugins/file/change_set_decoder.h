// SPDX-License-Identifier: Apache-2.0
//
// The changes in canonical bytes (share/sluice/proto/sluice/stream/v1/stream.proto), as views into
// them. Written by hand: the plugin then needs no protobuf runtime, whose version could differ from
// the node's. Threading: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "file/file_reader.h"

namespace sluice_file {

struct ChangeSetView {
  std::string_view stream;
  uint64_t height = 0;
  int64_t time_unix_nanos = 0;
  bool filtered = false;
  std::vector<ChangeView> changes;
};

// What is wrong with the bytes, or nothing. Unknown fields are passed over.
std::string DecodeChangeSet(std::string_view canonical, ChangeSetView* out);

}  // namespace sluice_file
