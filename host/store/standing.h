// SPDX-License-Identifier: Apache-2.0
//
// Where a database stands: what is committed, what the journal holds. Found out at each opening.
// Threading: plain value; FindStanding reads only.
#pragma once

#include <string_view>

#include "base/status.h"
#include "base/types.h"
#include "store/database.h"
#include "store/rocks_handle.h"

namespace sluice {

struct Standing {
  CommittedState committed;  // H
  Epoch epoch;               // the node's newest
  Height journal_first;      // F; journaled + 1 where the journal is empty
  Height journaled;          // J
  Digest journaled_digest;
  uint64_t journal_bytes = 0;  // estimate
};

// kCorruption where a record among H+1..J is missing, damaged, or does not continue the digest
// chain from H: these are to be rolled forward, so none may be passed over or cut away. Those up to
// H are checked when they are read, and by Database::VerifyJournal.
Result<Standing> FindStanding(const OpenedRocks& opened, std::string_view path,
                              std::string_view stream_id);

// One record, as stored and checked. kNotFound where it is not there.
Result<JournalRecord> ReadJournalRecord(const OpenedRocks& opened, std::string_view path,
                                        Height height);

}  // namespace sluice
