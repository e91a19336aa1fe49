// SPDX-License-Identifier: Apache-2.0
//
// A change set: all accepted changes and transaction results of one height, immutable once sealed,
// with its canonical bytes (plugin_api/proto/sluice/stream/v1/stream.proto) and its digest.
//
// The canonical bytes are the one copy of the content: changes are views into them, so a sink that
// forwards bytes and a sink that walks changes both work without another copy.
//
// Threading: a builder belongs to one thread; a sealed change set is shared by all.
// Ownership: std::shared_ptr<const ChangeSet>; views are valid as long as the change set is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "model/digest.h"

namespace sluice {

enum class ChangeKind : uint8_t { kSet = 1, kDelete = 2 };

// One accepted set or delete; views into its change set.
struct Change {
  ChangeKind kind = ChangeKind::kSet;
  bool has_old_value = false;  // the store's previous values are recorded, and the key had one
  uint32_t transaction = 0;    // index in the block, from 0, failed transactions counted
  uint32_t sequence = 0;       // index in the unfiltered block, from 0
  std::string_view store;
  std::string_view key;
  std::string_view value;      // empty on delete
  std::string_view old_value;  // never part of the canonical bytes
};

struct TransactionResult {
  uint32_t index = 0;
  uint32_t code = 0;  // 0: applied; else failed, and left no change
  friend bool operator==(const TransactionResult&, const TransactionResult&) = default;
};

// The previous value of the key of change `sequence`; only for keys that had one.
struct OldValue {
  uint32_t sequence = 0;
  std::string value;
};

class ChangeSet {
 public:
  // Reads canonical bytes strictly: anything that the encoder would not have written is
  // kCorruption, with the offset of what is wrong. Digests are taken as given, not checked (see
  // CheckDigest).
  static Result<std::shared_ptr<const ChangeSet>> Parse(std::string canonical,
                                                        const Digest& previous_digest,
                                                        const Digest& digest,
                                                        std::vector<OldValue> old_values = {});

  ChangeSet(const ChangeSet&) = delete;
  ChangeSet& operator=(const ChangeSet&) = delete;

  std::string_view stream_id() const { return stream_id_; }
  Height height() const { return height_; }
  int64_t time_unix_nanos() const { return time_unix_nanos_; }
  std::span<const Change> changes() const { return changes_; }
  std::span<const TransactionResult> transactions() const { return transactions_; }
  bool filtered() const { return filtered_; }

  std::string_view canonical() const { return canonical_; }
  const Digest& digest() const { return digest_; }
  const Digest& previous_digest() const { return previous_digest_; }
  const std::vector<OldValue>& old_values() const { return old_values_; }

  // kCorruption unless digest() is NextDigest(previous_digest(), canonical()). Not for filtered
  // ones.
  Status CheckDigest() const;

  // Bytes that this object keeps in memory, for budgets.
  size_t memory_bytes() const;

 private:
  friend class ChangeSetBuilder;
  ChangeSet() = default;
  Status Decode();
  // What can be said only when all fields are known. `gap_offset`: of the first change before which
  // sequence numbers are missing, or 0.
  void CheckAcrossFields(class WireReader* reader, size_t gap_offset) const;
  // Points the changes to old_values_. kCorruption unless these rise and each has its change.
  Status AttachOldValues();

  std::string canonical_;
  Digest digest_;
  Digest previous_digest_;
  std::string_view stream_id_;
  Height height_;
  int64_t time_unix_nanos_ = 0;
  bool filtered_ = false;
  std::vector<Change> changes_;
  std::vector<TransactionResult> transactions_;
  std::vector<OldValue> old_values_;
};

// Writes a change set while its block executes. Changes are encoded as they come: recording one
// costs a copy of its bytes and nothing else.
//
// What breaks a rule of the canonical form ends the process (check.h), for a journal must never
// hold what a restart refuses: stream id and store names are text (UTF-8) and not empty, keys are
// not empty, the height is 1 or more, and the whole stays below 2 GiB. Drivers see to it.
class ChangeSetBuilder {
 public:
  ChangeSetBuilder(std::string_view stream_id, Height height, int64_t time_unix_nanos);

  // The recording so far, to go back to when a transaction fails.
  struct Mark {
    size_t bytes = 0;
    size_t changes = 0;
    size_t old_values = 0;
  };
  Mark mark() const;
  void RollBackTo(const Mark& mark);

  // Adds the next change; its sequence is the number of changes before it.
  // `old_value`: the key's previous value where it is to be recorded, else nothing.
  void AddSet(uint32_t transaction, std::string_view store, std::string_view key,
              std::string_view value, std::optional<std::string_view> old_value = std::nullopt);
  void AddDelete(uint32_t transaction, std::string_view store, std::string_view key,
                 std::optional<std::string_view> old_value = std::nullopt);

  // Results must come in the order of the block, after the transaction's changes; every transaction
  // has one, and one that failed (code not 0) leaves no change.
  void AddTransactionResult(uint32_t index, uint32_t code);

  size_t change_count() const { return changes_.size(); }

  // Ends the recording: digest is NextDigest(previous, canonical bytes). The builder is used up.
  std::shared_ptr<const ChangeSet> Seal(const Digest& previous_digest) &&;

 private:
  // Where a change stands in bytes_, which moves while it grows. Its sequence is its index.
  struct RecordedChange {
    size_t store_offset;  // of the first byte of the store's name
    uint32_t transaction;
    uint32_t store_size;
    uint32_t key_size;
    uint32_t value_size;
    ChangeKind kind;
  };

  void Add(ChangeKind kind, uint32_t transaction, std::string_view store, std::string_view key,
           std::string_view value, std::optional<std::string_view> old_value);

  std::string bytes_;
  size_t stream_id_size_ = 0;
  Height height_;
  int64_t time_unix_nanos_ = 0;
  std::vector<RecordedChange> changes_;
  std::vector<TransactionResult> transactions_;
  std::vector<OldValue> old_values_;
};

// Which changes a sink gets. Both parts must match; an empty list means no restriction.
struct ChangeFilter {
  std::vector<std::string> stores;
  std::vector<std::string> key_prefixes;

  bool passes_all() const { return stores.empty() && key_prefixes.empty(); }
  bool Passes(const Change& change) const;
};

// What `filter` leaves of `full`: a change set marked filtered, with the digests of the unfiltered
// chain and the sequence numbers of the unfiltered block. Transaction results stay. It is marked
// filtered also where every change passes: what a sink gets depends on its filter, not on the
// block.
std::shared_ptr<const ChangeSet> FilterChangeSet(const ChangeSet& full, const ChangeFilter& filter);

}  // namespace sluice
