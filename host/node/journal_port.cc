// SPDX-License-Identifier: Apache-2.0
#include "node/journal_port.h"

namespace sluice {

DatabaseJournal::DatabaseJournal(const Database* database, const std::string& stream_id)
    : database_(database), genesis_(GenesisDigest(stream_id)) {}

Height DatabaseJournal::first() const { return database_->journal_first(); }

Height DatabaseJournal::journaled() const { return database_->journaled_height(); }

Result<Digest> DatabaseJournal::DigestAt(Height height) const {
  if (height == Height()) return genesis_;
  return database_->JournalDigest(height);
}

Result<std::shared_ptr<const ChangeSet>> DatabaseJournal::Read(Height height) const {
  SLUICE_ASSIGN_OR_RETURN(JournalRecord record, database_->ReadJournal(height));
  return std::move(record.change_set);
}

Result<bool> DatabaseJournal::HasWatermarkRecord(const SinkName& sink) const {
  SLUICE_ASSIGN_OR_RETURN(std::optional<Height> stored, database_->SinkWatermark(sink));
  return stored.has_value();
}

Result<Height> DatabaseJournal::StoredWatermark(const SinkName& sink) const {
  SLUICE_ASSIGN_OR_RETURN(std::optional<Height> stored, database_->SinkWatermark(sink));
  return stored.value_or(Height());
}

}  // namespace sluice
