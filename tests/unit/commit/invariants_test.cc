// SPDX-License-Identifier: Apache-2.0
//
// I1: Under `all`, no counting sink's watermark at the policy's level is below the committed
// height, at any instant, across any crash, outside recorded degraded ranges.
//
// Checked at each write that commits, against what the sinks hold (not against what the pipeline
// was told), and after each crash and power cut before anything else runs. The other invariants
// need a real store and real delivery: unit/node/invariants_test.cc.
#include <algorithm>
#include <array>
#include <atomic>
#include <random>

#include "support/seed.h"
#include "unit/commit/pipeline_fixture.h"

namespace sluice {
namespace {

const std::vector<std::string> kSinks = {"a", "b", "c"};

// Sinks that live through restarts of the node. While attached, a thread has them take, keep, ack,
// be late, lose acks, go and come back, at random.
class WildSinks {
 public:
  explicit WildSinks(uint64_t seed) : random_(seed) {}
  ~WildSinks() { Detach(); }

  // `journaled`: what the sinks read back from the journal without being handed it. `calm`: they
  // only take and ack.
  void Attach(AckTracker* tracker, const FakeDelivery* delivery, Height journaled, bool calm) {
    stopping_ = false;
    thread_ = std::thread([this, tracker, delivery, journaled, calm] {
      while (!stopping_) {
        Act(tracker, std::max(journaled, delivery->newest()), calm);
        std::this_thread::sleep_for(std::chrono::microseconds(5));  // their pace
      }
    });
  }
  // What a sink has taken and not made durable is gone.
  void Detach() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    const std::lock_guard lock(mutex_);
    for (Sink& sink : sinks_) sink = {sink.durable, sink.durable, Height(), true};
  }
  Height durable(size_t sink) const {
    const std::lock_guard lock(mutex_);
    return sinks_[sink].durable;
  }

 private:
  struct Sink {
    Height received;
    Height durable;
    Height acked;
    bool here = true;
  };

  void Act(AckTracker* tracker, Height journaled, bool calm) {
    const size_t index = random_() % kSinks.size();
    const SinkName name(kSinks[index]);
    Sink sink;
    const bool comes_and_goes = !calm && random_() % 200 == 0;
    {
      const std::lock_guard lock(mutex_);
      Sink& mine = sinks_[index];
      if (comes_and_goes || (calm && !mine.here)) mine.here = !mine.here;
      if (!mine.here && random_() % 20 == 0) mine.here = true;
      if (mine.here) {
        const uint64_t behind = journaled - std::min(mine.received, journaled);
        mine.received = mine.received + (calm ? behind : random_() % (behind + 1));
        if (calm || random_() % 3 == 0) mine.durable = mine.received;
        if (calm || random_() % 4 != 0) mine.acked = mine.durable;  // else the ack is lost
      }
      sink = mine;
    }
    tracker->SetAvailability(
        name, sink.here ? SinkAvailability::kAvailable : SinkAvailability::kGone, "");
    if (!sink.here) return;
    tracker->SetWatermark(name, AckLevel::kDurable, sink.acked, AckLevel::kDurable);
    tracker->SetWatermark(name, AckLevel::kReceived, sink.received, AckLevel::kDurable);
  }

  std::mt19937_64 random_;  // the constructor's thread, then the sinks'
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::array<Sink, 3> sinks_;  // guarded by mutex_
};

class InvariantI1 : public PipelineTest, public testing::WithParamInterface<OnFailure> {
 protected:
  static constexpr uint64_t kHeights = 250;
  static constexpr int kWildRuns = 15;

