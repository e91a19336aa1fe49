// SPDX-License-Identifier: Apache-2.0
//
// What the tests of this folder share: the built test plugins, a listener that remembers, change
// sets. Threading: FakeListener from any thread; the rest from the test's.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/change_set.h"
#include "plugin/plugin_library.h"
#include "plugin/sink_instance.h"
#include "plugins/sink_record.h"

namespace sluice {

// The built library tests/plugins/<name>.so.
std::filesystem::path TestPlugin(const std::string& name);

// Remembers all that it is told.
class FakeListener final : public InstanceListener {
 public:
  void OnAck(const AckReport& ack) override;
  void OnNack(const NackReport& nack) override;
  void OnReady() override;
  void OnFailed(Status reason) override;

  std::vector<AckReport> acks() const;
  std::vector<NackReport> nacks() const;
  int ready_count() const;
  std::vector<Status> failures() const;

  // Return once so many have come; fail the test after a minute.
  void AwaitAcks(size_t count) const;
  void AwaitReady(int count) const;
  void AwaitFailures(size_t count) const;

 private:
  template <typename Predicate>
  void Await(Predicate predicate) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<AckReport> acks_;
  std::vector<NackReport> nacks_;
  int ready_count_ = 0;
  std::vector<Status> failures_;
};

// A height with `change_count` sets of `value_size` bytes and one transaction.
std::shared_ptr<const ChangeSet> MakeChangeSet(uint64_t height, int change_count = 3,
                                               size_t value_size = 10);

Delivery MakeDelivery(uint64_t height, uint64_t attempt = 1);
Delivery MakeDelivery(std::shared_ptr<const ChangeSet> set, uint64_t attempt = 1);

// One instance of one test plugin. Destroys it at the end unless the test did.
class PluginInstanceTest : public testing::Test {
 protected:
  void TearDown() override;

  Result<std::unique_ptr<SinkInstance>> Create(const std::string& plugin,
                                               uint64_t retained_bytes_max = 1U << 20U);
  // Creates and starts it; fails the test where that fails.
  void Start(const std::string& plugin, const std::string& settings = "{}",
             uint64_t retained_bytes_max = 1U << 20U);
  StartArgs MakeStartArgs(const std::string& settings) const;
  Status Deliver(uint64_t height, uint64_t attempt = 1);
  void Destroy();

  const Epoch epoch_{7};
  PluginLoader loader_{{}};
  FakeListener listener_;
  std::unique_ptr<SinkInstance> instance_;
};

// A folder of its own, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string ReadWhole(const std::filesystem::path& path);
void WriteWhole(const std::filesystem::path& path, std::string_view bytes);
sink_record ReadRecord(const std::filesystem::path& path);

}  // namespace sluice
