// SPDX-License-Identifier: Apache-2.0
//
// Log files made by hand.
#include "store/log_reader.h"

#include <gtest/gtest.h>

#include <fstream>

#include "log_bytes.h"
#include "store_fixture.h"

namespace sluice {
namespace {

using test::kBlock;
using test::kFirst;
using test::kFull;
using test::kLast;
using test::kMiddle;
using test::kRecycledFull;
using test::Little;
using test::Record;

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
      EXPECT_EQ(found, "7 bad 9") << "byte " << at << " bit " << bit;
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

TEST_F(LogReaderTest, BatchesAfterABadPlaceAreFoundInLaterBlocks) {
  std::string log = Record(kFull, Batch(7, 3000));
  log += Record(kFull, Batch(8, kBlock - 7 - 12 - log.size()));
  ASSERT_EQ(log.size(), kBlock);
  log += Record(kFull, Batch(9, 2000)) + Record(kFull, Batch(10, 1000));
  log += Record(kFull, Batch(11, 2 * kBlock - 7 - 12 - log.size())) + Record(kFull, Batch(12));
  EXPECT_EQ(Read(log), "7 8 9 10 11 12");
  log[100] ^= 1;
  EXPECT_EQ(Read(log), "bad 8 9 10 11 12");
  log[kBlock + 100] ^= 1;  // its length tells where the next one begins
  EXPECT_EQ(Read(log), "bad 8 10 11 12");
  log.replace(kBlock, 7, 7, '\0');  // and now it does not, until a block begins
  EXPECT_EQ(Read(log), "bad 8 12");
}

// Bytes of which any may be a header, as in tables of small numbers, and whole records.
TEST_F(LogReaderTest, ValuesFullOfRecordsDoNotMakeTheSearchSlow) {
  std::string value;
  while (value.size() < (size_t{4} << 20)) {
    value += Record(kFull, Batch(9)) + std::string("\1\1\1\1\377\2\1\11\0\0\0\0\0\0\0\1\0\0\0", 19);
  }
  std::string log;
  for (size_t at = 0; at < value.size();) {
    const size_t bytes = std::min(value.size() - at, kBlock - 7);
    log += Record(at == 0 ? kFirst : kMiddle, value.substr(at, bytes));
    at += bytes;
  }
  for (size_t block = 0; block < log.size(); block += kBlock) log[block] ^= 1;
  log.replace(0, 7, 7, '\0');  // in the first block every byte is tried
  const std::string found = Read(log);
  EXPECT_EQ(found.substr(0, 6), "torn 9");
  EXPECT_LT(found.size(), 2 * kBlock / 50);
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
