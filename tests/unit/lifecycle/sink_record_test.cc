// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/sink_record.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr TimePoint kNow{std::chrono::hours(5)};
constexpr int64_t kWall = 1'700'000'000'000'000'000;

SinkRecord Repairing() {
  SinkRecord record;
  record.name = "audit";
  record.state = LifecycleState::kRepairing;
  record.origin = LifecycleState::kRunning;
  record.error = Status(StatusCode::kRetry, "no route to \"host\"\n");
  record.error_at_unix_nanos = kWall - 1;
  record.attempt = 7;
  record.next_at_unix_nanos = kWall + 1'600'000'000;
  record.plugin = "file";
  record.library_sha256 = "abc";
  record.abi_minor = 2;
  record.configuration = "def";
  record.epoch = Epoch(9);
  record.watermark = Height(100);
  return record;
}

SinkRecord Suspended(SuspendReason reason) {
  SinkRecord record;
  record.name = "audit";
  record.state = LifecycleState::kSuspended;
  record.reason = reason;
  record.error = Status(StatusCode::kFatal, "broken");
  return record;
}

TEST(SinkRecord, GoesThroughItsBytes) {
  for (SinkRecord record : {Repairing(), Suspended(SuspendReason::kDiverged)}) {
    record.suspended_by_operator = true;
    record.deleted = true;
    record.task = {"task-7", kWall};
    record.reset = true;
    record.refused_epoch = Epoch(12);
    Result<SinkRecord> read = DecodeSinkRecord(EncodeSinkRecord(record));
    ASSERT_TRUE(read.has_value()) << read.error().ToString();
    EXPECT_EQ(*read, record);
  }
}

// What stands in homes must stay readable: these bytes are never changed, only added to.
TEST(SinkRecord, ReadsTheBytesOfItsFirstVersion) {
  const std::string first =
      R"({"schema":1,"name":"audit","state":"repairing","reason":"",)"
      R"("repair":{"origin":"running","code":"RETRY","text":"gone",)"
      R"("error_at_unix_nanos":1600000000000000000,"attempt":2,"next_at_unix_nanos":1700000000000000000},"suspended_by_operator":false,)"
      R"("deleted":false,"plugin":"file","library_sha256":"abc","abi_minor":1,)"
      R"("configuration":"def","epoch":9,"watermark":100})";
  Result<SinkRecord> read = DecodeSinkRecord(first);
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_EQ(read->attempt, 2U);
  EXPECT_EQ(read->error, Status(StatusCode::kRetry, "gone"));
  EXPECT_EQ(EncodeSinkRecord(*read), first);
}

TEST(SinkRecord, SaysWhatIsWrongWithBytesItCannotRead) {
  const std::string good = EncodeSinkRecord(Repairing());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    return bad;
  };
  const std::pair<std::string, const char*> cases[] = {
      {"", "no JSON object"},
      {good.substr(0, good.size() / 2), "no JSON object"},
      {"[]", "no JSON object"},
      {with("\"schema\":1", "\"schema\":2"), "schema 2"},
      {with("\"repairing\"", "\"dreaming\""), "state is 'dreaming'"},
      {with("\"epoch\":9", "\"epoch\":\"nine\""), "number"},
      {with("\"name\"", "\"nome\""), "name"},
  };
  for (const auto& [bytes, text] : cases) {
    SCOPED_TRACE(bytes);
    Result<SinkRecord> read = DecodeSinkRecord(bytes);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code(), StatusCode::kCorruption);
    EXPECT_NE(read.error().message().find(text), std::string::npos) << read.error().message();
  }
}

SinkState Restored(const SinkRecord& record, RecoverOnStart recover) {
  return RestoreState(record, recover, kNow, kWall);
}

TEST(RestoreState, WhateverHadAnInstanceBeginsAnew) {
  for (LifecycleState state : {LifecycleState::kInitializing, LifecycleState::kRunning,
                               LifecycleState::kSuspending, LifecycleState::kDeleting}) {
    SinkRecord record;
    record.state = state;
    for (RecoverOnStart recover :
         {RecoverOnStart::kNow, RecoverOnStart::kOnFirstUse, RecoverOnStart::kNever}) {
      const SinkState restored = Restored(record, recover);
      EXPECT_EQ(restored.state, LifecycleState::kInitializing);
      EXPECT_FALSE(restored.until_used);
    }
  }
}

TEST(RestoreState, RepairingKeepsItsAttemptAndItsTime) {
  const SinkState restored = Restored(Repairing(), RecoverOnStart::kNow);
  EXPECT_EQ(restored.state, LifecycleState::kRepairing);
  EXPECT_EQ(restored.origin, LifecycleState::kRunning);
  EXPECT_EQ(restored.attempt, 7U);
  EXPECT_EQ(restored.next_at, kNow + std::chrono::milliseconds(1600));
  EXPECT_EQ(restored.error.message(), "no route to \"host\"\n");

  SinkRecord past = Repairing();
  past.next_at_unix_nanos = kWall - 1;
  EXPECT_EQ(Restored(past, RecoverOnStart::kNow).next_at, kNow);
}

TEST(RestoreState, WhatWasFoundBrokenFollowsTheSetting) {
  for (const SinkRecord& record :
       {Repairing(), Suspended(SuspendReason::kExhausted), Suspended(SuspendReason::kDiverged),
        Suspended(SuspendReason::kHung)}) {
    SCOPED_TRACE(SuspendReasonName(record.reason));
    const SinkState now = Restored(record, RecoverOnStart::kNow);
    EXPECT_NE(now.state, LifecycleState::kSuspended);
    EXPECT_FALSE(now.until_used);
    const SinkState used = Restored(record, RecoverOnStart::kOnFirstUse);
    EXPECT_EQ(used.state, now.state);
    EXPECT_TRUE(used.until_used);
    const SinkState never = Restored(record, RecoverOnStart::kNever);
    EXPECT_EQ(never.state, LifecycleState::kSuspended);
    EXPECT_EQ(never.reason,
              record.reason == SuspendReason::kNone ? SuspendReason::kExhausted : record.reason);
    EXPECT_EQ(never.error, record.error);
  }
}

}  // namespace
}  // namespace sluice
