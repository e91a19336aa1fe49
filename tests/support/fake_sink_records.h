// SPDX-License-Identifier: Apache-2.0
//
// Sinks' records in memory, and how often they were written. Threading: any thread.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "lifecycle/sink_loop.h"

namespace sluice {

class FakeSinkRecords final : public SinkRecordStore {
 public:
  Status PutSinkRecord(const SinkName& sink, const std::string& bytes) override {
    std::lock_guard lock(mutex_);
    if (full_) return {StatusCode::kNoSpace, "the disk is full"};
    ++writes_;
    records_[sink.str()] = bytes;
    history_.push_back(bytes);
    return Status::Ok();
  }
  Status ForgetWatermark(const SinkName& /*sink*/) override {
    std::lock_guard lock(mutex_);
    if (full_) return {StatusCode::kNoSpace, "the disk is full"};
    ++watermarks_forgotten_;
    return Status::Ok();
  }
  Status ForgetSink(const SinkName& sink) override {
    std::lock_guard lock(mutex_);
    if (full_) return {StatusCode::kNoSpace, "the disk is full"};
    records_.erase(sink.str());
    ++forgotten_;
    return Status::Ok();
  }

  void SetFull(bool full) {
    std::lock_guard lock(mutex_);
    full_ = full;
  }
  std::optional<SinkRecord> Get(const SinkName& sink) const {
    std::lock_guard lock(mutex_);
    const auto found = records_.find(sink.str());
    if (found == records_.end()) return std::nullopt;
    Result<SinkRecord> record = DecodeSinkRecord(found->second);
    EXPECT_TRUE(record.has_value()) << record.error().ToString();
    return *record;
  }
  void Set(const SinkRecord& record) {
    std::lock_guard lock(mutex_);
    records_[record.name] = EncodeSinkRecord(record);
  }
  int writes() const {
    std::lock_guard lock(mutex_);
    return writes_;
  }
  int forgotten() const {
    std::lock_guard lock(mutex_);
    return forgotten_;
  }
  int watermarks_forgotten() const {
    std::lock_guard lock(mutex_);
    return watermarks_forgotten_;
  }
  // All that was written, in order.
  std::vector<SinkRecord> History() const {
    std::lock_guard lock(mutex_);
    std::vector<SinkRecord> records;
    for (const std::string& bytes : history_) records.push_back(DecodeSinkRecord(bytes).value());
    return records;
  }
  // The states that were written, in order.
  std::vector<std::string> States() const {
    std::lock_guard lock(mutex_);
    std::vector<std::string> states;
    for (const std::string& bytes : history_) {
      states.emplace_back(LifecycleStateName(DecodeSinkRecord(bytes).value().state));
    }
    return states;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> records_;
  std::vector<std::string> history_;
  int writes_ = 0;
  int forgotten_ = 0;
  int watermarks_forgotten_ = 0;
  bool full_ = false;
};

}  // namespace sluice
