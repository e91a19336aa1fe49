// SPDX-License-Identifier: Apache-2.0
//
// An iterator over nothing: an empty range, or a read that failed before it began.
#pragma once

#include <string_view>
#include <utility>

#include "base/check.h"
#include "store/view.h"

namespace sluice {

class EmptyIterator : public StoreIterator {
 public:
  explicit EmptyIterator(Status status = Status::Ok()) : status_(std::move(status)) {}
  bool Valid() const override { return false; }
  void Next() override { SLUICE_CHECK(false, "Next at the end of a range"); }
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  Status status() const override { return status_; }

 private:
  const Status status_;
};

}  // namespace sluice