  static bool Recorded(const std::vector<UnackedRange>& ranges, Height height,
                       const std::string& sink) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const UnackedRange& range) {
      return range.first <= height && height <= range.last &&
             std::find(range.sinks.begin(), range.sinks.end(), sink) != range.sinks.end();
    });
  }
  void ExpectHeldByAll(Height first, Height last, const std::vector<UnackedRange>& ranges) {
    for (size_t i = 0; i < kSinks.size(); ++i) {
      for (Height h = std::max(first, sinks_->durable(i) + 1); h <= last; ++h) {
        EXPECT_TRUE(Recorded(ranges, h, kSinks[i]))
            << "sink " << kSinks[i] << " lacks committed height " << h;
      }
    }
  }
  void CheckWrite(const WriteGroup& group) {
    if (group.commits.empty()) return;
    std::vector<UnackedRange> ranges = database_.UnackedRanges().value();
    ranges.insert(ranges.end(), group.unacked.begin(), group.unacked.end());
    ExpectHeldByAll(group.commits.front().change_set->height(),
                    group.commits.back().change_set->height(), ranges);
  }
  void CheckStoppedHome() {
    ExpectHeldByAll(Height(1), database_.committed().height, database_.UnackedRanges().value());
    for (size_t i = 0; i < kSinks.size(); ++i) {
      EXPECT_LE(sinks_->durable(i), database_.journaled_height()) << "delivered, not journaled";
    }
  }

  // One run of a node, from its start to a crash, a halt or the last height.
  Status RunOnce(bool calm) {
    settings_.window = 1 + random_() % 8;
    settings_.retain_blocks = random_() % 20;
    Make("all", kSinks);
    sinks_->Attach(tracker_.get(), delivery_.get(), database_.journaled_height(), calm);
    SLUICE_RETURN_IF_ERROR(pipeline_->CatchUp());
    SLUICE_RETURN_IF_ERROR(pipeline_->RollForward());
    executor_->StartAfter(database_.committed().height, database_.committed().digest);
    next_ = database_.committed().height;
    while (next_.value() < kHeights) {
      if (!calm && random_() % 60 == 0) {
        database_.FailWrite(StatusCode::kIo,
                            random_() % 2 == 0 ? Left::kNothing : Left::kEverything);
      }
      if (!calm && no_space_left_ > 0 && random_() % 50 == 0) {
        --no_space_left_;
        database_.FailWrite(StatusCode::kNoSpace,
                            random_() % 2 == 0 ? Left::kNothing : Left::kEverything);
      }
      SLUICE_RETURN_IF_ERROR(Take());
      if (!calm && random_() % 30 == 0) return Status::Ok();  // killed, whatever is under way
    }
    return calm ? WaitUntilIdle() : Status::Ok();
  }

  std::mt19937_64 random_;
  std::optional<WildSinks> sinks_;
  int no_space_left_ = 2;  // each costs the pipeline's wait before it opens the store again
};

TEST_P(InvariantI1, UnderAllNoCountingSinkIsBelowTheCommittedHeightAtAnyInstant) {
  const uint64_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("SLUICE_TEST_SEED={}", seed));
  random_.seed(seed);
  sinks_.emplace(random_());
  database_.set_before_write([this](const WriteGroup& group) { CheckWrite(group); });
  settings_.gate.on_failure = GetParam();
  settings_.gate.ack_timeout = std::chrono::milliseconds(2);
  settings_.gate.recover_timeout = std::chrono::milliseconds(20);
  bool calm = false;
  for (int run = 0; !HasFailure(); ++run) {
    // The last run is one in which nothing happens any more.
    calm = run >= kWildRuns;
    if (calm) settings_.gate.ack_timeout = settings_.gate.recover_timeout = std::chrono::hours(1);
    const Status status = RunOnce(calm);
    if (calm) {
      EXPECT_EQ(status, Status::Ok());
      break;
    }
    pipeline_->Stop();
    sinks_->Detach();
    if (random_() % 2 == 0) {
      database_.Crash();
    } else {
      database_.CutPower(random_() % (database_.unsynced_writes() + 1));
    }
    CheckStoppedHome();
  }
  pipeline_->Stop();
  sinks_->Detach();
  CheckStoppedHome();

  // And what is committed is what a run that was never disturbed commits.
  FakeDatabase undisturbed(kStream, {"main", "orders"}, &trace_);
  Executor executor(&undisturbed, kStream, {});
  Digest digest;
  for (uint64_t h = 1; h <= kHeights; ++h) {
    digest = executor.Execute(MakeBlock(Height(h)))->change_set->digest();
  }
  EXPECT_EQ(database_.committed().height, Height(kHeights));
  EXPECT_EQ(database_.committed().digest, digest);
}

INSTANTIATE_TEST_SUITE_P(OnFailure, InvariantI1,
                         testing::Values(OnFailure::kHalt, OnFailure::kRecover, OnFailure::kWait,
                                         OnFailure::kDegrade),
                         [](const testing::TestParamInfo<OnFailure>& info) {
                           switch (info.param) {
                             case OnFailure::kHalt:
                               return "Halt";
                             case OnFailure::kRecover:
                               return "Recover";
                             case OnFailure::kWait:
                               return "Wait";
                             case OnFailure::kDegrade:
                               return "Degrade";
                           }
                           return "Unknown";
                         });

}  // namespace
}  // namespace sluice
