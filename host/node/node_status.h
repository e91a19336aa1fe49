// SPDX-License-Identifier: Apache-2.0
//
// The status document: what `sluice status`, the admin socket and the status page show. Its keys
// are stable; docs/formats.md lists them. Threading: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"
#include "lifecycle/sink_loop.h"
#include "model/digest.h"
#include "store/database.h"

namespace sluice {

struct NodeStatus {
  // node
  std::string stream_id, version;
  bool running = false;
  Epoch epoch;
  Height height;
  Digest digest;
  Height journaled_height;
  double uptime_seconds = 0;
  bool degraded = false;
  bool sync = true;
  std::vector<UnackedRange> unacked_ranges;
  std::string last_halt;        // JSON object {"time","height","reason"}, or empty
  std::string blocked;          // why no block is taken, or empty
  std::string not_ready;        // why a block that comes now would not commit, or empty
  std::string metrics_address;  // where /metrics is served, or empty
  // commit
  std::string policy, policy_text, level;
  uint64_t window = 0;
  std::vector<std::string> waiting_on;
  double gate_p50_seconds = 0, gate_p99_seconds = 0;
  // journal
  Height journal_first, journal_last;
  uint64_t journal_bytes = 0, journal_max_bytes = 0;
  std::vector<SinkStatus> sinks;
};

// One JSON object, pretty-printed where `indent` is not negative.
std::string StatusToJson(const NodeStatus& status, int indent = -1);

// A table for people, from the JSON of a running node or of a stopped home.
std::string StatusJsonToText(const std::string& json);

// The same of the document's "sinks" alone, as JSON: the table; and of one of them: every key of
// it, a line each, and its state in words: "repairing (connection refused; attempt 3; next in 1.6
// s)".
std::string SinkTable(const std::string& sinks_json);
std::string SinkJsonToText(const std::string& sink_json);
std::string SinkStateText(const std::string& sink_json);

}  // namespace sluice
