// SPDX-License-Identifier: Apache-2.0
#include "cli/snapshot_progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/progress.h"
#include "node/node_status.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr Duration kPlainInterval = std::chrono::seconds(2);

std::string Line(const Json& sink, const std::string& sink_json) {
  const auto copy = sink.find("snapshot");
  if (copy == sink.end() || !copy->is_object()) return SinkStateText(sink_json);
  const auto rows = copy->value("rows", uint64_t{0});
  const auto about = copy->value("rows_about", uint64_t{0});
  const double megabytes = static_cast<double>(copy->value("bytes", uint64_t{0})) / 1e6;
  std::string line;
  if (about > 0) {
    const double fraction = std::min(1.0, static_cast<double>(rows) / static_cast<double>(about));
    line = fmt::format("{} {:3.0f} %  ", ProgressBar(fraction), fraction * 100);
  }
  return line + fmt::format("state at height {}: {} rows  {:.1f} MB",
                            copy->value("height", uint64_t{0}), rows, megabytes);
}

}  // namespace

SnapshotProgressLine::SnapshotProgressLine(bool shown, std::string sink)
    : shown_(shown), sink_(std::move(sink)), terminal_(isatty(STDERR_FILENO) == 1) {}

SnapshotProgressLine::~SnapshotProgressLine() {
  if (open_) std::fprintf(stderr, "\n");
}

void SnapshotProgressLine::Show(const std::string& sink_json) {
  if (!shown_) return;
  const Json sink = Json::parse(sink_json, nullptr, false);
  if (!sink.is_object()) return;
  std::string line = fmt::format("{}: {}", sink_, Line(sink, sink_json));
  const TimePoint now = Now();
  if (line == last_ || (!terminal_ && now < last_at_ + kPlainInterval)) return;
  if (terminal_) {
    std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
    open_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
  last_ = std::move(line);
  last_at_ = now;
}

}  // namespace sluice
