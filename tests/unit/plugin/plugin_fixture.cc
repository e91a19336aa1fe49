// SPDX-License-Identifier: Apache-2.0
#include "unit/plugin/plugin_fixture.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace sluice {

std::filesystem::path TestPlugin(const std::string& name) {
  return std::filesystem::path(SLUICE_BINARY_DIR) / "tests/plugins" / (name + ".so");
}

void FakeListener::OnAck(const AckReport& ack) {
  const std::lock_guard<std::mutex> lock(mutex_);
  acks_.push_back(ack);
  changed_.notify_all();
}

void FakeListener::OnNack(const NackReport& nack) {
  const std::lock_guard<std::mutex> lock(mutex_);
  nacks_.push_back(nack);
  changed_.notify_all();
}

void FakeListener::OnReady() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++ready_count_;
  changed_.notify_all();
}

void FakeListener::OnFailed(Status reason) {
  const std::lock_guard<std::mutex> lock(mutex_);
  failures_.push_back(std::move(reason));
  changed_.notify_all();
}

std::vector<AckReport> FakeListener::acks() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return acks_;
}

std::vector<NackReport> FakeListener::nacks() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return nacks_;
}

int FakeListener::ready_count() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ready_count_;
}

std::vector<Status> FakeListener::failures() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failures_;
}

template <typename Predicate>
void FakeListener::Await(Predicate predicate) const {
  std::unique_lock<std::mutex> lock(mutex_);
  ASSERT_TRUE(changed_.wait_for(lock, std::chrono::minutes(1), predicate));
}

void FakeListener::AwaitAcks(size_t count) const {
  Await([this, count] { return acks_.size() >= count; });
}
void FakeListener::AwaitReady(int count) const {
  Await([this, count] { return ready_count_ >= count; });
}
void FakeListener::AwaitFailures(size_t count) const {
  Await([this, count] { return failures_.size() >= count; });
}

std::shared_ptr<const ChangeSet> MakeChangeSet(uint64_t height, int change_count,
                                               size_t value_size) {
  ChangeSetBuilder builder("test-stream", Height(height), 1'700'000'000'000'000'000);
  for (int i = 0; i < change_count; ++i) {
    const std::string value(value_size, static_cast<char>('a' + i % 26));
    builder.AddSet(0, "accounts", "key" + std::to_string(i), value, "old" + std::to_string(i));
  }
  builder.AddTransactionResult(0, 0);
  return std::move(builder).Seal(GenesisDigest("test-stream"));
}

Delivery MakeDelivery(uint64_t height, uint64_t attempt) {
  return MakeDelivery(MakeChangeSet(height), attempt);
}

Delivery MakeDelivery(std::shared_ptr<const ChangeSet> set, uint64_t attempt) {
  Delivery delivery;
  delivery.newest_height = set->height();
  delivery.change_set = std::move(set);
  delivery.epoch = Epoch(7);
  delivery.attempt = Attempt(attempt);
  return delivery;
}

void PluginInstanceTest::TearDown() { Destroy(); }

Result<std::unique_ptr<SinkInstance>> PluginInstanceTest::Create(const std::string& plugin,
                                                                 uint64_t retained_bytes_max) {
  SLUICE_ASSIGN_OR_RETURN(const auto library, loader_.Load(TestPlugin(plugin).string(), ""));
  return library->CreateInstance({SinkName("orders"), retained_bytes_max}, &listener_);
}

void PluginInstanceTest::Start(const std::string& plugin, const std::string& settings,
                               uint64_t retained_bytes_max) {
  auto created = Create(plugin, retained_bytes_max);
  ASSERT_TRUE(created.has_value()) << created.error().ToString();
  instance_ = std::move(*created);
  const auto started = instance_->Start(MakeStartArgs(settings));
  ASSERT_TRUE(started.has_value()) << started.error().ToString();
}

StartArgs PluginInstanceTest::MakeStartArgs(const std::string& settings) const {
  StartArgs args;
  args.settings_json = settings;
  args.stream_id = "test-stream";
  args.sink = SinkName("orders");
  args.home = std::filesystem::temp_directory_path().string();
  args.epoch = epoch_;
  args.deadline = std::chrono::seconds(10);
  return args;
}

Status PluginInstanceTest::Deliver(uint64_t height, uint64_t attempt) {
  return instance_->Deliver(MakeDelivery(height, attempt));
}

void PluginInstanceTest::Destroy() {
  if (instance_ == nullptr) return;
  instance_->Destroy();
  instance_.reset();
}

ScratchFolder::ScratchFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "sluice-plugin-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ReadWhole(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void WriteWhole(const std::filesystem::path& path, std::string_view bytes) {
  // A new file, as an installer writes it: the old one may be in use.
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  std::ofstream(path, std::ios::binary) << bytes;
}

sink_record ReadRecord(const std::filesystem::path& path) {
  sink_record record{};
  const std::string bytes = ReadWhole(path);
  EXPECT_EQ(bytes.size(), sizeof(record));
  if (bytes.size() == sizeof(record)) std::memcpy(&record, bytes.data(), sizeof(record));
  return record;
}

}  // namespace sluice
