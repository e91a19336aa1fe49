// SPDX-License-Identifier: Apache-2.0
//
// Whatever is done to a configuration file, loading it ends with a result, and never with a crash.
// SLUICE_TEST_SEED repeats a run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "config/initial_config.h"
#include "config/json_tree.h"
#include "config/settings_schema.h"
#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::string Mutate(std::string text) {
    for (size_t changes = 1 + Below(6); changes > 0 && !text.empty(); --changes) ChangeOne(&text);
    return text;
  }

  size_t Below(size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
  }

 private:
  void ChangeOne(std::string* text) {
    static constexpr const char* kPieces[] = {"[",
                                              "]",
                                              "{",
                                              "}",
                                              "\"",
                                              "'",
                                              "= ",
                                              ": ",
                                              "\n",
                                              "\n\n",
                                              "# ",
                                              "${",
                                              "$${",
                                              "}",
                                              "&a ",
                                              "*a",
                                              "- ",
                                              "!x ",
                                              "null",
                                              "true",
                                              "nan",
                                              "1e999",
                                              "9223372036854775808",
                                              "2026-01-31",
                                              "\"\"\"",
                                              "<<: ",
                                              "---\n",
                                              "? ",
                                              "| ",
                                              "\t",
                                              "\xff",
                                              "\xf0\x9f\x92\xa7",
                                              "\\u0000",
                                              "{ file = \"x\" }",
                                              "sinks",
                                              "templates",
                                              "template = \"audit\"\n",
                                              "[[sinks]]\n",
                                              "[sinks.audit.settings]\n"};
    size_t at = Below(text->size());
    switch (Below(6)) {
      case 0:
        (*text)[at] = static_cast<char>(Below(256));
        break;
      case 1:
        text->erase(at, 1 + Below(40));
        break;
      case 2:
        text->insert(at, kPieces[Below(std::size(kPieces))]);
        break;
      case 3:
        text->insert(at, text->substr(Below(text->size()), 1 + Below(200)));
        break;
      case 4:
        Uncomment(text, at);
        break;
      default:
        text->resize(at);
        break;
    }
  }

  // Takes the comment mark from the line at `at`, so that rows that are not active get their turn.
  static void Uncomment(std::string* text, size_t at) {
    size_t hash = text->find('#', at);
    if (hash != std::string::npos) text->erase(hash, 1);
  }

  std::mt19937_64 random_;
};

uint64_t Seed() {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("SLUICE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

void LoadMutations(ConfigFormat format, int rounds) {
  Mutator mutator(Seed());
  const std::string original = InitialConfigText(format);
  const Environment environment = {{"NAME", "x"}, {"SLUICE_SINKS__AUDIT__ACK", "false"}};
  int accepted = 0;
  for (int i = 0; i < rounds; ++i) {
    LoadResult result =
        LoadConfigText(mutator.Mutate(original), format, "app", "/nowhere", environment);
    accepted += result.ok() ? 1 : 0;
    // What is accepted can be shown, versioned and read back.
    EffectiveText(result.effective);
    EffectiveJson(result.effective);
    for (const Problem& problem : result.problems) {
      ASSERT_FALSE(problem.text.empty());
      ASSERT_FALSE(problem.file.empty()) << problem;
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, rounds);
}

TEST(Mutations, OfTheTomlFileNeverCrash) { LoadMutations(ConfigFormat::kToml, 1500); }
TEST(Mutations, OfTheYamlFileNeverCrash) { LoadMutations(ConfigFormat::kYaml, 1500); }

TEST(Mutations, OfASchemaNeverCrash) {
  Mutator mutator(Seed());
  const std::string schema =
      R"([{"name":"path","type":"string","default":"x"},{"name":"a.b","type":"size","default":"1KiB",)"
      R"("min":1,"max":"2GiB"},{"name":"d","type":"duration","default":5},{"name":"p.*","type":"map"}])";
  const std::string settings = R"({"path":"x","a":{"b":"2KiB"},"d":"5s","p":{"q":[1,2.5,null]}})";
  for (int i = 0; i < 3000; ++i) {
    Result<SettingsSchema> parsed = SettingsSchema::Parse(mutator.Mutate(schema));
    if (parsed) parsed->Check(mutator.Mutate(settings), "settings");
    Result<SettingsSchema> whole = SettingsSchema::Parse(schema);
    ASSERT_TRUE(whole);
    SettingsCheck check = whole->Check(mutator.Mutate(settings), "settings");
    if (check.ok()) {
      ASSERT_TRUE(FromJson(check.completed));
    }
  }
}

}  // namespace
}  // namespace sluice
