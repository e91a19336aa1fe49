// SPDX-License-Identifier: Apache-2.0
//
// One instance through all its calls, and what the host makes of each misbehaviour.
#include "plugin/instance.h"

#include <gmock/gmock.h>

#include <thread>

#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;

TEST_F(PluginInstanceTest, GoesThroughAllItsCalls) {
  ScratchFolder folder;
  const auto record = folder.path() / "record";
  Start("memory", R"({"record":")" + record.string() + R"("})");
  ASSERT_TRUE(instance_->can_resume());
  auto position = instance_->Resume();
  ASSERT_TRUE(position.has_value());
  EXPECT_TRUE(position->empty);
  EXPECT_TRUE(
      instance_->Attach({Height(0), GenesisDigest("test-stream")}, AttachReason::kGenesis, epoch_)
          .ok());
  EXPECT_TRUE(Deliver(1).ok());
  EXPECT_TRUE(Deliver(2).ok());
  position = instance_->Resume();
  ASSERT_TRUE(position.has_value());
  EXPECT_FALSE(position->empty);
  EXPECT_EQ(position->height, Height(2));
  EXPECT_EQ(position->epoch, epoch_);
  EXPECT_EQ(position->stream_id, "test-stream");
  EXPECT_EQ(position->digest, MakeChangeSet(2)->digest());
  EXPECT_TRUE(instance_->Drain(std::chrono::seconds(1)).ok());
  Destroy();

  const sink_record seen = ReadRecord(record);
  EXPECT_EQ(seen.starts, 1U);
  EXPECT_EQ(seen.attaches, 1U);
  EXPECT_EQ(seen.attach_reason, static_cast<uint64_t>(SLUICE_ATTACH_GENESIS));
  EXPECT_EQ(seen.taken, 2U);
  EXPECT_EQ(seen.changes, 6U);
  EXPECT_EQ(seen.canonical_bytes,
            MakeChangeSet(1)->canonical().size() + MakeChangeSet(2)->canonical().size());
  EXPECT_EQ(seen.order_errors, 0U);
  EXPECT_EQ(seen.drains, 1U);
  EXPECT_EQ(seen.destroys, 1U);
}

TEST_F(PluginInstanceTest, ASinkRemembersWhereItStandsInAnotherInstance) {
  ScratchFolder folder;
  const std::string settings = R"({"record":")" + (folder.path() / "record").string() + R"("})";
  Start("memory", settings);
  EXPECT_TRUE(Deliver(1).ok());
  Destroy();
  Start("memory", settings);
  const auto position = instance_->Resume();
  ASSERT_TRUE(position.has_value());
  EXPECT_EQ(position->height, Height(1));
}

TEST_F(PluginInstanceTest, TwoSinksOfOneLibraryHaveStatesOfTheirOwn) {
  Start("memory");
  EXPECT_TRUE(Deliver(1).ok());
  auto other = Create("memory");
  ASSERT_TRUE(other.has_value());
  ASSERT_TRUE((*other)->Start(MakeStartArgs("{}")).has_value());
  EXPECT_TRUE((*other)->Resume()->empty);
  EXPECT_FALSE(instance_->Resume()->empty);
  (*other)->Destroy();
}

TEST_F(PluginInstanceTest, AMissingResumeIsSeen) {
  Start("null");
  EXPECT_FALSE(instance_->can_resume());
  EXPECT_TRUE(instance_->Attach({}, AttachReason::kGenesis, epoch_).ok());
  EXPECT_TRUE(Deliver(1).ok());
}

TEST_F(PluginInstanceTest, ALongerTableOfANewerMinorVersionWorks) {
  Start("newer_minor");
  EXPECT_TRUE(Deliver(1).ok());
}

TEST_F(PluginInstanceTest, AFailedStartGivesThePluginsText) {
  instance_ = std::move(*Create("start_fails"));
  const auto started = instance_->Start(MakeStartArgs("{}"));
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error(), Status(StatusCode::kRetry, "example.com:5432 refused the connection"));
  EXPECT_TRUE(listener_.failures().empty());
}

