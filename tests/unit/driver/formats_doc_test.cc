// SPDX-License-Identifier: Apache-2.0
//
// The example lines of docs/formats.md are read as the text around them says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "replay_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;

std::string FencedBlock(std::string_view name) {
  std::ifstream file(SLUICE_SOURCE_DIR "/docs/formats.md");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string fence = "\n```" + std::string(name) + "\n";
  size_t begin = text.find(fence);
  if (begin == std::string::npos) return "no fenced block " + std::string(name);
  begin += fence.size();
  return text.substr(begin, text.find("\n```\n", begin) + 1 - begin);
}

TEST_F(ReplayTest, BlockLinesOfTheFormatsDocumentAreRead) {
  Run run = ReplayText(FencedBlock("jsonl-block"));
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.described(), ElementsAre("set orders o-1=42; delete orders o-0", ""));
  EXPECT_EQ(run.blocks[0].time_unix_nanos, 1'769'860'800'000'000'000);
  EXPECT_EQ(run.blocks[1].height, Height(2));
}

TEST_F(ReplayTest, OtherLinesOfTheFormatsDocumentAreRead) {
  Run run = ReplayText(FencedBlock("jsonl-lines"));
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.described(),
              ElementsAre("require orders o-1=42; set orders o-1={\"qty\":43} | set orders o-2=1 | "
                          "require orders o-3 | set orders " +
                          std::string("\xff\0", 2) + "="));
}

}  // namespace
}  // namespace sluice
