// SPDX-License-Identifier: Apache-2.0
//
// Log files made by hand, record by record, as RocksDB's db/log_format.h has them.
#include "store/log_reader.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/crc32c.h"
#include "store_fixture.h"

namespace sluice {
namespace {

constexpr size_t kBlock = 32768;
constexpr char kFull = 1, kFirst = 2, kLast = 4, kRecycledFull = 5;

std::string Little(uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(number >> (8 * i) & 255));
  return text;
}
std::string Record(char type, const std::string& payload) {
  const uint32_t crc = Crc32c(type + payload);
  const uint32_t masked = (crc >> 15 | crc << 17) + 0xa282ead8u;
  return Little(masked, 4) + Little(payload.size(), 2) + type + payload;
}
// Of one operation, which is nothing that RocksDB knows: the reader does not look at it.
std::string Batch(uint64_t sequence, size_t bytes = 40) {
  return Little(sequence, 8) + Little(1, 4) + std::string(bytes, 'x');
}

class LogReaderTest : public ::testing::Test {
 protected:
  // "7 8": sequences of whole batches; "bad": a bad place, "torn": one that looks torn.
  std::string Read(const std::string& content) {
    const std::string path = folder_.path() + "/000004.log";
    std::ofstream(path, std::ios::binary) << content;
    auto reader = LogReader::Open(path);
    if (!reader) return reader.error().ToString();
    std::string found;
    while (true) {
      const auto next = reader->Next();
      if (!next) return next.error().ToString();
      if (*next == LogReader::Found::kEnd) return found;
      if (!found.empty()) found += ' ';
      if (*next == LogReader::Found::kBatch) {
        EXPECT_EQ(reader->count(), 1u);
        found += std::to_string(reader->sequence());
      } else {
        bad_ = reader->bad();
        found += bad_.torn ? "torn" : "bad";
      }
    }
  }

  test::TemporaryFolder folder_;
  LogReader::Bad bad_;
};

TEST_F(LogReaderTest, WholeBatchesAreReadToTheEnd) {
  EXPECT_EQ(Read(""), "");
  EXPECT_EQ(Read(Record(kFull, Batch(7)) + Record(kFull, Batch(8))), "7 8");
  EXPECT_EQ(Read(Record(kFull, Batch(7)) + std::string(100000, '\0')), "7");
}

TEST_F(LogReaderTest, BatchGoesOverBlocks) {
  const std::string batch = Batch(7, 40000);
  const size_t first = kBlock - 7;
  EXPECT_EQ(Read(Record(kFirst, batch.substr(0, first)) + Record(kLast, batch.substr(first)) +
                 Record(kFull, Batch(8))),
            "7 8");
  // A block's last bytes are too few for a header.
  const std::string full = Record(kFull, Batch(7, kBlock - 12 - 7 - 3));
  EXPECT_EQ(Read(full + std::string(3, '\0') + Record(kFull, Batch(8))), "7 8");
}

TEST_F(LogReaderTest, FileThatEndsWithinABatchIsTorn) {
  const std::string log = Record(kFull, Batch(7)) + Record(kFull, Batch(8));
  const size_t start = log.size() / 2;
  for (size_t size = start + 1; size < log.size(); ++size) {
    EXPECT_EQ(Read(log.substr(0, size)), "7 torn") << size;
    EXPECT_EQ(bad_.offset, start);
  }
  EXPECT_EQ(Read(Record(kFirst, Batch(7, kBlock - 7 - 12))), "torn");
}

TEST_F(LogReaderTest, AnyFlippedBitIsBadAndWhatFollowsIsFound) {
  const std::string log =
      Record(kFull, Batch(7)) + Record(kFull, Batch(8)) + Record(kFull, Batch(9));
  const size_t start = log.size() / 3;
  for (size_t at = start; at < 2 * start; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string harmed = log;
      harmed[at] = static_cast<char>(harmed[at] ^ 1 << bit);
      const std::string found = Read(harmed);
      // A length that reaches past the end looks as one that was cut does: what follows tells.
      if (at == start + 4 || at == start + 5) {
        EXPECT_TRUE(found == "7 bad 9" || found == "7 torn 9") << found << " at " << at;
      } else {
        EXPECT_EQ(found, "7 bad 9") << "byte " << at << " bit " << bit;
      }
      EXPECT_EQ(bad_.offset, start);
    }
  }
}

TEST_F(LogReaderTest, SectorThatWasNotWrittenIsTorn) {
  std::string log = Record(kFull, Batch(7, 3000)) + Record(kFull, Batch(8));
  log.replace(512, 512, 512, '\0');
  EXPECT_EQ(Read(log), "torn 8");
  EXPECT_EQ(bad_.what, "checksum mismatch");
  log = Record(kFull, Batch(7, 3000)) + Record(kFull, Batch(8));
  log.replace(0, 512, 512, '\0');
  EXPECT_EQ(Read(log), "torn 8");
}

TEST_F(LogReaderTest, ZerosWithinASectorAreNotTorn) {
  std::string log = Record(kFull, Batch(7, 3000)) + Record(kFull, Batch(8));
  log.replace(600, 300, 300, '\0');
  EXPECT_EQ(Read(log), "bad 8");
}

TEST_F(LogReaderTest, RecordsOfARecycledFileAreRefused) {
  EXPECT_EQ(Read(Record(kRecycledFull, Batch(7))), "bad");
  EXPECT_NE(bad_.what.find("recycled"), std::string::npos);
}

TEST_F(LogReaderTest, FragmentsOutOfOrderAreBad) {
  EXPECT_EQ(Read(Record(kLast, Batch(7)) + Record(kFull, Batch(8))), "bad 8");
  EXPECT_EQ(Read(Record(kFirst, Batch(7)) + Record(kFull, Batch(8))), "bad 8");
  EXPECT_EQ(Read(Record(kFull, "short") + Record(kFull, Batch(8))), "bad 8");
}

}  // namespace
}  // namespace sluice
