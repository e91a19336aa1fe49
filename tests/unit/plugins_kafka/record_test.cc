// SPDX-License-Identifier: Apache-2.0
//
// Heights to records and back. The records do not go through a broker here, so their headers are
// looked at as they are given to one.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kafka/record_decoder.h"
#include "kafka/record_encoder.h"

namespace sluice_kafka {
namespace {

using sluice::sdk::Batch;
using sluice::sdk::Bytes;
using sluice::sdk::Status;
using sluice::sdk::Text;

// A record as it was emitted, with copies of what it points to.
struct Emitted {
  int32_t partition = 0;
  std::string store;
  std::string key;
  std::optional<std::string> value;
  std::map<std::string, std::string> headers;
};

class Block {
 public:
  Block() {
    batch_.struct_size = sizeof(batch_);
    batch_.height = 12;
    batch_.epoch = 3;
    batch_.last_part = 1;
    batch_.digest.bytes[31] = 0x0D;
    batch_.previous_digest.bytes[31] = 0x0C;
    batch_.change_stride = sizeof(sluice_change);
  }
  Block& Change(uint32_t kind, std::string_view store, std::string_view key,
                std::string_view value) {
    sluice_change change{};
    change.kind = kind;
    change.transaction = 1;
    change.sequence = static_cast<uint32_t>(changes_.size());
    change.store = Text(store);
    change.key = Bytes(key);
    change.value = Bytes(value);
    changes_.push_back(change);
    return *this;
  }
  std::vector<Emitted> Encode(const Settings& settings, bool plain_keys) {
    batch_.changes = changes_.data();
    batch_.change_count = changes_.size();
    batch_.canonical = Bytes(canonical_);
    std::vector<Emitted> out;
    RecordEncoder encoder(settings, "demo", plain_keys);
    const Status status = encoder.Encode(Batch(&batch_), [&](const Record& record) {
      Emitted emitted;
      emitted.partition = record.partition;
      emitted.store = record.store;
      emitted.key = record.key;
      if (record.value) emitted.value = *record.value;
      for (const auto& [name, text] : record.headers) emitted.headers[name] = text;
      out.push_back(std::move(emitted));
      return Status::Ok();
    });
    EXPECT_TRUE(status.ok()) << status.text();
    return out;
  }
  Block& Canonical(std::string bytes) {
    canonical_ = std::move(bytes);
    return *this;
  }

