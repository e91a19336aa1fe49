// SPDX-License-Identifier: Apache-2.0
#include "config/sink_version.h"

#include <gtest/gtest.h>

#include <set>

#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

std::string Version(const std::string& lines, const std::string& before = "") {
  LoadResult result = Toml(before + WithSink(lines));
  EXPECT_EQ(Problems(result), "");
  return SinkConfigVersion(result.config.sinks.at(0));
}

TEST(SinkConfigVersion, IsTheSameForTheSameMeaning) {
  std::string version = Version("settings = { a = 1, b = { c = 2 } }");
  EXPECT_EQ(version.size(), 64u);
  EXPECT_EQ(Version("\n# moved\nqueue_bytes = \"65536KiB\"\nsettings = { b = { c = 2 }, a = 1 }"),
            version);
  EXPECT_EQ(Version("settings = { a = 1, b = { c = 2 } }\nack = false\nenabled = false"), version);
}

TEST(SinkConfigVersion, ChangesWithWhatAnInstanceIsMadeOf) {
  std::set<std::string> versions;
  const char* const kLines[] = {"",
                                "settings = { a = 1 }",
                                "settings = { a = \"1\" }",
                                "settings = { a = 2 }",
                                "key_prefixes = [\"x\"]",
                                "key_prefixes = [\"x\", \"y\"]",
                                "key_prefixes = [\"x,y\"]",
                                "max_in_flight = 5",
                                "workers = 5",
                                "queue_bytes = \"1MiB\"",
                                "old_values = true",
                                "retry.factor = 3",
                                "retry.max_attempts = 3"};
  for (const char* lines : kLines) versions.insert(Version(lines));
  EXPECT_EQ(versions.size(), std::size(kLines));
}

// A store that is added comes with the node's next start, and a sink of all stores needs no other
// instance for it. The same for what an instance is told while it runs.
TEST(SinkConfigVersion, DoesNotChangeWithWhatAnInstanceIsNotMadeOf) {
  EXPECT_EQ(Version(""), Version("", "[stores]\nnames = [\"main\", \"more\"]\n"));
  EXPECT_EQ(Version(""), Version("", "[commit]\nack_timeout = \"7s\"\n"));
  EXPECT_EQ(Version(""), Version("ack_timeout = \"1s\""));
  EXPECT_NE(Version(""), Version("stores = [\"main\"]"));
}

}  // namespace
}  // namespace sluice
