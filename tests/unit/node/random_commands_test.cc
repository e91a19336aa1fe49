// SPDX-License-Identifier: Apache-2.0
//
// Random commands, reloads, restarts of the node and blocks, on the real node with real plugins,
// and beside it a model of what was asked for. Whatever comes: no sink sees a gap, what is
// committed the policy's sink has acked, every command is answered, and a node that is left alone
// ends as the commands say, with every sink that runs level and equal.
#include <gtest/gtest.h>

#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "config/load.h"
#include "node/node.h"
#include "plugins/sink_record.h"
#include "support/fake_observer.h"
#include "support/seed.h"
#include "unit/store/store_fixture.h"

namespace sluice {
namespace {

// Gives as many blocks as it has been told to, and waits for more until it is stopped.
class StepDriver final : public Driver {
 public:
  Status Begin(const DriverStart& start) override {
    std::lock_guard lock(mutex_);
    last_ = start.height.value();
    return Status::Ok();
  }
  Result<std::optional<Block>> Next() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || left_ > 0; });
    if (stopped_) return std::optional<Block>();
    --left_;
    const uint64_t height = ++last_;
    Block block;
    block.height = Height(height);
    block.transactions.resize(1);
    block.transactions[0].operations.push_back(
        {OperationKind::kSet, "main", fmt::format("k{}", height % 5), fmt::format("v{}", height)});
    return std::optional<Block>(std::move(block));
  }
  void Stop() override {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  DriverProgress progress() const override { return {}; }
  void Give(uint64_t blocks) {
    std::lock_guard lock(mutex_);
    left_ += blocks;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  uint64_t left_ = 0;
  uint64_t last_ = 0;
  bool stopped_ = false;
};

// What was asked for of a sink.
struct Wanted {
  bool configured = true;
  bool known = true;  // to the node: false once it is removed and not configured again
  bool suspended = false;
  uint64_t queue_mib = 1;
};

class RandomCommands : public testing::Test {
 protected:
  RandomCommands() : seed_(testing_support::Seed()), random_(seed_) {
    for (const char* name : {"audit", "copy", "third"}) wanted_[name];
  }
  ~RandomCommands() override { StopNode(); }

  std::string Home() const { return folder_.path() + "/home"; }
  std::string RecordOf(const std::string& sink) const { return folder_.path() + "/" + sink; }

  LoadResult Configure() const {
    std::string text =
        "[node]\nstream_id = \"random\"\n[stores]\nnames = [\"main\"]\n[driver]\nkind = "
        "\"replay\"\n[driver.replay]\npath = \"unused\"\n[commit]\npolicy = "
        "\"all(audit)\"\non_failure = \"wait\"\n[journal]\nretain_blocks = 100000\n"
        "disk_reserve = \"1B\"\n";
    for (const auto& [name, wanted] : wanted_) {
      if (!wanted.configured) continue;
      text += fmt::format(
          "[sinks.{}]\nplugin = \"{}/tests/plugins/provisions.so\"\nqueue_bytes = "
          "\"{}MiB\"\nsettings = {{ record = \"{}\" }}\nretry = {{ initial = \"5ms\", max = "
          "\"20ms\" }}\n",
          name, SLUICE_BINARY_DIR, wanted.queue_mib, RecordOf(name));
    }
    LoadResult loaded = LoadConfigText(text, ConfigFormat::kToml, "app.toml", Home(), {});
    EXPECT_EQ(loaded.ToStatus(), Status::Ok());
    return loaded;
  }

  void StartNode() {
    std::filesystem::create_directories(Home());
    LoadResult loaded = Configure();
    NodeOptions options;
    options.home = Home();
    options.config = std::move(loaded.config);
    options.effective = std::move(loaded.effective);
    node_ = std::make_unique<Node>(std::move(options));
    driver_ = std::make_unique<StepDriver>();
    ASSERT_EQ(node_->Start(), Status::Ok());
    running_ = std::thread([this] { EXPECT_EQ(node_->Run(driver_.get()), Status::Ok()); });
  }
  void StopNode() {
    if (!node_) return;
    node_->RequestStop();
    driver_->Stop();
    running_.join();
    EXPECT_EQ(node_->Stop(), Status::Ok());
    node_.reset();
  }

  std::optional<SinkStatus> Sink(const std::string& name) const {
    for (SinkStatus& sink : node_->status().sinks) {
      if (sink.name == name) return std::move(sink);
    }
    return std::nullopt;
  }
  bool WaitFor(const std::function<bool()>& holds) const {
    const TimePoint give_up_at = Now() + kPatience;
    while (!holds()) {
      if (Now() > give_up_at) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // looks again
    }
    return true;
  }
  std::string Name() {
    return std::next(wanted_.begin(), static_cast<int64_t>(random_() % wanted_.size()))->first;
  }

  // Refused is an answer too: the model only takes over what was taken.
  void Command(SinkCommand command, const std::string& name) {
    SCOPED_TRACE(fmt::format("{} {}", SinkCommandName(command), name));
    Wanted& wanted = wanted_[name];
    const Status status = node_->CommandSink(SinkName(name), command);
    const bool answered = status.ok() || status.code() == StatusCode::kInvalid ||
                          status.code() == StatusCode::kNotFound;
    ASSERT_TRUE(answered) << status.ToString();
    if (!status.ok()) return;
    if (command == SinkCommand::kSuspend) wanted.suspended = true;
    if (command == SinkCommand::kResume) wanted.suspended = false;
    if (command != SinkCommand::kRemove) return;
    wanted.suspended = false;
    wanted.known = false;
    ASSERT_TRUE(WaitFor([&] { return !Sink(name); }));
  }

  void Reload() {
    const LoadResult loaded = Configure();
    const Result<ReloadReport> report = node_->Reload(loaded.config, loaded.effective);
    ASSERT_TRUE(report.has_value()) << report.error().ToString();
    for (auto& [name, wanted] : wanted_) wanted.known = wanted.known || wanted.configured;
  }

  // The policy's own sink is not made empty: it would have nothing that is committed for a while.
  void OneThing() {
    const std::string name = Name();
    const bool needed = name == "audit";
    switch (random_() % 12) {
      case 0:
        if (!needed) Command(SinkCommand::kSuspend, name);
        return;
      case 1:
        return Command(SinkCommand::kResume, name);
      case 2:
        return Command(SinkCommand::kRestart, name);
      case 3:
        return Command(random_() % 2 == 0 ? SinkCommand::kRepair : SinkCommand::kTakeOver, name);
      case 4:
        if (!needed) Command(SinkCommand::kReset, name);
        return;
      case 5:
        return Command(SinkCommand::kRemove, name);
      case 6:  // it goes from the file, or comes back
        if (!needed) wanted_[name].configured = !wanted_[name].configured;
        return Reload();
      case 7:
        wanted_[name].queue_mib = 1 + random_() % 4;
        return Reload();
      case 8:
        if (random_() % 4 != 0) return;
        StopNode();
        for (auto& [sink, wanted] : wanted_) wanted.known = wanted.known || wanted.configured;
        return StartNode();
      default:
        driver_->Give(1 + random_() % 20);
    }
  }

  void ExpectPolicyHeld() const {
    const NodeStatus status = node_->status();
    for (const SinkStatus& sink : status.sinks) {
      if (sink.name == "audit") {
        EXPECT_GE(sink.watermark, status.height);
      }
    }
  }

  sink_record External(const std::string& name) const {
    sink_record record{};
    std::ifstream in(RecordOf(name), std::ios::binary);
    in.read(reinterpret_cast<char*>(&record), sizeof(record));
    return record;
  }

  const uint64_t seed_;
  std::mt19937_64 random_;
  testing::ScopedTrace trace_{__FILE__, __LINE__, fmt::format("SLUICE_TEST_SEED={}", seed_)};
  test::TemporaryFolder folder_;
  std::map<std::string, Wanted> wanted_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<StepDriver> driver_;
  std::thread running_;
};

TEST_F(RandomCommands, LeaveEverySinkAsTheySayAndNothingLost) {
  constexpr int kThings = 150;
  StartNode();
  for (int i = 0; i < kThings && !HasFatalFailure(); ++i) {
    OneThing();
    ExpectPolicyHeld();
  }
  ASSERT_FALSE(HasFatalFailure());
  // The last words, so that there is something to compare with.
  driver_->Give(5);
  Reload();
  ASSERT_TRUE(WaitFor([&] {
    const NodeStatus status = node_->status();
    if (status.height == Height()) return false;
    for (const auto& [name, wanted] : wanted_) {
      const std::optional<SinkStatus> sink = Sink(name);
      if (!wanted.known) {
        if (sink) return false;
        continue;
      }
      const bool runs = wanted.configured && !wanted.suspended;
      if (!sink || sink->lifecycle != (runs ? "running" : "suspended")) return false;
      if (runs && sink->watermark != status.journaled_height) return false;
    }
    return status.height == status.journaled_height;
  })) << StatusToJson(node_->status(), 1);
  const NodeStatus last = node_->status();
  for (const auto& [name, wanted] : wanted_) {
    SCOPED_TRACE(name);
    const sink_record external = External(name);
    EXPECT_EQ(external.order_errors, 0U);
    EXPECT_EQ(external.epoch_errors, 0U);
    if (!wanted.configured || wanted.suspended) {
      if (wanted.known) {
        EXPECT_EQ(Sink(name)->reason, wanted.configured ? "operator" : "orphaned");
      }
      continue;
    }
    EXPECT_EQ(Height(external.height), last.height);
    EXPECT_EQ(std::memcmp(external.digest, last.digest.bytes.data(), sizeof(external.digest)), 0);
  }
}

}  // namespace
}  // namespace sluice
