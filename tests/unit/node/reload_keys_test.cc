// SPDX-License-Identifier: Apache-2.0
#include "node/reload_keys.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

EffectiveValue Value(const char* path, const char* text) {
  EffectiveValue value;
  value.path = path;
  value.text = text;
  return value;
}

TEST(ReloadKeys, NamesWhatDiffersCameAndWent) {
  const std::vector<EffectiveValue> before = {Value("commit.policy", "\"all\""),
                                              Value("log.level", "\"info\""),
                                              Value("sinks.old.ack", "true")};
  std::vector<EffectiveValue> after = before;
  EXPECT_TRUE(DifferingKeys(before, after).empty());
  after[0].text = "\"fire-and-forget\"";
  after[2] = Value("sinks.new.ack", "true");
  EXPECT_EQ(DifferingKeys(before, after),
            (std::vector<std::string>{"commit.policy", "sinks.new.ack", "sinks.old.ack"}));
}

TEST(ReloadKeys, WhatARunningNodeTakesOver) {
  for (const char* key : {"commit.policy", "commit.level", "commit.ack_timeout",
                          "commit.on_failure", "commit.recover_timeout"}) {
    EXPECT_TRUE(IsOfThePolicy(key)) << key;
    EXPECT_FALSE(NeedsRestart(key)) << key;
  }
  for (const char* key : {"sinks.audit.stores", "lifecycle.stop_timeout"}) {
    EXPECT_FALSE(IsOfThePolicy(key)) << key;
    EXPECT_FALSE(NeedsRestart(key)) << key;
  }
  for (const char* key : {"commit.window", "commit.sync", "node.stream_id", "journal.max_bytes",
                          "admin.listen", "driver.replay.path", "log.level", "plugins.dir"}) {
    EXPECT_FALSE(IsOfThePolicy(key)) << key;
    EXPECT_TRUE(NeedsRestart(key)) << key;
  }
}

}  // namespace
}  // namespace sluice
