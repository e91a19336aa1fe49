// SPDX-License-Identifier: Apache-2.0
#include "cli/status_line.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace sluice {
namespace {

constexpr size_t kBytesMax = 200;

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// One line of plain characters: a line break would begin a message of its own to who is told.
std::string Plain(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  if (text.size() <= kBytesMax) return text;
  size_t end = kBytesMax;
  // Not within a character of several bytes.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string SinksText(const NodeStatus& status) {
  if (status.sinks.empty()) return "no sinks";
  size_t live = 0;
  std::string others;
  for (const SinkStatus& sink : status.sinks) {
    if (sink.lifecycle == "running" && sink.mode == "live") {
      ++live;
      continue;
    }
    const std::string& what = sink.lifecycle == "running" ? sink.mode : sink.lifecycle;
    others += fmt::format("; {} {}{}", sink.name, what,
                          sink.reason.empty() ? "" : " (" + sink.reason + ")");
  }
  return fmt::format("{} of {} sinks live{}", live, status.sinks.size(), others);
}

}  // namespace

std::string StatusLine(const NodeStatus& status, bool starting) {
  if (starting) {
    return Plain(
        fmt::format("starting at height {}{}; {}", status.height,
                    status.waiting_on.empty() ? "" : ", waiting on " + Joined(status.waiting_on),
                    SinksText(status)));
  }
  std::string text = fmt::format("height {}", status.height);
  if (!status.not_ready.empty()) text += ", not ready: " + status.not_ready;
  if (status.degraded) text += ", DEGRADED";
  return Plain(text + ", " + SinksText(status));
}

}  // namespace sluice