TEST_F(PluginInstanceTest, ALevelAboveTheIdentitysIsRefused) {
  instance_ = std::move(*Create("level_too_high"));
  const auto started = instance_->Start(MakeStartArgs("{}"));
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error(), Status(StatusCode::kFatal,
                                    "the plugin broke the ABI: start gave ack level 3, its highest "
                                    "is 2"));
}

TEST_F(PluginInstanceTest, ALevelThatIsNoneIsRefused) {
  instance_ = std::move(*Create("memory"));
  const auto started = instance_->Start(MakeStartArgs(R"({"level":0})"));
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error().message(), HasSubstr("start gave ack level 0"));
}

TEST_F(PluginInstanceTest, ExceptionsBecomeErrorsWithTheirText) {
  instance_ = std::move(*Create("throws_in_start"));
  const auto started = instance_->Start(MakeStartArgs("{}"));
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code(), StatusCode::kFatal);
  EXPECT_THAT(started.error().message(), HasSubstr("thrown in start"));
  Destroy();

  Start("throws_in_resume");
  EXPECT_THAT(instance_->Resume().error().message(), HasSubstr("thrown in resume"));
  Destroy();

  Start("throws_in_attach");
  const Status attached = instance_->Attach({}, AttachReason::kGenesis, epoch_);
  EXPECT_THAT(attached.message(), HasSubstr("thrown in attach"));
  Destroy();

  Start("throws_in_deliver");
  const Status delivered = Deliver(1);
  EXPECT_EQ(delivered.code(), StatusCode::kFatal);
  EXPECT_THAT(delivered.message(), HasSubstr("thrown in deliver"));
  Destroy();

  Start("throws_in_cancel");
  instance_->Cancel();
  EXPECT_TRUE(Deliver(1).ok());
  Destroy();

  Start("throws_in_drain");
  EXPECT_THAT(instance_->Drain(std::chrono::seconds(1)).message(), HasSubstr("thrown in drain"));
}

TEST_F(PluginInstanceTest, AMissingReasonIsSaidToBeMissing) {
  Start("no_reason");
  EXPECT_EQ(Deliver(1), Status(StatusCode::kFatal, "(the plugin gave no reason)"));
}

TEST_F(PluginInstanceTest, AnUnknownStatusIsFatal) {
  Start("unknown_status");
  const Status status = Deliver(1);
  EXPECT_EQ(status.code(), StatusCode::kFatal);
  EXPECT_THAT(status.message(), HasSubstr("(it answered 77, which is no status)"));
}

TEST_F(PluginInstanceTest, DeliverGivesThePluginsStatusAndText) {
  Start("retries", R"({"count":2})");
  EXPECT_EQ(Deliver(1, 1), Status(StatusCode::kRetry, "the server is down for maintenance"));
  EXPECT_EQ(Deliver(1, 2).code(), StatusCode::kRetry);
  EXPECT_TRUE(Deliver(1, 3).ok());
  Destroy();
  Start("rejects_height");
  EXPECT_EQ(Deliver(1), Status(StatusCode::kReject, "value is longer than the column"));
  Destroy();
  Start("never_acks");
  EXPECT_EQ(Deliver(1).code(), StatusCode::kPending);
  EXPECT_TRUE(listener_.acks().empty());
}

TEST_F(PluginInstanceTest, AReasonOfOneCallDoesNotStickToTheNext) {
  Start("fatal_after", R"({"count":0})");
  EXPECT_EQ(Deliver(1).message(), "the connection is lost for good");
  EXPECT_TRUE(instance_->Drain(std::chrono::seconds(1)).ok());
}

TEST_F(PluginInstanceTest, AcksArriveAsTheyWereMade) {
  Start("acks_future");
  EXPECT_EQ(Deliver(1).code(), StatusCode::kPending);
  const auto acks = listener_.acks();
  ASSERT_EQ(acks.size(), 2U);
  EXPECT_EQ(acks[0].last, Height(101));
  EXPECT_EQ(acks[1].last, Height(1));
  EXPECT_EQ(acks[1].first, Height(0));
  EXPECT_EQ(acks[1].epoch, epoch_);
  EXPECT_EQ(acks[1].attempt, Attempt(1));
  EXPECT_EQ(acks[1].level, AckLevel::kDurable);
}

