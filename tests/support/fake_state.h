// SPDX-License-Identifier: Apache-2.0
//
// The state that a fake journal's committed heights leave behind.
// Threading: any thread; a reader belongs to one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "support/fake_journal.h"

namespace sluice {

// Values by store and key.
using FakeRows = std::map<std::pair<std::string, std::string>, std::string>;

inline FakeRows RowsOf(const FakeJournal& journal, Height through,
                       const ChangeFilter& filter = {}) {
  FakeRows rows;
  for (Height height(1); height <= through; ++height) {
    const std::shared_ptr<const ChangeSet> set = journal.at(height);
    for (const Change& change : set->changes()) {
      if (!filter.Passes(change)) continue;
      const std::pair key(std::string(change.store), std::string(change.key));
      if (change.kind == ChangeKind::kSet) {
        rows[key] = std::string(change.value);
      } else {
        rows.erase(key);
      }
    }
  }
  return rows;
}

class FakeState final : public StateSource {
 public:
  explicit FakeState(const FakeJournal* journal) : journal_(journal) {}

  // So many rows a part, so that a small state has several.
  void SetRowsAPart(uint64_t rows) { rows_a_part_ = rows; }

  Result<std::unique_ptr<StateReader>> OpenState(const ChangeFilter& filter) override {
    const Height height = journal_->committed();
    return std::make_unique<Reader>(Base{height, journal_->at(height)->digest()},
                                    RowsOf(*journal_, height, filter), rows_a_part_);
  }

 private:
  class Reader final : public StateReader {
   public:
    Reader(Base base, FakeRows rows, uint64_t rows_a_part)
        : base_(base), rows_(std::move(rows)), rows_a_part_(rows_a_part), at_(rows_.begin()) {}
    Base base() const override { return base_; }
    uint64_t rows_about() const override { return rows_.size(); }
    Status Read(uint64_t /*rows_max*/, uint64_t /*bytes_max*/, StateRows* rows) override {
      rows->Clear();
      for (; at_ != rows_.end() && rows->size() < rows_a_part_; ++at_) {
        rows->Add(at_->first.first, at_->first.second, at_->second);
      }
      return Status::Ok();
    }

   private:
    const Base base_;
    const FakeRows rows_;
    const uint64_t rows_a_part_;
    FakeRows::const_iterator at_;
  };

  const FakeJournal* const journal_;
  uint64_t rows_a_part_ = 3;
};

}  // namespace sluice