 private:
  sluice_batch batch_{};
  std::vector<sluice_change> changes_;
  std::string canonical_;
};

Settings With(Layout layout, Encoding encoding) {
  Settings settings;
  settings.layout = layout;
  settings.encoding = encoding;
  return settings;
}

TEST(KafkaRecord, AChangeIsItsCanonicalBytes) {
  const auto records = Block()
                           .Change(SLUICE_CHANGE_SET, "orders", "o-1", "42")
                           .Encode(With(Layout::kChanges, Encoding::kProtobuf), true);
  ASSERT_EQ(records.size(), 1u);
  // tx 1, seq 0 (left out), op 1, store, key, value.
  EXPECT_EQ(records[0].value,
            std::string("\x08\x01\x18\x01\x22\x06orders\x2a\x03o-1\x32\x02") + "42");
  EXPECT_EQ(records[0].key, "o-1");
  EXPECT_EQ(records[0].partition, -1);
}

TEST(KafkaRecord, AnEmptyValueIsNoTombstone) {
  const auto records = Block()
                           .Change(SLUICE_CHANGE_SET, "s", "k", "")
                           .Change(SLUICE_CHANGE_DELETE, "s", "k", "")
                           .Encode(With(Layout::kChanges, Encoding::kProtobuf), true);
  ASSERT_EQ(records.size(), 2u);
  ASSERT_TRUE(records[0].value.has_value());
  EXPECT_EQ(records[0].value->substr(records[0].value->size() - 2), std::string("\x32\x00", 2));
  EXPECT_FALSE(records[1].value.has_value());
}

TEST(KafkaRecord, HeadersAreText) {
  const auto records = Block()
                           .Change(SLUICE_CHANGE_SET, "orders", "a", "1")
                           .Change(SLUICE_CHANGE_SET, "orders", "b", "2")
                           .Encode(With(Layout::kChanges, Encoding::kJson), true);
  ASSERT_EQ(records.size(), 2u);
  const std::map<std::string, std::string> expected = {
      {"sluice-stream", "demo"},  {"sluice-height", "12"},
      {"sluice-seq", "1"},        {"sluice-tx", "1"},
      {"sluice-store", "orders"}, {"sluice-digest", std::string(62, '0') + "0d"}};
  EXPECT_EQ(records[1].headers, expected);
}

TEST(KafkaRecord, KeysNameTheStoreWhereATopicHoldsSeveral) {
  const std::string key("a\0b", 3);
  const auto records = Block()
                           .Change(SLUICE_CHANGE_SET, "orders", key, "1")
                           .Encode(With(Layout::kChanges, Encoding::kJson), false);
  EXPECT_EQ(records[0].key, std::string("orders\0a\0b", 10));
}

TEST(KafkaRecord, ChangesAreReadBackInBothEncodings) {
  const std::string key("a\0\xff", 3);
  const std::string value(300, '\x80');
  for (const Encoding encoding : {Encoding::kProtobuf, Encoding::kJson}) {
    for (const bool plain : {true, false}) {
      const auto records = Block()
                               .Change(SLUICE_CHANGE_SET, "orders", key, value)
                               .Change(SLUICE_CHANGE_DELETE, "orders", key, "")
                               .Encode(With(Layout::kChanges, encoding), plain);
      RecordDecoder decoder(encoding, plain);
      StoredRecord stored;
      stored.store = "orders";
      stored.key = records[0].key;
      stored.value = records[0].value.value();
      StoredChange change;
      EXPECT_EQ(decoder.DecodeChange(stored, &change), "");
      EXPECT_EQ(change.key, key);
      EXPECT_EQ(change.value, value);
      EXPECT_FALSE(change.is_delete);
      stored.is_tombstone = true;
      EXPECT_EQ(decoder.DecodeChange(stored, &change), "");
      EXPECT_TRUE(change.is_delete);
    }
  }
}

TEST(KafkaRecord, ABlockIsCutIntoChunksOfItsSize) {
  Settings settings = With(Layout::kBlocks, Encoding::kProtobuf);
  settings.chunk_bytes = 10;
  const std::string canonical = "0123456789abcdefghijKLMNO";
  const auto records = Block().Canonical(canonical).Encode(settings, false);
  ASSERT_EQ(records.size(), 3u);
  std::string together;
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].key, "12");
    EXPECT_EQ(records[i].partition, 0);
    EXPECT_EQ(records[i].headers.at("sluice-chunk"), std::to_string(i));
    EXPECT_EQ(records[i].headers.at("sluice-chunks"), "3");
    together += records[i].value.value();
  }
  EXPECT_EQ(together, canonical);
  settings.chunk_bytes = canonical.size();
  const auto whole = Block().Canonical(canonical).Encode(settings, false);
  ASSERT_EQ(whole.size(), 1u);
  EXPECT_EQ(whole[0].headers.count("sluice-chunk"), 0u);
}

TEST(KafkaRecord, AnEmptyBlockIsARecordInLayoutBlocksOnly) {
  EXPECT_EQ(Block().Encode(With(Layout::kChanges, Encoding::kJson), true).size(), 0u);
  EXPECT_EQ(Block().Encode(With(Layout::kBlocks, Encoding::kJson), true).size(), 1u);
}

TEST(KafkaRecord, AJsonBlockIsReadBack) {
  const auto records = Block()
                           .Change(SLUICE_CHANGE_SET, "orders", "a", "line\nbreak")
                           .Change(SLUICE_CHANGE_DELETE, "main", "b", "")
                           .Encode(With(Layout::kBlocks, Encoding::kJson), false);
  ASSERT_EQ(records.size(), 1u);
  RecordDecoder decoder(Encoding::kJson, false);
  std::vector<StoredChange> changes;
  bool filtered = true;
  EXPECT_EQ(decoder.DecodeBlock(*records[0].value, &changes, &filtered), "");
  EXPECT_FALSE(filtered);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].value, "line\nbreak");
  EXPECT_TRUE(changes[1].is_delete);
  // Half of it is not taken for the whole.
  const std::string cut = records[0].value->substr(0, records[0].value->rfind('\n'));
  EXPECT_EQ(decoder.DecodeBlock(cut, &changes, &filtered), "its closing line is missing");
}

}  // namespace
}  // namespace sluice_kafka
