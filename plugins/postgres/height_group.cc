// SPDX-License-Identifier: Apache-2.0
#include "postgres/height_group.h"

#include <algorithm>
#include <tuple>

namespace sluice_postgres {

using sluice::sdk::Batch;
using sluice::sdk::View;

namespace {

constexpr uint16_t kChangeFields = 10;
constexpr uint16_t kStagingFields = 6;
// What a row costs in memory and on the wire besides its bytes, about.
constexpr uint64_t kStateRowBytes = 96;

RowForm FormOf(const sluice_change& change, const Settings& settings) {
  if (change.kind == SLUICE_CHANGE_DELETE) return RowForm::kDelete;
  switch (settings.form_of(View(change.store))) {
    case ValueForm::kText:
      return RowForm::kText;
    case ValueForm::kJsonb:
      return RowForm::kJsonb;
    case ValueForm::kBytes:
      break;
  }
  return RowForm::kBytes;
}

// The first bytes as a number that is ordered as they are; what is missing counts as zeros.
uint64_t Prefix(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(value); ++i) {
    value = value << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0);
  }
  return value;
}

}  // namespace

void HeightGroup::Add(const Batch& batch, std::chrono::steady_clock::time_point now, bool held) {
  if (heights_.empty()) opened_at_ = now;
  GroupHeight height{batch.height(),
                     batch.attempt(),
                     batch.digest(),
                     batch.previous_digest(),
                     batch.raw()->time_unix_nanos,
                     0,
                     batch.filtered(),
                     held};
  for (const sluice_change& change : batch.changes()) {
    // A kind that is not known, and need not be.
    if (change.kind != SLUICE_CHANGE_SET && change.kind != SLUICE_CHANGE_DELETE) continue;
    ++height.change_count;
    if (held) continue;
    if (settings_->changes) AddChange(batch, change);
    if (settings_->state) AddState(batch, change);
  }
  heights_.push_back(height);
}

void HeightGroup::AddChange(const Batch& batch, const sluice_change& change) {
  const bool is_delete = change.kind == SLUICE_CHANGE_DELETE;
  changes_.BeginRow(kChangeFields);
  changes_.Bytes(key_->stream);
  changes_.Bytes(key_->sink);
  changes_.Int64(static_cast<int64_t>(batch.height()));
  changes_.Int32(static_cast<int32_t>(change.sequence));
  changes_.Int32(static_cast<int32_t>(change.transaction));
  changes_.Bytes(is_delete ? "delete" : "set");
  changes_.Bytes(View(change.store));
  changes_.Bytes(View(change.key));
  if (is_delete) {
    changes_.Null();
  } else {
    changes_.Bytes(View(change.value));
  }
  if ((change.flags & SLUICE_CHANGE_HAS_OLD_VALUE) != 0) {
    changes_.Bytes(View(change.old_value));
  } else {
    changes_.Null();
  }
}

void HeightGroup::AddState(const Batch& batch, const sluice_change& change) {
  lookup_.assign(View(change.store));
  lookup_.push_back('\0');
  lookup_.append(View(change.key));
  const auto [place, is_new] = state_.try_emplace(lookup_);
  StateRow& row = place->second;
  if (is_new) {
    row.store = View(change.store);
    row.key = std::string_view(place->first).substr(row.store.size() + 1);
    state_bytes_ += kStateRowBytes + 2 * row.key.size();
  }
  state_bytes_ -= row.value.size();
  row.value = change.kind == SLUICE_CHANGE_DELETE ? std::string_view() : View(change.value);
  state_bytes_ += row.value.size();
  row.height = batch.height();
  row.sequence = change.sequence;
  row.form = FormOf(change, *settings_);
}

void HeightGroup::Clear() {
  heights_.clear();
  changes_.Clear();
  state_.clear();
  state_bytes_ = 0;
  passed_over_.clear();
}

bool HeightGroup::filtered() const {
  return std::any_of(heights_.begin(), heights_.end(),
                     [](const GroupHeight& height) { return height.filtered; });
}

bool HeightGroup::any_held() const {
  return std::any_of(heights_.begin(), heights_.end(),
                     [](const GroupHeight& height) { return height.held; });
}

std::vector<const StateRow*> HeightGroup::Ordered() const {
  // What all keys begin with tells nothing; the bytes behind it mostly decide, without a look at
  // the keys themselves, which are spread all over the memory.
  std::string_view common;
  bool is_first = true;
  for (const auto& [key, row] : state_) {
    if (is_first) common = key;
    is_first = false;
    const auto end = std::mismatch(common.begin(), common.end(), key.begin(), key.end()).first;
    common = common.substr(0, static_cast<size_t>(end - common.begin()));
  }
  struct Entry {
    uint64_t prefix;
    std::string_view rest;
    const StateRow* row;
  };
  std::vector<Entry> entries;
  entries.reserve(state_.size());
  for (const auto& [key, row] : state_) {
    const std::string_view rest = std::string_view(key).substr(common.size());
    entries.push_back({Prefix(rest), rest, &row});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : a.rest < b.rest;
  });
  std::vector<const StateRow*> rows;
  rows.reserve(entries.size());
  for (const Entry& entry : entries) rows.push_back(entry.row);
  return rows;
}

std::string HeightGroup::StagingRows() const {
  CopyEncoder rows;
  rows.Reserve(state_bytes_);
  for (const StateRow* row : Ordered()) {
    rows.BeginRow(kStagingFields);
    rows.Bytes(row->store);
    rows.Bytes(row->key);
    rows.Bytes(row->value);
    rows.Int64(static_cast<int64_t>(row->height));
    rows.Int32(static_cast<int32_t>(row->sequence));
    rows.Int16(static_cast<int16_t>(row->form));
  }
  return rows.TakeRows();
}

std::map<std::string, HeightGroup::StoreRows> HeightGroup::stores() const {
  std::map<std::string, StoreRows> stores;
  for (const auto& [key, row] : state_) {
    StoreRows& rows = stores[row.store];
    (row.form == RowForm::kDelete ? rows.deletes : rows.sets) = true;
  }
  return stores;
}

std::vector<StateRow*> HeightGroup::TypedRows() {
  std::vector<StateRow*> rows;
  for (auto& [key, row] : state_) {
    if (row.form == RowForm::kText || row.form == RowForm::kJsonb) rows.push_back(&row);
  }
  std::sort(rows.begin(), rows.end(), [](const StateRow* a, const StateRow* b) {
    return std::tie(a->height, a->sequence) < std::tie(b->height, b->sequence);
  });
  return rows;
}

void HeightGroup::PassOver(StateRow* row, const std::string& reason) {
  passed_over_.push_back({row->height, row->sequence, row->store, std::string(row->key), reason});
  // Without a row, whatever stood there before is not the key's value any more.
  row->form = settings_->on_bad_value == OnBadValue::kSkip ? RowForm::kDelete : RowForm::kBytes;
  if (row->form == RowForm::kDelete) row->value.clear();
}

}  // namespace sluice_postgres
