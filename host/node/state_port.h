// SPDX-License-Identifier: Apache-2.0
//
// The stores as sinks that take a copy of them see them, over the node's database.
//
// A copy takes long, and its view of the stores would keep the database from being opened again
// after a full disk, and from being closed under a thread that hangs in a plugin. So a view can be
// taken back at any time; its reader then answers kRetry, and the copy begins anew.
//
// Threading: any thread. Ownership: borrows the database until CloseForGood.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "delivery/ports.h"
#include "store/database.h"

namespace sluice {

class DatabaseState final : public StateSource {
 public:
  // Takes views back whenever the database is opened again.
  explicit DatabaseState(Database* database);
  ~DatabaseState() override;

  Result<std::unique_ptr<StateReader>> OpenState(const ChangeFilter& filter) override;

  // No view is open on return, none is opened any more.
  void CloseForGood();

 private:
  class View;
  class Reader;

  void TakeBack();

  Database* const database_;
  std::mutex mutex_;  // guards what follows
  std::vector<std::weak_ptr<View>> views_;
  bool taken_back_ = false;
};

}  // namespace sluice
