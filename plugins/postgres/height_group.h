// SPDX-License-Identifier: Apache-2.0
//
// Heights that become one transaction: their rows, encoded as they come, so that nothing of a batch
// is kept beyond its delivery. Of the state only the last write of each key is kept; whether a key
// was written before within the group then makes no difference to the server.
//
// Threading: one thread at a time. Ownership: the bytes; borrows settings and key.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "postgres/copy_encoder.h"
#include "postgres/position.h"
#include "postgres/settings.h"

namespace sluice_postgres {

// How a row of the staging table becomes one of the state, in its column `form`.
enum class RowForm : int16_t {
  kDelete = 0,
  kBytes = 1,  // value only
  kText = 2,   // value_text as well
  kJsonb = 3,  // value_jsonb as well
};

// The last write of a key in a group.
struct StateRow {
  std::string store;
  std::string_view key;  // into the group
  std::string value;
  uint64_t height = 0;
  uint32_t sequence = 0;
  RowForm form = RowForm::kBytes;
};

struct GroupHeight {
  uint64_t height = 0;
  uint64_t attempt = 0;
  sluice_digest digest{};
  sluice_digest previous_digest{};
  int64_t time_unix_nanos = 0;
  uint64_t change_count = 0;
  bool filtered = false;
  bool held = false;  // its rows are in the tables already
};

// A value that was passed over.
struct BadValue {
  uint64_t height = 0;
  uint32_t sequence = 0;
  std::string store;
  std::string key;
  std::string reason;
};

class HeightGroup {
 public:
  HeightGroup(const Settings& settings, const SinkKey& key) : settings_(&settings), key_(&key) {}

  bool empty() const { return heights_.empty(); }
  // Opens the group where it is empty. Where heights are written in order, they come in order and
  // without a gap. `held`: the group only goes over this one.
  void Add(const sluice::sdk::Batch& batch, std::chrono::steady_clock::time_point now,
           bool held = false);
  void Clear();

  const std::vector<GroupHeight>& heights() const { return heights_; }
  std::vector<GroupHeight>& heights() { return heights_; }
  const GroupHeight& first() const { return heights_.front(); }
  const GroupHeight& last() const { return heights_.back(); }
  const sluice_digest& previous_digest() const { return first().previous_digest; }
  bool filtered() const;
  bool any_held() const;
  uint64_t bytes() const { return changes_.size() + state_bytes_; }
  std::chrono::steady_clock::time_point opened_at() const { return opened_at_; }

  // COPY rows of the changes table.
  const std::string& change_rows() const { return changes_.rows(); }
  // COPY rows of the staging table: store, key, value, height, seq, form; ordered by key.
  std::string StagingRows() const;
  // Stores with a row in the staging table, and what kinds.
  struct StoreRows {
    bool sets = false;
    bool deletes = false;
  };
  std::map<std::string, StoreRows> stores() const;

  // Rows of which the server has to make text or jsonb.
  std::vector<StateRow*> TypedRows();
  // Takes the row out of the typed ones, as on_bad_value says, and notes it.
  void PassOver(StateRow* row, const std::string& reason);
  const std::vector<BadValue>& passed_over() const { return passed_over_; }

 private:
  void AddChange(const sluice::sdk::Batch& batch, const sluice_change& change);
  void AddState(const sluice::sdk::Batch& batch, const sluice_change& change);
  // The rows by store and key: the order in which the index of the table is walked.
  std::vector<const StateRow*> Ordered() const;

  const Settings* settings_;
  const SinkKey* key_;
  std::vector<GroupHeight> heights_;
  std::chrono::steady_clock::time_point opened_at_;
  CopyEncoder changes_;
  // By store, zero byte, key: sorted as such, stores are in order, and keys in each.
  std::unordered_map<std::string, StateRow> state_;
  std::string lookup_;  // reused for the map's key
  uint64_t state_bytes_ = 0;
  std::vector<BadValue> passed_over_;
};

}  // namespace sluice_postgres
