// SPDX-License-Identifier: Apache-2.0
#include "unit/node/real_node.h"

#include <gtest/gtest.h>

#include <thread>

namespace sluice {

RealNode::RealNode(const RealNodeSettings& settings, std::vector<TestSink>* sinks)
    : settings_(settings), sinks_(sinks) {}

RealNode::~RealNode() { Stop(); }

Status RealNode::Start() {
  DatabaseOptions options;
  options.path = settings_.path;
  options.stream_id = kTestStream;
  options.stores = kTestStores;
  SLUICE_ASSIGN_OR_RETURN(database_, Database::Open(options));
  ExpectHeld(database_->committed().height);  // after a crash, before anything else runs
  SLUICE_ASSIGN_OR_RETURN(Epoch epoch, database_->RaiseEpoch());
  static_cast<void>(epoch);
  journal_ = std::make_unique<DatabaseJournal>(database_.get(), kTestStream);

  std::vector<SinkName> names;
  std::vector<PolicySink> known;
  for (const TestSink& sink : *sinks_) {
    names.emplace_back(sink.name);
    known.push_back({SinkName(sink.name), sink.counted, true});
  }
  tracker_ = std::make_unique<AckTracker>(std::move(names));
  PipelineSettings pipeline;
  pipeline.gate.policy = ResolvePolicy(settings_.policy, known).value();
  pipeline.gate.ack_timeout = std::chrono::hours(1);
  pipeline.gate.recover_timeout = std::chrono::hours(1);
  pipeline.window = settings_.window;
  pipeline.retain_blocks = 1'000'000;  // tests compare with the whole journal
  SLUICE_ASSIGN_OR_RETURN(std::vector<UnackedRange> ranges, database_->UnackedRanges());
  pipeline_ = std::make_unique<Pipeline>(std::move(pipeline), database_.get(), tracker_.get(),
                                         static_cast<DeliveryPort*>(this), std::move(ranges),
                                         [this](const SealedBlock& block) {
                                           if (executor_)
                                             executor_->Committed(block.change_set->height());
                                           ExpectHeld(block.change_set->height());
                                         });

  for (const TestSink& sink : *sinks_) {
    SinkSettings settings;
    settings.name = SinkName(sink.name);
    settings.settings_json = settings.masked_settings_json = "{}";
    settings.filter = sink.filter;
    settings.counted = sink.counted;
    settings.max_in_flight = settings_.max_in_flight;
    settings.queue_bytes = settings_.queue_bytes;
    settings.retry.initial = std::chrono::milliseconds(1);
    settings.retry.max = std::chrono::milliseconds(5);
    settings.ack_timeout = settings_.ack_timeout;
    settings.start_timeout = settings.stop_timeout = kPatience;
    settings.healthy_after = std::chrono::hours(1);
    SinkEnvironment environment;
    environment.journal = journal_.get();
    environment.observer = this;
    environment.records = this;
    environment.raise_epoch = [this](Epoch at_least) { return database_->RaiseEpoch(at_least); };
    environment.stream_id = kTestStream;
    environment.home = "/nowhere";
    loops_.push_back(std::make_unique<SinkLoop>(std::move(settings),
                                                std::make_shared<FakePluginLibrary>(sink.world),
                                                std::move(environment)));
  }
  for (size_t i = 0; i < loops_.size(); ++i) {
    std::optional<SinkRecord> record;
    SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                            database_->GetRecord("sink/" + (*sinks_)[i].name));
    if (bytes) {
      SLUICE_ASSIGN_OR_RETURN(record, DecodeSinkRecord(*bytes));
    }
    loops_[i]->Start(record, RecoverOnStart::kNow);
  }
  SLUICE_RETURN_IF_ERROR(pipeline_->CatchUp());
  SLUICE_RETURN_IF_ERROR(pipeline_->RollForward());
  executor_ = std::make_unique<Executor>(database_.get(), kTestStream, std::vector<std::string>(),
                                         settings_.listeners);
  return Status::Ok();
}

Status RealNode::Take(Block block) {
  SLUICE_RETURN_IF_ERROR(pipeline_->WaitForSlot());
  SLUICE_ASSIGN_OR_RETURN(SealedBlock sealed, executor_->Execute(std::move(block)));
  pipeline_->Submit(std::move(sealed));
  return Status::Ok();
}

bool RealNode::WaitForSinks() {
  const Height target = database_->committed().height;
  const TimePoint give_up_at = Now() + kPatience;
  for (;;) {
    bool level = true;
    for (const AckTracker::Sink& sink : tracker_->Snapshot()) {
      level = level && sink.known && sink.pin() >= target;
    }
    if (level || Now() > give_up_at) return level;
    std::this_thread::yield();
  }
}

void RealNode::Stop() {
  if (pipeline_) pipeline_->Stop();
  for (auto& loop : loops_) loop->RequestStop(Duration::zero());
  for (auto& loop : loops_) EXPECT_TRUE(loop->Join(Now() + kPatience));
  loops_.clear();
  pipeline_.reset();
  executor_.reset();
  journal_.reset();
  database_.reset();
}

void RealNode::Enqueue(const std::shared_ptr<const ChangeSet>& change_set) {
  for (auto& loop : loops_) loop->Enqueue(change_set);
}

void RealNode::OnWatermark(const SinkName& sink, AckLevel level, Height watermark,
                           AckLevel highest) {
  tracker_->SetWatermark(sink, level, watermark, highest);
}

void RealNode::OnAvailability(const SinkName& sink, SinkAvailability availability,
                              const std::string& reason) {
  tracker_->SetAvailability(sink, availability, reason);
}

void RealNode::ExpectHeld(Height committed) const {
  if (settings_.policy != "all") return;
  for (const TestSink& sink : *sinks_) {
    EXPECT_TRUE(!sink.counted || sink.world->system.position().height >= committed)
        << "sink " << sink.name << " lacks committed height " << committed;
  }
}

Status RealNode::PutSinkRecord(const SinkName& sink, const std::string& bytes) {
  return database_->PutRecord("sink/" + sink.str(), bytes);
}

Status RealNode::ForgetWatermark(const SinkName& sink) { return database_->ForgetSink(sink, ""); }

Status RealNode::ForgetSink(const SinkName& sink) {
  return database_->ForgetSink(sink, SinkRecordName(sink));
}

}  // namespace sluice
