// SPDX-License-Identifier: Apache-2.0
//
// Before the first block: the sinks that the policy needs catch up with what is committed, and what
// was journaled goes through the gate again.
#include <fmt/core.h>

#include <utility>

#include "base/check.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "commit/advice.h"
#include "commit/pipeline.h"

namespace sluice {
namespace {

constexpr char kComponent[] = "commit";

}  // namespace

Status Pipeline::CatchUp() {
  const Height committed = committed_;
  std::vector<Height> last;
  TimePoint give_up_at = TimePoint::max();
  for (;;) {
    turns_.fetch_add(1, std::memory_order_relaxed);
    std::unique_lock seat(seat_);
    ApplyGate();
    const GateSettings& gate = gate_.settings();
    bool mended = false;
    SLUICE_RETURN_IF_ERROR(writer_.Mend(&mended));
    if (mended) last.clear();  // a full disk is no lack of progress of the sinks
    std::vector<AckTracker::Sink> sinks = tracker_->Snapshot();
    // A sink counts once it has said where it stands, and that is at the committed height.
    std::vector<SinkVote> votes(sinks.size());
    std::vector<Height> watermarks;
    for (size_t i = 0; i < sinks.size(); ++i) {
      if (sinks[i].known && sinks[i].highest < gate.level && gate.policy.Involves(i)) {
        return Status(
            StatusCode::kConfiguration,
            fmt::format("sink {}: with its settings it can give '{}' at most, and commit.level "
                        "asks for '{}': change its settings, or lower commit.level",
                        sinks[i].name, AckLevelName(sinks[i].highest), AckLevelName(gate.level)));
      }
      bool caught_up = sinks[i].known && sinks[i].at(gate.level) >= committed &&
                       sinks[i].availability != SinkAvailability::kGone;
      votes[i].watermark = Height(caught_up ? 1 : 0);
      votes[i].availability = sinks[i].availability;
      votes[i].left_out = gate_.degraded().LeftOut(i);
      watermarks.push_back(sinks[i].at(gate.level));
      // Rows are progress as heights are.
      watermarks.emplace_back(sinks[i].copied_rows);
    }
    TimePoint now = Now();
    Decision decision = Decide(gate.policy, Height(1), votes, now, TimePoint::max());
    std::string who;
    std::string advised;  // the same, each with what to do
    {
      std::lock_guard lock(mutex_);
      if (stopping_ || intake_stopped_) {
        return Status(StatusCode::kCancelled, "stopped while sinks were catching up");
      }
      waiting_on_.clear();
      for (size_t sink : decision.waiting_on) {
        waiting_on_.push_back(sinks[sink].name.str());
        // Who is still starting is not what is wrong.
        if (decision.verdict == Verdict::kUnsatisfiable &&
            sinks[sink].availability != SinkAvailability::kGone) {
          continue;
        }
        const std::string one =
            fmt::format("{}{}", sinks[sink].name,
                        sinks[sink].reason.empty() ? "" : " (" + sinks[sink].reason + ")");
        who += (who.empty() ? "" : "; ") + one;
        advised += fmt::format("{}sink {}: {}", advised.empty() ? "" : "; ", one,
                               AdviceFor(sinks[sink].reason));
      }
    }
    if (decision.verdict == Verdict::kSatisfied) return Status::Ok();
    if (decision.verdict == Verdict::kUnsatisfiable) {
      return Status(StatusCode::kPlugin,
                    fmt::format("policy \"{}\" cannot hold: {}", gate.policy.text, advised));
    }
    // A copy of the state has deadlines of its own.
    const bool copies = std::any_of(decision.waiting_on.begin(), decision.waiting_on.end(),
                                    [&](size_t sink) { return sinks[sink].copying.has_value(); });
    if (watermarks != last || copies) {
      last = std::move(watermarks);
      give_up_at = now + gate.recover_timeout;
    }
    if (now >= give_up_at) {
      if (gate.on_failure == OnFailure::kDegrade) {
        gate_.degraded().LeaveOut(decision.waiting_on);
        LogWarn(kComponent, "degraded: going on without {}", who);
        continue;
      }
      if (gate.on_failure != OnFailure::kWait) {
        return Status(
            StatusCode::kHalted,
            fmt::format("height {}: sinks have not caught up: {}: no progress for {} ms", committed,
                        who, gate.recover_timeout / std::chrono::milliseconds(1)));
      }
      give_up_at = TimePoint::max();
      LogWarn(kComponent, "waiting for {} to catch up with height {}", who, committed);
    }
    seat.unlock();
    WaitForWake(give_up_at);
  }
}

Status Pipeline::RollForward() {
  SLUICE_CHECK(!thread_.joinable(), "roll-forward comes before everything else");
  TimePoint now = Now();
  for (Height h = committed_ + 1; h <= journaled_; ++h) {
    Failpoint("commit.roll_forward", h.value());
    SLUICE_ASSIGN_OR_RETURN(JournalRecord record, database_->ReadJournal(h));
    SLUICE_ASSIGN_OR_RETURN(auto overlay,
                            BlockOverlay::FromChangeSet(*record.change_set, database_->stores()));
    SealedBlock block;
    block.change_set = std::move(record.change_set);
    block.overlay = std::move(overlay);
    block.position = std::move(record.position);
    block.transaction_count = block.change_set->transactions().size();
    at_gate_.push_back({std::move(block), now});
  }
  if (!at_gate_.empty()) {
    LogInfo(kComponent, "rolling forward heights {} to {} from the journal", committed_ + 1,
            journaled_);
  }
  {
    std::lock_guard lock(mutex_);
    running_ = true;
  }
  thread_ = std::thread([this] { Run(); });
  return WaitUntilIdle();
}

}  // namespace sluice
