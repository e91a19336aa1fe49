// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "config/checker.h"
#include "config/properties.h"
#include "config/reference.h"
#include "config/toml_reader.h"
#include "config/value_check.h"
#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

TEST(PropertyTable, EveryRowIsComplete) {
  for (const Property& row : NodeProperties().rows()) {
    EXPECT_FALSE(row.description.empty()) << row.path;
    EXPECT_EQ(row.description.back(), '.') << row.path;
    if (row.type == PropertyType::kEnum) {
      EXPECT_FALSE(row.values.empty()) << row.path;
    }
    // Ends the process where a default does not pass its own row.
    DefaultValue(row);
  }
}

TEST(PropertyTable, TemplatesTakeEveryKeyOfASinkButTemplate) {
  const PropertyTable& table = NodeProperties();
  for (const std::string& key : table.Children("sinks.*")) {
    const std::string pattern = "templates.*." + key;
    bool known = table.Find(pattern) != nullptr || !table.Children(pattern).empty();
    EXPECT_EQ(known, key != "template") << key;
  }
}

TEST(PropertyTable, EverySectionIsDescribed) {
  for (const Property& row : NodeProperties().rows()) {
    if (row.path.rfind("templates.*.retry", 0) == 0) continue;
    EXPECT_FALSE(SectionDescription(row.path.substr(0, row.path.rfind('.'))).empty()) << row.path;
  }
}

// A key that was renamed: the table of a later version, as far as this test needs it.
PropertyTable RenamedKey() {
  return PropertyTable({{.path = "commit.ack_timeout",
                         .type = PropertyType::kDuration,
                         .default_text = "2s",
                         .description = "Deadline.",
                         .older_names = {"timeout"}}});
}

CheckOutput CheckRenamed(std::string_view text) {
  tl::expected<ConfigNode, Problem> root = ReadToml(text, "app.toml");
  EXPECT_TRUE(root.has_value());
  return CheckTree(RenamedKey(), *root, nullptr);
}

TEST(OlderNames, WorkWithAWarning) {
  CheckOutput out = CheckRenamed("[commit]\ntimeout = \"5s\"\n");
  EXPECT_EQ(FormatProblems(out.problems), "");
  EXPECT_EQ(out.values.Integer("commit.ack_timeout"), 5'000'000'000);
  EXPECT_EQ(FormatProblems(out.warnings),
            "app.toml:2:1: commit.timeout: is the older name of commit.ack_timeout, and will stop "
            "working with the next minor version; rename it");
}

TEST(OlderNames, OldAndNewTogetherAreAnError) {
  CheckOutput out = CheckRenamed("[commit]\ntimeout = \"5s\"\nack_timeout = \"6s\"\n");
  EXPECT_EQ(FormatProblems(out.problems),
            "app.toml:2:1: commit.timeout: is the older name of commit.ack_timeout, which is given "
            "too; remove this one");
  EXPECT_EQ(out.values.Integer("commit.ack_timeout"), 6'000'000'000);
}

// To write the file anew: SLUICE_TEST_WRITE_DOCS=1 config_test --gtest_filter='Reference.*'
TEST(Reference, CommittedFileIsTheGeneratedOne) {
  std::string path = std::string(SLUICE_SOURCE_DIR) + "/docs/configuration.md";
  std::string generated = ReferenceMarkdown(NodeProperties());
  if (std::getenv("SLUICE_TEST_WRITE_DOCS") != nullptr) {
    std::ofstream(path, std::ios::binary) << generated;
  }
  std::ifstream in(path, std::ios::binary);
  std::string committed{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_EQ(committed, generated)
      << "docs/configuration.md is not what the property table says; write it anew with "
         "`sluice config reference > docs/configuration.md`";
}

TEST(Reference, NamesEverySetting) {
  std::string markdown = ReferenceMarkdown(NodeProperties());
  std::string json = ReferenceJson(NodeProperties());
  for (const Property& row : NodeProperties().rows()) {
    std::string key = row.path.substr(row.path.rfind('.') + 1);
    EXPECT_NE(markdown.find("| `" + key + "` |"), std::string::npos) << row.path;
    if (row.path.rfind("templates.", 0) == 0) continue;
    EXPECT_NE(json.find("\"key\": \"" + row.path + "\""), std::string::npos) << row.path;
  }
}

}  // namespace
}  // namespace sluice
