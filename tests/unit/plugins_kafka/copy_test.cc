// SPDX-License-Identifier: Apache-2.0
//
// Rows of a copy of the state to records.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kafka/copy_encoder.h"
#include "kafka/record_decoder.h"

namespace sluice_kafka {
namespace {

using sluice::sdk::Bytes;
using sluice::sdk::Status;
using sluice::sdk::Text;

// A record as it was emitted, with copies of what it points to.
struct Emitted {
  int32_t partition = 0;
  std::string key;
  std::optional<std::string> value;
  std::map<std::string, std::string> headers;
};

class Copy {
 public:
  Copy(Layout layout, Encoding encoding, uint64_t chunk_bytes = 1000)
      : encoder_(With(layout, encoding, chunk_bytes), "demo", /*plain_keys=*/false, /*epoch=*/3,
                 Args()) {}

  std::vector<Emitted> Part(const std::vector<std::pair<std::string, std::string>>& rows) {
    std::vector<sluice_row> raw;
    for (const auto& [key, value] : rows) raw.push_back({Text("main"), Bytes(key), Bytes(value)});
    sluice_snapshot_part part{};
    part.struct_size = sizeof(part);
    part.part = encoder_.parts();
    part.rows = raw.data();
    part.row_count = raw.size();
    part.row_stride = sizeof(sluice_row);
    return Take([&](const EmitRecord& emit) {
      return encoder_.EncodePart(sluice::sdk::SnapshotPart(&part), emit);
    });
  }
  std::vector<Emitted> Tombstone(int32_t partition, const std::string& key) {
    return Take([&](const EmitRecord& emit) {
      return encoder_.EncodeTombstone(partition, "main", key, emit);
    });
  }
  std::vector<Emitted> End() {
    return Take([&](const EmitRecord& emit) { return encoder_.EncodeEnd(emit); });
  }
  const CopyEncoder& encoder() const { return encoder_; }

 private:
  static Settings With(Layout layout, Encoding encoding, uint64_t chunk_bytes) {
    Settings settings;
    settings.layout = layout;
    settings.encoding = encoding;
    settings.chunk_bytes = chunk_bytes;
    return settings;
  }
  static sluice_snapshot_args Args() {
    sluice_snapshot_args args{};
    args.height = 12;
    args.digest.bytes[31] = 0x0D;
    args.time_unix_nanos = 0x0102030405060708;
    return args;
  }
  template <typename Encode>
  static std::vector<Emitted> Take(const Encode& encode) {
    std::vector<Emitted> out;
    const Status status = encode([&](const Record& record) {
      Emitted emitted;
      emitted.partition = record.partition;
      emitted.key = record.key;
      if (record.value) emitted.value = *record.value;
      for (const auto& [name, text] : record.headers) emitted.headers[name] = text;
      EXPECT_EQ(record.height, 12u);
      out.push_back(std::move(emitted));
      return Status::Ok();
    });
    EXPECT_TRUE(status.ok()) << status.text();
    return out;
  }

  CopyEncoder encoder_;
};

TEST(KafkaCopy, ARowIsTheRecordOfASet) {
  Copy copy(Layout::kChanges, Encoding::kProtobuf);
  ASSERT_EQ(copy.Part({{"a", "1"}, {"b", ""}}).size(), 2u);
  const auto records = copy.Part({{"c", "3"}});
  ASSERT_EQ(records.size(), 1u);
  // seq 2, op 1, store, key, value.
  EXPECT_EQ(records[0].value,
            "\x10\x02\x18\x01\x22\x04main\x2a\x01"
            "c\x32\x01"
            "3");
  EXPECT_EQ(records[0].key, std::string("main\0c", 6));
  EXPECT_EQ(records[0].partition, -1);
  const std::map<std::string, std::string> expected = {
      {"sluice-stream", "demo"}, {"sluice-height", "12"},
      {"sluice-seq", "2"},       {"sluice-tx", "0"},
      {"sluice-store", "main"},  {"sluice-digest", std::string(62, '0') + "0d"},
      {"sluice-snapshot", "12"}, {"sluice-epoch", "3"}};
  EXPECT_EQ(records[0].headers, expected);
  EXPECT_EQ(copy.encoder().parts(), 2u);
  EXPECT_EQ(copy.encoder().rows(), 3u);
}

TEST(KafkaCopy, ATombstoneIsNumberedBehindTheRows) {
  Copy copy(Layout::kChanges, Encoding::kJson);
  ASSERT_EQ(copy.Part({{"a", "1"}}).size(), 1u);
  const std::string key("main\0gone", 9);
  const auto records = copy.Tombstone(4, key);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_FALSE(records[0].value.has_value());
  EXPECT_EQ(records[0].key, key);
  EXPECT_EQ(records[0].partition, 4);
  EXPECT_EQ(records[0].headers.at("sluice-seq"), "1");
  EXPECT_EQ(records[0].headers.at("sluice-snapshot"), "12");
  EXPECT_TRUE(copy.End().empty());
  EXPECT_EQ(copy.encoder().rows(), 1u);
}

TEST(KafkaCopy, APartIsABlockOfItsRowsInChunks) {
  for (const Encoding encoding : {Encoding::kProtobuf, Encoding::kJson}) {
    Copy copy(Layout::kBlocks, encoding, 40);
    ASSERT_FALSE(copy.Part({{"a", "1"}}).empty());
    const auto records = copy.Part({{"b", std::string(100, 'x')}, {"c", "\xff"}});
    ASSERT_GT(records.size(), 2u);
    std::string together;
    for (size_t i = 0; i < records.size(); ++i) {
      EXPECT_EQ(records[i].headers.at("sluice-part"), "1");
      EXPECT_EQ(records[i].headers.at("sluice-snapshot"), "12");
      EXPECT_EQ(records[i].headers.at("sluice-chunk"), std::to_string(i));
      EXPECT_EQ(records[i].key, "12");
      EXPECT_EQ(records[i].partition, 0);
      together += *records[i].value;
    }
    RecordDecoder decoder(encoding, false);
    std::vector<StoredChange> rows;
    bool filtered = true;
    EXPECT_EQ(decoder.DecodeBlock(together, &rows, &filtered), "");
    EXPECT_FALSE(filtered);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].key, "b");
    EXPECT_EQ(rows[0].value, std::string(100, 'x'));
    EXPECT_EQ(rows[1].value, "\xff");
    EXPECT_EQ(rows[1].sequence, 2u);
    const auto end = copy.End();
    ASSERT_EQ(end.size(), 1u);
    EXPECT_FALSE(end[0].value.has_value());
    EXPECT_EQ(end[0].headers.at("sluice-parts"), "2");
  }
}

TEST(KafkaCopy, APartsBytesAreCanonical) {
  const auto records = Copy(Layout::kBlocks, Encoding::kProtobuf).Part({{"a", "1"}});
  ASSERT_EQ(records.size(), 1u);
  // Stream, height, time, and one change of op 1.
  EXPECT_EQ(records[0].value,
            "\x0a\x04"
            "demo\x10\x0c\x19\x08\x07\x06\x05\x04\x03\x02\x01\x22\x0e\x18\x01\x22\x04main"
            "\x2a\x01"
            "a\x32\x01"
            "1");
}

}  // namespace
}  // namespace sluice_kafka
