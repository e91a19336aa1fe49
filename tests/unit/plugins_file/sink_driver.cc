// SPDX-License-Identifier: Apache-2.0
#include "unit/plugins_file/sink_driver.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <utility>

#include "file/abi_digest.h"

namespace sluice_file::testing {
namespace fs = std::filesystem;
using sluice::sdk::Bytes;
using sluice::sdk::Text;
using sluice::sdk::View;

namespace {

SinkDriver* Driver(void* context) { return static_cast<SinkDriver*>(context); }

Where ToWhere(const sluice_position& position) {
  return {position.kind == SLUICE_POSITION_EMPTY, position.stream_id, position.epoch,
          position.height, ToDigest(position.digest)};
}

std::vector<sluice_change> ToChanges(const TestHeight& height) {
  std::vector<sluice_change> changes;
  for (size_t i = 0; i < height.changes.size(); ++i) {
    const TestChange& from = height.changes[i];
    sluice_change to{};
    to.kind = from.is_delete ? SLUICE_CHANGE_DELETE : SLUICE_CHANGE_SET;
    to.flags = from.has_old_value ? SLUICE_CHANGE_HAS_OLD_VALUE : 0;
    to.transaction = static_cast<uint32_t>(i / 2);
    to.sequence = static_cast<uint32_t>(i);
    to.store = Text(from.store);
    to.key = Bytes(from.key);
    to.value = Bytes(from.value);
    to.old_value = Bytes(from.old_value);
    changes.push_back(to);
  }
  return changes;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "sluice_file_test.XXXXXX").string();
  path_ = mkdtemp(name.data());
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

SinkDriver::SinkDriver(fs::path home, std::string settings, std::string stream, std::string sink)
    : home_(std::move(home)),
      settings_("{\"path\":\"sink\"" + (settings.empty() ? "" : "," + settings) + "}"),
      stream_(std::move(stream)),
      sink_(std::move(sink)) {
  host_.struct_size = sizeof(host_);
  host_.context = this;
  host_.ack = [](void* context, const sluice_ack* ack) {
    Driver(context)->acks_.push_back(*ack);
    Driver(context)->SetAcked(ack->last_height);
  };
  host_.nack = [](void* context, const sluice_nack* nack) {
    Driver(context)->nacked_.push_back(nack->height);
  };
  host_.ready = [](void*) {};
  host_.batch_retain = [](void*, const sluice_batch*) { return int32_t{SLUICE_NO_MEMORY}; };
  host_.batch_release = [](void*, const sluice_batch*) {};
  host_.log = [](void* context, int32_t, sluice_text text) {
    Driver(context)->log_.emplace_back(View(text));
  };
  host_.fail = [](void* context, int32_t, sluice_text text) {
    Driver(context)->failure_ = View(text);
  };
  host_.get_extension = [](void*, const char*) -> const void* { return nullptr; };
  instance_ = sluice_plugin_entry_v1()->create(&host_);
}

SinkDriver::~SinkDriver() { Destroy(); }

void SinkDriver::Destroy() {
  if (instance_ != nullptr) instance_->destroy(instance_->state);
  instance_ = nullptr;
}

void SinkDriver::SetAcked(uint64_t height) {
  acked_ = std::max(acked_, height);
  if (ack_observer_ != nullptr) ack_observer_(acked_);
}

int32_t SinkDriver::Reset(uint64_t epoch) {
  const auto* table = static_cast<const sluice_provision_v1*>(
      instance_->get_extension(instance_->state, SLUICE_EXT_PROVISION_V1));
  const std::string home = home_.string();
  sluice_start_args args{};
  args.struct_size = sizeof(args);
  args.settings = Text(settings_);
  args.stream_id = Text(stream_);
  args.sink_name = Text(sink_);
  args.home = Text(home);
  args.epoch = epoch;
  return table->reset(instance_->state, &args);
}

int32_t SinkDriver::Start(uint64_t epoch) {
  epoch_ = epoch;
  const std::string home = home_.string();
  sluice_start_args args{};
  args.struct_size = sizeof(args);
  args.settings = Text(settings_);
  args.stream_id = Text(stream_);
  args.sink_name = Text(sink_);
  args.home = Text(home);
  args.epoch = epoch;
  args.deadline_nanos = 1'000'000'000;
  sluice_start_result result{};
  result.struct_size = sizeof(result);
  const int32_t status = instance_->start(instance_->state, &args, &result);
  level_ = result.level;
  return status;
}

Where SinkDriver::Resume() {
  sluice_position position{};
  position.struct_size = sizeof(position);
  EXPECT_EQ(instance_->resume(instance_->state, &position), SLUICE_OK) << failure_;
  return ToWhere(position);
}

int32_t SinkDriver::Attach(int32_t reason, uint64_t height, const Digest& digest) {
  sluice_attach_args args{};
  args.struct_size = sizeof(args);
  args.reason = reason;
  args.epoch = epoch_;
  args.height = height;
  args.digest = FromDigest(digest);
  return instance_->attach(instance_->state, &args);
}

int32_t SinkDriver::Begin(uint64_t epoch, const StreamContent& content) {
  if (const int32_t status = Start(epoch); status != SLUICE_OK) return status;
  const Where where = Resume();
  acked_ = where.height;
  return Attach(where.empty ? SLUICE_ATTACH_GENESIS : SLUICE_ATTACH_RESUMED, where.height,
                content.digest(where.height));
}

int32_t SinkDriver::Deliver(const TestHeight& height, uint64_t newest, uint64_t attempt,
                            uint32_t flags) {
  const std::vector<sluice_change> changes = ToChanges(height);
  sluice_batch batch{};
  batch.struct_size = sizeof(batch);
  batch.flags = flags;
  batch.epoch = epoch_;
  batch.attempt = attempt;
  batch.height = height.height;
  batch.newest_height = std::max(newest, height.height);
  batch.digest = FromDigest(height.digest);
  batch.previous_digest = FromDigest(height.previous_digest);
  batch.stream_id = Text(stream_);
  batch.last_part = 1;
  batch.changes = changes.data();
  batch.change_count = changes.size();
  batch.change_stride = sizeof(sluice_change);
  batch.canonical = Bytes(height.canonical);
  const int32_t status = DeliverRaw(batch);
  if (status == SLUICE_OK) SetAcked(height.height);
  return status;
}

int32_t SinkDriver::DeliverRaw(const sluice_batch& batch) {
  return instance_->deliver(instance_->state, &batch);
}

int32_t SinkDriver::TakeSnapshot(const StreamContent& content, uint64_t height,
                                 uint64_t rows_a_part, uint64_t until_part) {
  const auto* table = static_cast<const sluice_snapshot_v1*>(
      instance_->get_extension(instance_->state, SLUICE_EXT_SNAPSHOT_V1));
  const Rows rows = content.RowsAt(height);
  sluice_snapshot_args args{};
  args.struct_size = sizeof(args);
  args.epoch = epoch_;
  args.height = height;
  args.digest = FromDigest(content.digest(height));
  args.rows_about = rows.size();
  if (const int32_t status = table->begin(instance_->state, &args); status != SLUICE_OK) {
    return status;
  }
  sluice_snapshot_part part{};
  part.struct_size = sizeof(part);
  part.row_stride = sizeof(sluice_row);
  auto at = rows.begin();
  while (at != rows.end() && part.part < until_part) {
    std::vector<sluice_row> some;
    for (; at != rows.end() && some.size() < rows_a_part; ++at) {
      some.push_back({Text(at->first.first), Bytes(at->first.second), Bytes(at->second)});
    }
    part.rows = some.data();
    part.row_count = some.size();
    const int32_t status = table->part(instance_->state, &part);
    if (status != SLUICE_OK) return status;
    ++part.part;
  }
  if (at != rows.end() || part.part == until_part) return SLUICE_OK;
  return table->end(instance_->state);
}

int32_t SinkDriver::Drain() { return instance_->drain(instance_->state, 1'000'000'000); }

bool SinkDriver::DeliverAll(const StreamContent& content, uint64_t last, uint64_t window,
                            int max_retries) {
  uint64_t attempt = 1;
  for (uint64_t next = acked_ + 1; acked_ < last; ++next) {
    const uint64_t newest = std::min(last, (next - 1) / window * window + window);
    const size_t nacks = nacked_.size();
    const int32_t status = Deliver(content.at(next), newest, attempt);
    if (status == SLUICE_OK || status == SLUICE_PENDING) continue;
    if (status != SLUICE_RETRY || max_retries-- == 0) return false;
    // What is not acked comes again from the first nacked height on, or from this one.
    const uint64_t again = nacked_.size() > nacks ? nacked_.back() : next;
    EXPECT_EQ(again, acked_ + 1);
    next = again - 1;
    ++attempt;
  }
  return true;
}

std::vector<fs::path> SinkDriver::Files() const {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder())) {
    if (entry.path().filename() != "FENCE") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

SinkDriver::Readback SinkDriver::ReadBack(uint64_t last_height) {
  Readback out;
  const sluice_instance* instance = sluice_plugin_entry_v1()->create(&host_);
  const auto* readback = static_cast<const sluice_readback_v1*>(
      instance->get_extension(instance->state, SLUICE_EXT_READBACK_V1));
  const std::string home = home_.string();
  sluice_readback_args args{};
  args.struct_size = sizeof(args);
  args.settings = Text(settings_);
  args.stream_id = Text(stream_);
  args.sink_name = Text(sink_);
  args.home = Text(home);
  args.last_height = last_height;
  sluice_readback_info info{};
  info.struct_size = sizeof(info);
  info.position.struct_size = sizeof(info.position);
  out.status = readback->open(instance->state, &args, &info);
  if (out.status == SLUICE_OK) {
    out.flags = info.flags;
    out.first_height = info.first_height;
    out.position = ToWhere(info.position);
    sluice_readback_item item{};
    item.struct_size = sizeof(item);
    while ((out.status = readback->next(instance->state, info.cursor, &item)) == SLUICE_OK &&
           item.kind != SLUICE_READBACK_END) {
      if (item.kind == SLUICE_READBACK_ROW) {
        EXPECT_EQ(item.height, info.first_height);
        const std::pair key(std::string(View(item.store)), std::string(View(item.key)));
        EXPECT_TRUE(out.rows.emplace(key, View(item.value)).second) << "given twice";
        EXPECT_TRUE(out.heights.empty()) << "a row behind heights";
        continue;
      }
      TestHeight height;
      height.height = item.height;
      height.digest = ToDigest(item.digest);
      height.previous_digest = ToDigest(item.previous_digest);
      height.canonical = View(item.canonical);
      for (uint64_t i = 0; i < item.change_count; ++i) {
        const sluice_change& change = item.changes[i];
        height.changes.push_back({change.kind == SLUICE_CHANGE_DELETE,
                                  std::string(View(change.store)), std::string(View(change.key)),
                                  std::string(View(change.value)),
                                  (change.flags & SLUICE_CHANGE_HAS_OLD_VALUE) != 0,
                                  std::string(View(change.old_value))});
      }
      out.heights[item.height] = std::move(height);
    }
    readback->close(instance->state, info.cursor);
  }
  instance->destroy(instance->state);
  return out;
}

void ExpectHoldsFromSnapshot(SinkDriver* driver, const StreamContent& content, uint64_t first,
                             uint64_t last) {
  const SinkDriver::Readback held = driver->ReadBack();
  ASSERT_EQ(held.status, SLUICE_OK) << driver->failure();
  EXPECT_EQ(held.flags & SLUICE_READBACK_TRUNCATED, 0U);
  EXPECT_EQ(held.first_height, first - 1);
  EXPECT_EQ(held.rows, content.RowsAt(first - 1));
  ExpectHolds(driver, content, first, last);
}

void ExpectHolds(SinkDriver* driver, const StreamContent& content, uint64_t first, uint64_t last) {
  const SinkDriver::Readback held = driver->ReadBack();
  ASSERT_EQ(held.status, SLUICE_OK) << driver->failure();
  ASSERT_EQ(held.heights.size(), last < first ? 0 : last - first + 1);
  for (uint64_t height = first; height <= last; ++height) {
    const auto found = held.heights.find(height);
    ASSERT_NE(found, held.heights.end()) << height;
    EXPECT_EQ(found->second.changes, content.at(height).changes) << height;
    EXPECT_EQ(found->second.digest, content.at(height).digest) << height;
    if (found->second.canonical.empty()) continue;  // jsonl does not keep them
    EXPECT_EQ(found->second.canonical, content.at(height).canonical) << height;
    EXPECT_EQ(found->second.previous_digest, content.at(height).previous_digest) << height;
  }
}

}  // namespace sluice_file::testing
