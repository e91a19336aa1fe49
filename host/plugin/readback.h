// SPDX-License-Identifier: Apache-2.0
//
// Reading back what a sink holds, through the plugin's extension sluice.readback/1.
// Threading: one thread. Lifetime: views in an item are valid until the next call of Next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/change_set.h"
#include "plugin/sink_instance.h"

namespace sluice {

struct ReadbackArgs {
  std::string settings_json;
  std::string stream_id;
  SinkName sink;
  std::string home;
  Height last_height;  // read nothing above it
};

enum class ReadbackContent { kChanges, kState };

struct ReadbackInfo {
  ReadbackContent content = ReadbackContent::kChanges;
  bool filtered = false;   // a filter left changes out
  bool truncated = false;  // the beginning is gone
  Height first_height;     // 0: nothing is there
  SinkPosition position;
};

// One height with its changes (kChanges), or one row: of the state (kState), or of the snapshot
// that the heights go on behind (kChanges), then with its height and digest.
struct ReadbackItem {
  bool is_row = false;
  Height height;
  Digest digest;
  bool digest_known = true;
  std::optional<Digest> previous_digest;
  std::string_view canonical;   // empty where the sink does not keep them
  std::vector<Change> changes;  // views
  bool filtered = false;
  std::string_view store, key, value;
};

class Readback {
 public:
  virtual ~Readback() = default;
  virtual const ReadbackInfo& info() const = 0;
  // False at the end.
  virtual Result<bool> Next(ReadbackItem* item) = 0;
};

}  // namespace sluice
