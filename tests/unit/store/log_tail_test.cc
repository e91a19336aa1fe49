// SPDX-License-Identifier: Apache-2.0
//
// What bad places in logs made by hand are taken for.
#include "store/log_tail.h"

#include <gtest/gtest.h>
#include <rocksdb/write_batch.h>

#include <fstream>
#include <vector>

#include "log_bytes.h"
#include "store_fixture.h"

namespace sluice {
namespace {

using test::kBlock;
using test::kFirst;
using test::kFull;
using test::kLast;
using test::kMiddle;
using test::Little;
using test::Record;

std::string Batch(uint64_t sequence, std::optional<uint64_t> durable,
                  const std::string& value = "value") {
  rocksdb::WriteBatch batch;
  batch.Put("key", value);
  if (durable) batch.PutLogData(EncodeDurable(*durable));
  return Little(sequence, 8) + batch.Data().substr(8);
}
std::string Log(uint64_t sequence, std::optional<uint64_t> durable,
                const std::string& value = "value") {
  return Record(kFull, Batch(sequence, durable, value));
}
// A batch as it is written at a block's start.
std::string LogOverBlocks(const std::string& batch) {
  std::string log;
  for (size_t at = 0; at < batch.size();) {
    const size_t bytes = std::min(batch.size() - at, kBlock - 7);
    const char type = at == 0 ? kFirst : at + bytes == batch.size() ? kLast : kMiddle;
    log += Record(type, batch.substr(at, bytes));
    at += bytes;
  }
  return log;
}

class LogTailTest : public ::testing::Test {
 protected:
  // "whole", "torn 12" (the first sequence that is lost), "damage".
  std::string Examine(const std::vector<std::string>& logs) {
    for (size_t i = 0; i < logs.size(); ++i) {
      std::ofstream(folder_.path() + "/00000" + std::to_string(i + 1) + ".log", std::ios::binary)
          << logs[i];
    }
    const auto found = ExamineLogs(folder_.path(), 0);
    if (!found) return found.error().ToString();
    if (found->kind == LogsFound::Kind::kWhole) return "whole";
    if (found->kind == LogsFound::Kind::kDamage) return "damage";
    return "torn " + std::to_string(found->first_lost);
  }

  test::TemporaryFolder folder_;
};

TEST_F(LogTailTest, LogThatLacksItsUnsyncedEndWhereTheNextDoesNotIsTorn) {
  EXPECT_EQ(Examine({Log(1, 0) + Log(2, 0), Log(3, 2)}), "whole");
  // 3 was written but not synced when a new log was begun; of 4's sync only that one was done.
  EXPECT_EQ(Examine({Log(1, 0) + Log(2, 1), Log(4, 2)}), "torn 3");
  EXPECT_EQ(Examine({Log(1, 0) + Log(2, 1), Log(4, 3)}), "damage");
  EXPECT_EQ(Examine({Log(1, 0) + Log(2, 1), Log(4, std::nullopt)}), "damage");
  EXPECT_EQ(Examine({Log(1, 0) + Log(2, 1), Log(2, 1)}), "damage");
  EXPECT_EQ(Examine({Log(1, 0) + Log(2, 1), Log(4, 2), ""}), "torn 3");
  // A log that others were begun after has long been synced.
  EXPECT_EQ(Examine({Log(1, 0) + Log(2, 1), Log(4, 2), Log(5, 2)}), "damage");
}

TEST_F(LogTailTest, BatchThatLacksWithinAWholeLogIsDamage) {
  EXPECT_EQ(Examine({Log(1, 0) + Log(3, 0)}), "damage");
}

TEST_F(LogTailTest, FlippedLengthIsDamageThoughNothingFollows) {
  std::string log = Log(1, 0) + Log(2, 1);
  log[log.size() / 2 + 5] ^= 0x20;
  EXPECT_EQ(Examine({log}), "damage");
}

// Records within a value say nothing, wherever the batch around them is torn.
TEST_F(LogTailTest, ValueThatHoldsRecordsDoesNotMakeATornBatchDamage) {
  std::string value(600, 'x');
  for (int i = 0; i < 20; ++i) value += Log(3, std::nullopt) + Log(2, std::nullopt);
  const std::string start = Log(1, 0);
  const std::string small = start + Log(2, 1, value);
  ASSERT_LT(small.size(), kBlock);
  for (const size_t at : {size_t{0}, size_t{512}}) {
    std::string torn = small;
    const size_t from = at == 0 ? start.size() : at;
    torn.replace(from, 1024 - from, 1024 - from, '\0');
    EXPECT_EQ(Examine({torn}), "torn 2") << at;
  }
  // Over many blocks, of each of which the header is lost. After the first of them even records
  // that say what this home's would.
  while (value.size() < kBlock) value += Log(3, std::nullopt);
  while (value.size() < 5 * kBlock) value += Log(3, 2) + Log(4, 3);
  std::string large = LogOverBlocks(Batch(2, 1, value));
  for (size_t block = 0; block < large.size(); block += kBlock) {
    large.replace(block, 512, 512, '\0');
  }
  EXPECT_EQ(Examine({start, large}), "torn 2");
}

}  // namespace
}  // namespace sluice
