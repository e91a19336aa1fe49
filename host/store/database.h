// SPDX-License-Identifier: Apache-2.0
//
// The node's one RocksDB: a column family a store, one for the journal, one for the node's own
// records. Everything that must be atomic goes through one call, Write, which makes one batch of
// it.
//
// rocksdb headers and rocksdb::Status do not leave this folder.
//
// Threading: Write by one thread at a time (the pipeline's seat); reads, RaiseEpoch and the small
// records from any. Reopen waits until readers and iterators have let go. Ownership: the caller
// owns the Database; iterators hold it open and must be gone before it is closed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "model/change_set.h"
#include "model/journal_record.h"
#include "store/overlay.h"
#include "store/view.h"

namespace sluice {

struct DatabaseOptions {
  std::string path;  // "<home>/data/db"
  std::string stream_id;
  std::vector<std::string> stores;  // created where they are new
  std::string options_file;         // a RocksDB OPTIONS file or empty; never decides durability
  bool sync = true;                 // fsync what Write says must be durable
  // Opened beside a running node: takes no lock, writes nothing, sees what was committed at this
  // moment.
  bool read_only = false;
};

// What one height's commit made true.
struct CommittedState {
  Height height;  // 0: nothing committed yet
  Digest digest;
  Epoch epoch;  // of the node that committed it
};

// Heights that were committed although the policy did not hold (on_failure = degrade).
struct UnackedRange {
  Height first;
  Height last;
  bool healed = false;
  int64_t since_unix_nanos = 0;
  std::vector<std::string> sinks;  // that missed them
};

// The journal's envelope of one sealed height (S1).
struct JournalEntry {
  std::shared_ptr<const ChangeSet> change_set;
  DriverPosition position;
};

// A height to commit (S5): the state of all stores, height, digest, the driver's position.
struct CommitEntry {
  std::shared_ptr<const ChangeSet> change_set;
  std::shared_ptr<const BlockOverlay> overlay;  // what it does to the stores
  DriverPosition position;
};

// One atomic batch. Empty parts cost nothing.
struct WriteGroup {
  std::vector<CommitEntry> commits;   // in height order, the next after committed()
  std::vector<JournalEntry> journal;  // in height order, the next after journaled_height()
  Epoch epoch;
  std::vector<UnackedRange> unacked;  // each replaces the record that begins at the same height
  std::vector<std::pair<SinkName, Height>> watermarks;  // of sinks whose plugin has no resume
  Height prune_through;     // the journal forgets heights up to here; 0: none
  bool sync = false;        // durable when Write returns (unless options.sync is false)
  bool force_sync = false;  // durable whatever options.sync says
};

class Database {
 public:
  // Creates it where nothing is there. kLocked: another process has it (the text says which);
  // kInvalid: a home of another stream or of a newer version; kCorruption with file or position
  // where damage is found, in the journal between H+1 and J too; kConfiguration: a store is gone
  // from the list that the home has.
  static Result<std::unique_ptr<Database>> Open(const DatabaseOptions& options);
  virtual ~Database() = default;

  // --- what is there ---------------------------------------------------------------------------
  virtual const std::vector<std::string>& stores() const = 0;
  virtual CommittedState committed() const = 0;
  virtual Height journaled_height() const = 0;  // J; equal to H where nothing waits
  virtual Height journal_first() const = 0;     // F; J+1 where the journal is empty
  virtual Digest journaled_digest() const = 0;  // digest(J)
  virtual uint64_t journal_bytes() const = 0;   // estimate of what the journal holds

  // --- the one writer --------------------------------------------------------------------------
  // kNoSpace: the disk is full, and it is undecided what was written until Reopen says; kIo,
  // kCorruption: the same, not by lack of space. After an error no Write is taken until Reopen has
  // succeeded.
  virtual Status Write(const WriteGroup& group) = 0;
  // Closes and opens again, and finds out where it stands. Waits for readers.
  virtual Status Reopen() = 0;
  // Called by Reopen, on its thread, before it waits for readers and when it is done: so that those
  // who read for long let go. Set before anybody writes, and when nobody does any more.
  virtual void SetReopenHooks(std::function<void()> /*before*/, std::function<void()> /*after*/) {}
  // fsyncs what earlier unsynced writes left to the next one.
  virtual Status SyncNow() = 0;

  // --- the journal -----------------------------------------------------------------------------
  // kNotFound outside [journal_first, journaled_height]; kCorruption names the height.
  virtual Result<JournalRecord> ReadJournal(Height height) const = 0;
  // The digest of a height that the journal holds, without reading its changes; at journal_first -
  // 1 too.
  virtual Result<Digest> JournalDigest(Height height) const = 0;
  // Size in bytes of one record, for `journal list`.
  virtual Result<uint64_t> JournalRecordBytes(Height height) const = 0;
  // Reads all records from journal_first to journaled_height and follows their digests. kCorruption
  // names the first height that is missing or wrong. `progress`: called after each height, may be
  // empty.
  Status VerifyJournal(const std::function<void(Height)>& progress) const;

  // --- the stores, as committed ----------------------------------------------------------------
  // A view that moves with each commit; kNotFound for an unknown store.
  virtual Result<std::shared_ptr<const StoreView>> CommittedView(std::string_view store) const = 0;
  // All stores at one height, for as long as it is held.
  virtual std::shared_ptr<const StateSnapshot> Snapshot() const = 0;

  // --- the node's own records ------------------------------------------------------------------
  // The new epoch, durable on return whatever `sync` says.
  virtual Result<Epoch> RaiseEpoch(Epoch at_least = Epoch()) = 0;
  virtual Epoch epoch() const = 0;
  virtual Result<std::optional<DriverPosition>> ReadPosition(std::string_view source) const = 0;
  virtual Result<std::vector<UnackedRange>> UnackedRanges() const = 0;
  virtual Result<std::optional<Height>> SinkWatermark(const SinkName& sink) const = 0;
  // Small named records of the layers above ("sink/audit", "last_halt"): opaque bytes, durable on
  // return.
  virtual Status PutRecord(std::string_view name, std::string_view bytes) = 0;
  virtual Status DeleteRecord(std::string_view name) = 0;
  virtual Result<std::optional<std::string>> GetRecord(std::string_view name) const = 0;
  virtual Result<std::vector<std::pair<std::string, std::string>>> ListRecords(
      std::string_view prefix) const = 0;

  // Takes away the sink's watermark and the named record `record` (empty: none), in one durable
  // batch.
  virtual Status ForgetSink(const SinkName& sink, std::string_view record) = 0;

  // Bytes free on the file system of the database.
  virtual Result<uint64_t> FreeDiskBytes() const = 0;
};

}  // namespace sluice
