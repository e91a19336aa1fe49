// SPDX-License-Identifier: Apache-2.0
//
// The journal's envelope of one height: what a restart needs to deliver and commit it again from
// the same bytes. Encoding: see the grammar in journal_record.cc. Threading: pure functions.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/block.h"
#include "model/change_set.h"

namespace sluice {

struct JournalRecord {
  std::shared_ptr<const ChangeSet> change_set;
  DriverPosition position;  // the driver's, after this height; never part of the digest
};

// The record's bytes before and after the canonical bytes, so that a writer can hand the three
// pieces to the store without putting them together.
struct EncodedJournalRecord {
  std::string head;
  std::string_view canonical;  // borrowed from the change set
  std::string tail;            // CRC-32C of all before it
  size_t size() const { return head.size() + canonical.size() + tail.size(); }
};
EncodedJournalRecord EncodeJournalRecord(const JournalRecord& record);

// kCorruption where length, CRC-32C, canonical form or digest are wrong, or where the record is not
// that of `height`; the text says what and at which offset.
Result<JournalRecord> DecodeJournalRecord(Height height, std::string_view bytes);

}  // namespace sluice
