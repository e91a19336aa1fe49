// SPDX-License-Identifier: Apache-2.0
//
// The node's own small records: epoch, positions, unacked ranges, watermarks, and named ones.
#include <fmt/core.h>

#include <algorithm>

#include "base/failpoint.h"
#include "store/log_tail.h"
#include "store/records.h"
#include "store/rocks_database.h"
#include "store/rocks_status.h"

namespace sluice {

Result<Epoch> RocksDatabase::RaiseEpoch(Epoch at_least) {
  std::lock_guard raising(epoch_mutex_);
  const Epoch raised = std::max(epoch(), at_least) + 1;
  rocksdb::WriteBatch batch;
  Failpoint("store.epoch.before", raised.value());
  {
    const RocksHandle::Use use(handle_);
    SLUICE_RETURN_IF_ERROR(WriteRefused(use));
    batch.Put(use->records, ToSlice(records::kEpochKey), records::EncodeNumber(raised.value()));
    SLUICE_RETURN_IF_ERROR(WriteDurably(use, &batch, "raising the epoch"));
  }
  Failpoint("store.epoch.after", raised.value());
  std::lock_guard lock(mutex_);
  standing_.epoch = raised;
  return raised;
}

Epoch RocksDatabase::epoch() const { return standing().epoch; }

Result<std::optional<DriverPosition>> RocksDatabase::ReadPosition(std::string_view source) const {
  SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> state,
                          Get(records::Key(records::kPositionPrefix, source)));
  if (!state) return std::nullopt;
  return DriverPosition{std::string(source), *std::move(state)};
}

Result<std::vector<UnackedRange>> RocksDatabase::UnackedRanges() const {
  SLUICE_ASSIGN_OR_RETURN(const auto found, List(records::kUnackedPrefix));
  std::vector<UnackedRange> ranges;
  for (const auto& [key, bytes] : found) {
    SLUICE_ASSIGN_OR_RETURN(UnackedRange range, records::DecodeUnacked(key, bytes));
    ranges.push_back(std::move(range));
  }
  return ranges;
}

Result<std::optional<Height>> RocksDatabase::SinkWatermark(const SinkName& sink) const {
  const std::string key = records::Key(records::kWatermarkPrefix, sink.str());
  SLUICE_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, Get(key));
  if (!bytes) return std::nullopt;
  SLUICE_ASSIGN_OR_RETURN(const uint64_t height, records::DecodeNumber(key, *bytes));
  return Height(height);
}

Status RocksDatabase::PutRecord(std::string_view name, std::string_view bytes) {
  const RocksHandle::Use use(handle_);
  SLUICE_RETURN_IF_ERROR(WriteRefused(use));
  rocksdb::WriteBatch batch;
  batch.Put(use->records, records::Key(records::kNamedPrefix, name), ToSlice(bytes));
  return WriteDurably(use, &batch, fmt::format("writing record '{}'", name));
}

Status RocksDatabase::DeleteRecord(std::string_view name) {
  const RocksHandle::Use use(handle_);
  SLUICE_RETURN_IF_ERROR(WriteRefused(use));
  rocksdb::WriteBatch batch;
  batch.Delete(use->records, records::Key(records::kNamedPrefix, name));
  return WriteDurably(use, &batch, fmt::format("removing record '{}'", name));
}

Status RocksDatabase::ForgetSink(const SinkName& sink, std::string_view record) {
  const RocksHandle::Use use(handle_);
  SLUICE_RETURN_IF_ERROR(WriteRefused(use));
  rocksdb::WriteBatch batch;
  if (!record.empty()) batch.Delete(use->records, records::Key(records::kNamedPrefix, record));
  batch.Delete(use->records, records::Key(records::kWatermarkPrefix, sink.str()));
  return WriteDurably(use, &batch, fmt::format("forgetting sink '{}'", sink));
}

Result<std::optional<std::string>> RocksDatabase::GetRecord(std::string_view name) const {
  return Get(records::Key(records::kNamedPrefix, name));
}

Result<std::vector<std::pair<std::string, std::string>>> RocksDatabase::ListRecords(
    std::string_view prefix) const {
  SLUICE_ASSIGN_OR_RETURN(auto found, List(records::Key(records::kNamedPrefix, prefix)));
  for (auto& [key, bytes] : found) key.erase(0, records::kNamedPrefix.size());
  return found;
}

Status RocksDatabase::WriteDurably(const RocksHandle::Use& use, rocksdb::WriteBatch* batch,
                                   std::string_view what) {
  rocksdb::WriteOptions durable;
  durable.sync = true;
  batch->PutLogData(EncodeDurable(durable_sequence_));
  const uint64_t before = use->db->GetLatestSequenceNumber();
  SLUICE_RETURN_IF_ERROR(Failed(FromRocks(use->db->Write(durable, batch), Doing(what))));
  RaiseDurable(before);
  return Status::Ok();
}

Result<std::optional<std::string>> RocksDatabase::Get(std::string_view key) const {
  const RocksHandle::Use use(handle_);
  SLUICE_RETURN_IF_ERROR(use.status());
  std::string bytes;
  const rocksdb::Status status =
      use->db->Get(rocksdb::ReadOptions(), use->records, ToSlice(key), &bytes);
  if (status.IsNotFound()) return std::nullopt;
  SLUICE_RETURN_IF_ERROR(FromRocks(status, Doing(fmt::format("reading record '{}'", key))));
  return bytes;
}

Result<std::vector<std::pair<std::string, std::string>>> RocksDatabase::List(
    std::string_view prefix) const {
  const RocksHandle::Use use(handle_);
  SLUICE_RETURN_IF_ERROR(use.status());
  std::vector<std::pair<std::string, std::string>> found;
  std::unique_ptr<rocksdb::Iterator> iterator(
      use->db->NewIterator(rocksdb::ReadOptions(), use->records));
  for (iterator->Seek(ToSlice(prefix));
       iterator->Valid() && ToView(iterator->key()).starts_with(prefix); iterator->Next()) {
    found.emplace_back(ToView(iterator->key()), ToView(iterator->value()));
  }
  SLUICE_RETURN_IF_ERROR(
      FromRocks(iterator->status(), Doing(fmt::format("reading records '{}'", prefix))));
  return found;
}

}  // namespace sluice
