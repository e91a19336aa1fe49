// SPDX-License-Identifier: Apache-2.0
#include "node/state_port.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {
namespace {

Status Gone() {
  return Status(StatusCode::kRetry, "the store is opened again: the copy begins anew");
}

// Ascending, and none within another: each key is in one range at most.
std::vector<KeyRange> RangesOf(const ChangeFilter& filter) {
  std::vector<std::string> prefixes = filter.key_prefixes;
  std::sort(prefixes.begin(), prefixes.end());
  std::vector<KeyRange> ranges;
  std::string_view last;
  for (const std::string& prefix : prefixes) {
    if (!ranges.empty() && std::string_view(prefix).substr(0, last.size()) == last) continue;
    ranges.push_back(KeyRange::Prefix(prefix));
    last = prefix;
  }
  if (ranges.empty()) ranges.emplace_back();
  return ranges;
}

}  // namespace

// What is held of the database.
class DatabaseState::View {
 public:
  View(std::shared_ptr<const StateSnapshot> snapshot, std::vector<std::string> stores,
       std::vector<KeyRange> ranges)
      : base_{snapshot->height(), snapshot->digest()},
        stores_(std::move(stores)),
        ranges_(std::move(ranges)),
        snapshot_(std::move(snapshot)) {}

  const Base& base() const { return base_; }

  // kRetry where it was taken back.
  Result<uint64_t> CountAbout() {
    std::lock_guard lock(mutex_);
    if (snapshot_ == nullptr) return Error(Gone());
    if (ranges_.front().lower) return 0;  // of prefixes nothing is known
    uint64_t rows = 0;
    for (const std::string& store : stores_) rows += snapshot_->RowsAbout(store);
    return rows;
  }

  Status Read(uint64_t rows_max, uint64_t bytes_max, StateRows* rows) {
    rows->Clear();
    std::lock_guard lock(mutex_);
    while (rows->size() < rows_max && rows->bytes() < bytes_max) {
      if (snapshot_ == nullptr) return Gone();
      if (at_ == nullptr) {
        if (store_ == stores_.size()) return Status::Ok();
        SLUICE_ASSIGN_OR_RETURN(const auto store, snapshot_->Store(stores_[store_]));
        at_ = store->Iterate(ranges_[range_], /*reverse=*/false);
      }
      if (at_->Valid()) {
        rows->Add(stores_[store_], at_->key(), at_->value());
        at_->Next();
        continue;
      }
      SLUICE_RETURN_IF_ERROR(at_->status());
      at_.reset();
      if (++range_ < ranges_.size()) continue;
      range_ = 0;
      ++store_;
    }
    return Status::Ok();
  }

  void LetGo() {
    std::lock_guard lock(mutex_);
    at_.reset();
    snapshot_.reset();
  }

 private:
  const Base base_;
  const std::vector<std::string> stores_;
  const std::vector<KeyRange> ranges_;

  std::mutex mutex_;  // guards what follows
  std::shared_ptr<const StateSnapshot> snapshot_;
  size_t store_ = 0;
  size_t range_ = 0;
  std::unique_ptr<StoreIterator> at_;
};

class DatabaseState::Reader final : public StateReader {
 public:
  Reader(std::shared_ptr<View> view, uint64_t rows_about)
      : view_(std::move(view)), rows_about_(rows_about) {}

  Base base() const override { return view_->base(); }
  uint64_t rows_about() const override { return rows_about_; }
  Status Read(uint64_t rows_max, uint64_t bytes_max, StateRows* rows) override {
    return view_->Read(rows_max, bytes_max, rows);
  }

 private:
  const std::shared_ptr<View> view_;
  const uint64_t rows_about_;
};

DatabaseState::DatabaseState(Database* database) : database_(database) {
  database_->SetReopenHooks([this] { TakeBack(); },
                            [this] {
                              std::lock_guard lock(mutex_);
                              taken_back_ = false;
                            });
}

DatabaseState::~DatabaseState() { CloseForGood(); }

void DatabaseState::CloseForGood() {
  database_->SetReopenHooks({}, {});
  TakeBack();
}

void DatabaseState::TakeBack() {
  std::vector<std::weak_ptr<View>> views;
  {
    std::lock_guard lock(mutex_);
    taken_back_ = true;
    views.swap(views_);
  }
  for (const std::weak_ptr<View>& held : views) {
    if (const std::shared_ptr<View> view = held.lock()) view->LetGo();
  }
}

Result<std::unique_ptr<StateReader>> DatabaseState::OpenState(const ChangeFilter& filter) {
  std::vector<std::string> stores = database_->stores();
  if (!filter.stores.empty()) {
    std::erase_if(stores, [&](const std::string& store) {
      return std::find(filter.stores.begin(), filter.stores.end(), store) == filter.stores.end();
    });
  }
  std::sort(stores.begin(), stores.end());
  std::shared_ptr<View> view;
  {
    // Under the lock, so that nobody begins to open it again between the question and the view.
    std::lock_guard lock(mutex_);
    if (taken_back_) return Error(Gone());
    view = std::make_shared<View>(database_->Snapshot(), std::move(stores), RangesOf(filter));
    std::erase_if(views_, [](const std::weak_ptr<View>& held) { return held.expired(); });
    views_.push_back(view);
  }
  if (view->base().height == Height()) {
    return Error(StatusCode::kRetry, "the store cannot be read, or nothing is committed");
  }
  SLUICE_ASSIGN_OR_RETURN(const uint64_t rows_about, view->CountAbout());
  return std::unique_ptr<StateReader>(std::make_unique<Reader>(std::move(view), rows_about));
}

}  // namespace sluice