TEST_F(PluginInstanceTest, AcksOfTheWrongEpochAndAttemptArriveWithThem) {
  Start("acks_old_epoch");
  EXPECT_EQ(Deliver(1).code(), StatusCode::kPending);
  EXPECT_EQ(listener_.acks().at(0).epoch, Epoch(6));
  Destroy();
  Start("acks_old_attempt");
  EXPECT_EQ(Deliver(1, 1).code(), StatusCode::kRetry);
  EXPECT_EQ(Deliver(1, 2).code(), StatusCode::kPending);
  EXPECT_EQ(listener_.acks().at(1).attempt, Attempt(1));
}

TEST_F(PluginInstanceTest, AnAckFromThePluginsOwnThreadArrives) {
  Start("acks_from_thread");
  EXPECT_EQ(Deliver(1).code(), StatusCode::kPending);
  listener_.AwaitAcks(1);
  EXPECT_EQ(listener_.acks().at(0).last, Height(1));
}

TEST_F(PluginInstanceTest, AnAckAtNoLevelBreaksTheInstance) {
  Start("acks_bad_level");
  EXPECT_EQ(Deliver(1).code(), StatusCode::kPending);
  EXPECT_TRUE(listener_.acks().empty());
  ASSERT_EQ(listener_.failures().size(), 1U);
  EXPECT_THAT(listener_.failures()[0].message(), HasSubstr("an ack for height 1 at level 9"));
}

TEST_F(PluginInstanceTest, ANackArrivesWithItsText) {
  Start("nacks_then_recovers");
  EXPECT_EQ(Deliver(1, 1).code(), StatusCode::kPending);
  const auto nacks = listener_.nacks();
  ASSERT_EQ(nacks.size(), 1U);
  EXPECT_EQ(nacks[0].height, Height(1));
  EXPECT_EQ(nacks[0].attempt, Attempt(1));
  EXPECT_EQ(nacks[0].code, StatusCode::kRetry);
  EXPECT_EQ(nacks[0].text, "the connection broke while writing");
  EXPECT_TRUE(Deliver(1, 2).ok());
}

TEST_F(PluginInstanceTest, ReadyInsideDeliverArrives) {
  Start("busy_then_ready");
  EXPECT_EQ(Deliver(1).code(), StatusCode::kBusy);
  EXPECT_EQ(listener_.ready_count(), 1);
  EXPECT_TRUE(Deliver(1).ok());
}

TEST_F(PluginInstanceTest, ReadyFromThePluginsThreadArrives) {
  Start("busy_then_ready_later", R"({"delay_ms":5})");
  EXPECT_EQ(Deliver(1).code(), StatusCode::kBusy);
  listener_.AwaitReady(1);
  EXPECT_TRUE(Deliver(1).ok());
}

TEST_F(PluginInstanceTest, AFailureOutsideOfAnyCallBreaksTheInstance) {
  Start("fails_outside");
  EXPECT_TRUE(Deliver(1).ok());
  listener_.AwaitFailures(1);
  EXPECT_EQ(listener_.failures()[0], Status(StatusCode::kFatal, "the background writer died"));
}

TEST_F(PluginInstanceTest, CancelEndsABlockedDelivery) {
  Start("hangs_until_cancelled");
  Status delivered;
  std::thread worker([this, &delivered] { delivered = Deliver(1); });
  instance_->Cancel();
  worker.join();
  EXPECT_EQ(delivered, Status(StatusCode::kCancelled, "cancelled while writing"));
}

