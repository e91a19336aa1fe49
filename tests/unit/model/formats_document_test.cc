// SPDX-License-Identifier: Apache-2.0
//
// docs/formats.md shows canonical bytes: they are those of the golden stream's height 2.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "base/bytes.h"
#include "model/change_set.h"

namespace sluice {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream in(std::string(SLUICE_SOURCE_DIR) + "/" + path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

// The lines between "```<name>" and "```".
std::string FencedBlock(const std::string& document, const std::string& name) {
  const std::string begin = "```" + name + "\n";
  const size_t start = document.find(begin);
  EXPECT_NE(start, std::string::npos) << name;
  if (start == std::string::npos) return "";
  const size_t from = start + begin.size();
  return document.substr(from, document.find("```", from) - from);
}

// The bytes of a dump whose lines are "<offset> | <bytes> | <what they are>"; offsets are checked.
std::string BytesOfDump(const std::string& dump) {
  std::string bytes;
  std::istringstream lines(dump);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find('|');
    const size_t second = line.find('|', first + 1);
    if (second == std::string::npos) {
      ADD_FAILURE() << "not a line of a dump: " << line;
      continue;
    }
    EXPECT_EQ(std::stoul(line.substr(0, first)), bytes.size()) << line;
    std::string hex = line.substr(first + 1, second - first - 1);
    std::erase(hex, ' ');
    bytes += FromHex(hex).value_or("");
  }
  return bytes;
}

TEST(FormatsDocument, ShowsTheCanonicalBytesAndDigestsOfTheGoldenStream) {
  const std::string document = ReadFile("docs/formats.md");
  const std::string bytes = BytesOfDump(FencedBlock(document, "canonical"));
  EXPECT_EQ(ToHex(bytes), ToHex(ReadFile("tests/data/golden/stream/2.bin")));

  std::string first_digests = ReadFile("tests/data/golden/stream/digests.txt");
  size_t end = 0;
  for (int line = 0; line < 3; ++line) end = first_digests.find('\n', end) + 1;
  EXPECT_EQ(FencedBlock(document, "digests"), first_digests.substr(0, end));
}

}  // namespace
}  // namespace sluice
