// SPDX-License-Identifier: Apache-2.0
//
// A height as JSON, and a cursor that reads heights back from it: what the sinks of this folder
// have in common. Keys and values are any bytes, so they stand in it as hexadecimal digits.
//
// Threading: plain functions; a cursor belongs to one thread.
#ifndef SLUICE_TESTS_CONTRACT_FLAWED_HEIGHT_JSON_H_
#define SLUICE_TESTS_CONTRACT_FLAWED_HEIGHT_JSON_H_

#include <nlohmann/json.hpp>
#include <sluice/plugin.hpp>
#include <string>
#include <utility>
#include <vector>

namespace sluice::contract {

inline nlohmann::json HeightToJson(const sdk::Batch& batch) {
  nlohmann::json height = {{"height", batch.height()},
                           {"digest", sdk::ToHex(sdk::View(batch.digest()))},
                           {"filtered", batch.filtered()},
                           {"changes", nlohmann::json::array()}};
  for (const sluice_change& change : batch.changes()) {
    height["changes"].push_back({{"kind", change.kind},
                                 {"tx", change.transaction},
                                 {"seq", change.sequence},
                                 {"store", std::string(sdk::View(change.store))},
                                 {"key", sdk::ToHex(sdk::View(change.key))},
                                 {"value", sdk::ToHex(sdk::View(change.value))}});
  }
  return height;
}

// Gives the rows of a snapshot, [store, key, value], and then the heights of an array, one a call.
class HeightCursor final : public sdk::ReadbackCursor {
 public:
  explicit HeightCursor(nlohmann::json heights, nlohmann::json rows = nlohmann::json::array(),
                        uint64_t rows_height = 0)
      : heights_(std::move(heights)), rows_(std::move(rows)), rows_height_(rows_height) {}

  sdk::Status Next(sdk::ReadbackItem* item) override {
    item->kind = SLUICE_READBACK_END;
    if (next_row_ < rows_.size()) {
      const nlohmann::json& row = rows_[next_row_++];
      bytes_ = {{row[0], sdk::FromHex(row[1].get<std::string>()).value(),
                 sdk::FromHex(row[2].get<std::string>()).value()}};
      item->kind = SLUICE_READBACK_ROW;
      item->flags = SLUICE_READBACK_NO_DIGEST;
      item->height = rows_height_;
      item->store = sdk::Text(bytes_[0].store);
      item->key = sdk::Bytes(bytes_[0].key);
      item->value = sdk::Bytes(bytes_[0].value);
      return sdk::Status::Ok();
    }
    if (at_ == heights_.size()) return sdk::Status::Ok();
    const nlohmann::json& height = heights_[at_++];
    bytes_.clear();
    changes_.clear();
    for (const nlohmann::json& change : height["changes"]) {
      bytes_.push_back({change["store"], sdk::FromHex(change["key"].get<std::string>()).value(),
                        sdk::FromHex(change["value"].get<std::string>()).value()});
    }
    for (size_t i = 0; i < bytes_.size(); ++i) {
      const nlohmann::json& from = height["changes"][i];
      sluice_change change{};
      change.kind = from["kind"];
      change.transaction = from["tx"];
      change.sequence = from["seq"];
      change.store = sdk::Text(bytes_[i].store);
      change.key = sdk::Bytes(bytes_[i].key);
      change.value = sdk::Bytes(bytes_[i].value);
      changes_.push_back(change);
    }
    item->kind = SLUICE_READBACK_HEIGHT;
    item->flags = height["filtered"].get<bool>() ? SLUICE_BATCH_FILTERED : 0;
    item->height = height["height"];
    item->digest = sdk::DigestFromHex(height["digest"].get<std::string>()).value();
    item->changes = changes_.data();
    item->change_count = changes_.size();
    item->change_stride = sizeof(sluice_change);
    return sdk::Status::Ok();
  }

 private:
  struct ChangeBytes {
    std::string store, key, value;
  };
  nlohmann::json heights_;
  size_t at_ = 0;
  nlohmann::json rows_;
  uint64_t rows_height_ = 0;
  size_t next_row_ = 0;
  std::vector<ChangeBytes> bytes_;
  std::vector<sluice_change> changes_;
};

}  // namespace sluice::contract

#endif  // SLUICE_TESTS_CONTRACT_FLAWED_HEIGHT_JSON_H_