TEST_F(PluginInstanceTest, ALateAckIsCountedAndDoesNothing) {
  Start("acks_after_destroy");
  EXPECT_TRUE(Deliver(1).ok());
  const uint64_t before = LateHostCallCount();
  Destroy();
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (LateHostCallCount() == before && std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  EXPECT_EQ(LateHostCallCount(), before + 1);
  EXPECT_TRUE(listener_.acks().empty());
}

TEST_F(PluginInstanceTest, ARetainedBatchStaysReadableUntilReleased) {
  Start("retains", R"({"delay_ms":1})");
  for (uint64_t height = 1; height <= 20; ++height) {
    ASSERT_EQ(Deliver(height).code(), StatusCode::kPending);
  }
  listener_.AwaitAcks(20);
  EXPECT_EQ(listener_.acks().back().last, Height(20));
}

TEST_F(PluginInstanceTest, RetainEndsAtTheByteBudget) {
  Start("never_releases", "{}", 20'000);
  uint64_t height = 1;
  while (height < 100 && Deliver(height).ok()) ++height;
  EXPECT_GT(height, 2U);
  EXPECT_LT(height, 100U);
  EXPECT_EQ(Deliver(height), Status(StatusCode::kRetry, "over the byte budget"));
}

TEST_F(PluginInstanceTest, NothingIsRetainedWithoutABudget) {
  Start("retains", "{}", 0);
  EXPECT_EQ(Deliver(1), Status(StatusCode::kRetry, "over the byte budget"));
}

TEST_F(PluginInstanceTest, PartsPutTogetherAreTheHeight) {
  ScratchFolder folder;
  const auto record = folder.path() / "record";
  Start("in_parts", R"({"count":50,"record":")" + record.string() + R"("})");
  EXPECT_TRUE(Deliver(1).ok());
  const sink_record seen = ReadRecord(record);
  const uint64_t size = MakeChangeSet(1)->canonical().size();
  EXPECT_EQ(seen.deliveries, (size + 49) / 50);
  EXPECT_GT(seen.deliveries, 2U);
  EXPECT_EQ(seen.canonical_bytes, size);
  EXPECT_EQ(seen.changes, 3U);
  EXPECT_EQ(seen.taken, 1U);
}

TEST_F(PluginInstanceTest, APositionThatMakesNoSenseIsFatal) {
  Start("resumes_bad_position");
  const auto position = instance_->Resume();
  ASSERT_FALSE(position.has_value());
  EXPECT_EQ(position.error().code(), StatusCode::kFatal);
  EXPECT_THAT(position.error().message(), HasSubstr("stream id does not end in NUL"));
}

TEST_F(PluginInstanceTest, PositionsArePassedOnAsThePluginGivesThem) {
  Start("resumes_foreign");
  EXPECT_EQ(instance_->Resume()->stream_id, "somebody-elses");
  Destroy();
  Start("resumes_ahead", R"({"count":5})");
  EXPECT_TRUE(Deliver(1).ok());
  EXPECT_EQ(instance_->Resume()->height, Height(6));
  Destroy();
  Start("resumes_other_digest");
  EXPECT_TRUE(Deliver(1).ok());
  EXPECT_NE(instance_->Resume()->digest, MakeChangeSet(1)->digest());
  Destroy();
  Start("resumes_empty");
  EXPECT_TRUE(Deliver(1).ok());
  EXPECT_TRUE(instance_->Resume()->empty);
}

TEST_F(PluginInstanceTest, AFencedAttachSaysBywhom) {
  Start("attach_fenced");
  EXPECT_EQ(instance_->Attach({}, AttachReason::kGenesis, epoch_),
            Status(StatusCode::kFenced, "epoch 99 writes to this table"));
}

using CrashingPluginDeathTest = PluginInstanceTest;

TEST_F(CrashingPluginDeathTest, ACrashInStartEndsTheProcessThatRunsIt) {
  instance_ = std::move(*Create("crashes_in_start"));
  EXPECT_DEATH((void)instance_->Start(MakeStartArgs("{}")), "");
}

TEST_F(CrashingPluginDeathTest, ACrashInDeliverEndsTheProcessThatRunsIt) {
  Start("crashes_in_deliver", R"({"height":2})");
  EXPECT_TRUE(Deliver(1).ok());
  EXPECT_DEATH((void)Deliver(2), "");
}

TEST_F(PluginInstanceTest, ACallThatNeverReturnsCanBeAbandoned) {
  Start("hangs_in_deliver");
  auto* hung = instance_.release();
  std::thread([hung] { (void)hung->Deliver(MakeDelivery(1)); }).detach();
  hung->Cancel();
  hung->Abandon();
  EXPECT_TRUE(listener_.acks().empty());
}

}  // namespace
}  // namespace sluice
