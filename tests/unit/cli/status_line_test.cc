// SPDX-License-Identifier: Apache-2.0
#include "cli/status_line.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

SinkStatus Sink(const std::string& name, const std::string& lifecycle, const std::string& mode,
                const std::string& reason = "") {
  SinkStatus sink;
  sink.name = name;
  sink.lifecycle = lifecycle;
  sink.mode = mode;
  sink.reason = reason;
  return sink;
}

NodeStatus At(uint64_t height) {
  NodeStatus status;
  status.height = Height(height);
  return status;
}

TEST(StatusLine, NamesTheSinksThatAreNotLive) {
  NodeStatus status = At(812);
  EXPECT_EQ(StatusLine(status, false), "height 812, no sinks");
  status.sinks = {Sink("audit", "running", "live"), Sink("pg", "repairing", "", "refused"),
                  Sink("kafka", "running", "catching_up")};
  EXPECT_EQ(StatusLine(status, false),
            "height 812, 1 of 3 sinks live; pg repairing (refused); kafka catching_up");
}

TEST(StatusLine, SaysWhyNoBlockCommits) {
  NodeStatus status = At(7);
  status.sinks = {Sink("audit", "running", "live")};
  status.degraded = true;
  status.not_ready = "the disk is full";
  EXPECT_EQ(StatusLine(status, false),
            "height 7, not ready: the disk is full, DEGRADED, 1 of 1 sinks live");
}

TEST(StatusLine, OfAStartNamesWhomItWaitsFor) {
  NodeStatus status = At(7);
  status.waiting_on = {"pg", "kafka"};
  EXPECT_EQ(StatusLine(status, true), "starting at height 7, waiting on pg, kafka; no sinks");
}

TEST(StatusLine, IsOneShortLineWhateverASinkSays) {
  NodeStatus status = At(7);
  status.sinks = {Sink("pg", "suspended", "", "a\nMAINPID=1\r\t\x7f" + std::string(500, 'x'))};
  const std::string line = StatusLine(status, false);
  EXPECT_LE(line.size(), 203u);
  for (char c : line) EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f) << line;
}

TEST(StatusLine, IsNotCutWithinACharacter) {
  NodeStatus status = At(7);
  std::string reason;
  for (int i = 0; i < 200; ++i) reason += "é";
  status.sinks = {Sink("kafka", "suspended", "", reason)};
  const std::string line = StatusLine(status, false);
  ASSERT_TRUE(line.ends_with("é…")) << line;
}

}  // namespace
}  // namespace sluice
