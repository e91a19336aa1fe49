// SPDX-License-Identifier: Apache-2.0
//
// The golden stream (tests/data/golden/stream/README.md): today's encoder writes the bytes of the
// past.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "model/journal_record.h"

namespace sluice {
namespace {

constexpr uint64_t kHeights = 4;
const std::string kFolder = std::string(SLUICE_SOURCE_DIR) + "/tests/data/golden/";

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

// Compares `bytes` with the golden file, or makes it the golden file where that is asked for.
void ExpectGolden(const std::string& name, std::string_view bytes) {
  const std::string path = kFolder + name;
  if (std::getenv("SLUICE_REGENERATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  EXPECT_TRUE(ReadFile(path) == bytes) << name << " differs from what is encoded now:\n"
                                       << ToHex(bytes.substr(0, 1000));
}

// `name` as text, or `name`_hex as bytes, `name`_times in a row.
std::string Field(const nlohmann::json& object, const std::string& name) {
  const std::string once = object.contains(name)
                               ? object.at(name).get<std::string>()
                               : FromHex(object.at(name + "_hex").get<std::string>()).value();
  std::string bytes;
  for (int left = object.value(name + "_times", 1); left > 0; --left) bytes += once;
  return bytes;
}

struct Golden {
  std::shared_ptr<const ChangeSet> full;
  std::shared_ptr<const ChangeSet> filtered;  // where the description has a filter
};

Golden Encode(uint64_t height, const Digest& previous) {
  const auto description =
      nlohmann::json::parse(ReadFile(kFolder + "stream/" + std::to_string(height) + ".json"));
  EXPECT_EQ(description.at("height").get<uint64_t>(), height);
  ChangeSetBuilder builder(description.at("stream_id").get<std::string>(), Height(height),
                           description.at("time_unix_nanos").get<int64_t>());
  uint32_t index = 0;
  for (const auto& transaction : description.at("transactions")) {
    for (const auto& change : transaction.value("changes", nlohmann::json::array())) {
      const std::string store = change.at("store").get<std::string>();
      if (change.at("op") == "set") {
        builder.AddSet(index, store, Field(change, "key"), Field(change, "value"));
      } else {
        builder.AddDelete(index, store, Field(change, "key"));
      }
    }
    builder.AddTransactionResult(index++, transaction.at("code").get<uint32_t>());
  }
  Golden golden;
  golden.full = std::move(builder).Seal(previous);
  if (description.contains("filter")) {
    const auto& described = description.at("filter");
    ChangeFilter filter;
    filter.stores = described.at("stores").get<std::vector<std::string>>();
    filter.key_prefixes = described.value("key_prefixes", std::vector<std::string>());
    for (const auto& prefix : described.value("key_prefixes_hex", std::vector<std::string>())) {
      filter.key_prefixes.push_back(FromHex(prefix).value());
    }
    golden.filtered = FilterChangeSet(*golden.full, filter);
  }
  return golden;
}

TEST(Golden, EncoderWritesTheBytesOfThePast) {
  Digest digest = GenesisDigest("demo");
  std::string digests = "0 " + digest.ToHex() + "\n";
  for (uint64_t height = 1; height <= kHeights; ++height) {
    const Golden golden = Encode(height, digest);
    const std::string name = std::to_string(height);
    ExpectGolden("stream/" + name + ".bin", golden.full->canonical());
    if (golden.filtered) {
      ExpectGolden("stream/" + name + ".filtered.bin", golden.filtered->canonical());
    }
    const EncodedJournalRecord record =
        EncodeJournalRecord({golden.full, {"golden", "after " + name}});
    ExpectGolden("journal/" + name + ".bin",
                 record.head + std::string(record.canonical) + record.tail);
    digest = golden.full->digest();
    digests += name + " " + digest.ToHex() + "\n";
  }
  ExpectGolden("stream/digests.txt", digests);
}

TEST(Golden, DecoderReadsTheBytesOfThePast) {
  Digest digest = GenesisDigest("demo");
  for (uint64_t height = 1; height <= kHeights; ++height) {
    const std::string bytes = ReadFile(kFolder + "journal/" + std::to_string(height) + ".bin");
    const auto record = DecodeJournalRecord(Height(height), bytes);
    ASSERT_TRUE(record.has_value()) << record.error().ToString();
    EXPECT_EQ(record->change_set->previous_digest(), digest);
    EXPECT_EQ(record->position.source, "golden");
    EXPECT_EQ(record->position.state, "after " + std::to_string(height));
    digest = record->change_set->digest();
  }
}

}  // namespace
}  // namespace sluice
