// SPDX-License-Identifier: Apache-2.0
//
// A node of real parts (database, executor, pipeline, sink loops, delivery) over sinks without a
// plugin, whose external systems live through its restarts. Put together as node.cc does.
//
// Threading: one thread. Ownership: borrows its sinks.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "commit/ack_tracker.h"
#include "commit/pipeline.h"
#include "lifecycle/sink_loop.h"
#include "node/journal_port.h"
#include "store/database.h"
#include "store/executor.h"
#include "support/fake_observer.h"
#include "support/fake_sink.h"

namespace sluice {

inline const std::vector<std::string> kTestStores = {"x", "y", "z"};

// A sink's configuration and its external system, with what is to break.
struct TestSink {
  std::string name;
  bool counted = true;
  ChangeFilter filter;
  std::shared_ptr<FakeWorld> world = std::make_shared<FakeWorld>();
};

struct RealNodeSettings {
  std::string path;  // of the database
  std::string policy = "all";
  uint64_t window = 8;
  uint64_t max_in_flight = 16;
  uint64_t queue_bytes = 64 << 20;
  Duration ack_timeout = std::chrono::milliseconds(15);  // a sink's own
  std::vector<WriteListener*> listeners;
};

class RealNode final : private DeliveryPort, private SinkObserver, private SinkRecordStore {
 public:
  RealNode(const RealNodeSettings& settings, std::vector<TestSink>* sinks);
  ~RealNode() override;

  // Opens, catches up, rolls forward.
  Status Start();
  Status Take(Block block);
  Status WaitUntilIdle() { return pipeline_->WaitUntilIdle(Now() + kPatience); }
  // Every sink has acked what is committed.
  bool WaitForSinks();
  // Whatever is under way: what is not journaled is lost, what is not acked is not waited for.
  void Stop();

  Database& database() { return *database_; }
  Executor& executor() { return *executor_; }

 private:
  void Enqueue(const std::shared_ptr<const ChangeSet>& change_set) override;
  double QueueFill(size_t sink) const override {
    return loops_[sink]->counters().queue_fill.load();
  }
  void OnWatermark(const SinkName& sink, AckLevel level, Height watermark,
                   AckLevel highest) override;
  void OnAvailability(const SinkName& sink, SinkAvailability availability,
                      const std::string& reason) override;
  Status PutSinkRecord(const SinkName& sink, const std::string& bytes) override;
  Status ForgetWatermark(const SinkName& sink) override;
  Status ForgetSink(const SinkName& sink) override;
  // I1, as far as it can be seen from outside: who counts holds what is committed.
  void ExpectHeld(Height committed) const;

  const RealNodeSettings settings_;
  std::vector<TestSink>* const sinks_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<DatabaseJournal> journal_;
  std::unique_ptr<AckTracker> tracker_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<std::unique_ptr<SinkLoop>> loops_;
};

}  // namespace sluice
