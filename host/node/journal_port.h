// SPDX-License-Identifier: Apache-2.0
//
// The journal as sinks see it, over the node's database.
// Threading: any thread. Ownership: borrows the database.
#pragma once

#include <string>

#include "delivery/ports.h"
#include "store/database.h"

namespace sluice {

class DatabaseJournal : public JournalSource {
 public:
  DatabaseJournal(const Database* database, const std::string& stream_id);

  Height first() const override;
  Height journaled() const override;
  uint64_t bytes() const override { return database_->journal_bytes(); }
  Height committed() const override { return database_->committed().height; }
  Result<Digest> DigestAt(Height height) const override;
  Result<std::shared_ptr<const ChangeSet>> Read(Height height) const override;
  Result<bool> HasWatermarkRecord(const SinkName& sink) const override;
  Result<Height> StoredWatermark(const SinkName& sink) const override;

 private:
  const Database* const database_;
  const Digest genesis_;
};

}  // namespace sluice
