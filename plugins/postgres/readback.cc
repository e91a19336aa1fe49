// SPDX-License-Identifier: Apache-2.0
#include "postgres/readback.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "postgres/applied.h"
#include "postgres/connection.h"
#include "postgres/copy_encoder.h"
#include "postgres/position.h"
#include "postgres/readback_sql.h"
#include "postgres/settings.h"
#include "postgres/tables.h"

namespace sluice_postgres {

using sluice::sdk::Bytes;
using sluice::sdk::ReadbackArgs;
using sluice::sdk::ReadbackCursor;
using sluice::sdk::ReadbackInfo;
using sluice::sdk::ReadbackItem;
using sluice::sdk::Status;
using sluice::sdk::Text;

namespace {

constexpr char kUndefinedTable[] = "42P01";

// What both readings share: the connection with its open COPY.
class Reading {
 public:
  Reading(std::unique_ptr<Connection> connection, uint16_t field_count)
      : connection_(std::move(connection)), field_count_(field_count) {}

  Fault Begin(const std::string& select) {
    if (select.empty()) {
      done_ = true;
      return {};
    }
    PgResult result;
    Fault fault = connection_->Send("COPY (" + select + ") TO STDOUT (FORMAT binary)");
    if (fault.ok()) fault = connection_->Next(&result);
    return fault;
  }
  // False at the end and after a fault.
  bool Next(CopyRow* row, Fault* fault) {
    while (!done_) {
      std::string_view message;
      *fault = connection_->GetCopy(&message, &done_);
      if (!fault->ok()) {
        done_ = true;
        return false;
      }
      if (done_) {
        // Whether the server came to the end, or gave up on the way.
        PgResult result;
        do {
          *fault = connection_->Next(&result);
        } while (fault->ok() && result != nullptr);
        return false;
      }
      if (!row->Parse(message, field_count_)) {
        done_ = true;
        *fault = Fault::Broken(connection_->name() + " gave a row of another shape");
        return false;
      }
      if (!row->at_end()) return true;
    }
    return false;
  }
  const std::string& name() const { return connection_->name(); }
  // After the end.
  Connection* connection() { return connection_.get(); }

 private:
  std::unique_ptr<Connection> connection_;
  uint16_t field_count_;
  bool done_ = false;
};

class StateCursor : public ReadbackCursor {
 public:
  explicit StateCursor(Reading reading) : reading_(std::move(reading)) {}
  Fault Begin(const std::string& select) { return reading_.Begin(select); }

  Status Next(ReadbackItem* item) override {
    item->kind = SLUICE_READBACK_END;
    CopyRow row;
    Fault fault;
    if (!reading_.Next(&row, &fault)) return fault.status();
    item->store = Text(row.TakeBytes());
    item->key = Bytes(row.TakeBytes());
    item->value = Bytes(row.TakeBytes());
    if (!row.ok()) return Status::Fatal(reading_.name() + " gave a row with a NULL in it");
    item->kind = SLUICE_READBACK_ROW;
    return Status::Ok();
  }

 private:
  Reading reading_;
};

// One change of the height that is being put together.
struct HeldChange {
  bool is_delete = false;
  bool has_old_value = false;
  uint32_t transaction = 0;
  uint32_t sequence = 0;
  std::string store, key, value, old_value;
};

// What sluice_heights says of a height.
struct HeightRow {
  sluice_digest digest{};
  bool filtered = false;
  uint64_t change_count = 0;
};

// One row a height and one a change, those of a height side by side. The changes of a snapshot's
// height are its rows, and are given one by one: they need not fit into memory.
class ChangesCursor : public ReadbackCursor {
 public:
  // `difference`: the query that compares the state with the changes, or empty.
  ChangesCursor(Reading reading, std::string difference)
      : reading_(std::move(reading)), difference_(std::move(difference)) {}
  // Before Begin. `row`: the snapshot's own.
  void SetSnapshot(uint64_t height, const HeightRow& row) {
    snapshot_height_ = height;
    snapshot_ = row;
  }
  Fault Begin(const std::string& select) {
    Fault fault = reading_.Begin(select);
    if (fault.ok()) fault = Advance();
    return fault;
  }

  Status Next(ReadbackItem* item) override {
    item->kind = SLUICE_READBACK_END;
    if (snapshot_height_ != 0) {
      if (has_row_ && row_height_ == snapshot_height_) return NextRow(item);
      if (Fault fault = EndSnapshot(); !fault.ok()) return fault.status();
    }
    if (!has_row_) return CheckState().status();
    const uint64_t at = row_height_;
    std::optional<HeightRow> height;
    changes_.clear();
    while (has_row_ && row_height_ == at) {
      if (row_) {
        height = row_;
      } else {
        changes_.push_back(std::move(change_));
      }
      if (Fault fault = Advance(); !fault.ok()) return fault.status();
    }
    if (!height || changes_.size() != height->change_count) {
      return Status::Fatal(reading_.name() + ": height " + std::to_string(at) + " has " +
                           std::to_string(changes_.size()) + " changes, and " +
                           (height ? std::to_string(height->change_count) + " were written"
                                   : "no row in sluice_heights"));
    }
    // As they mostly are already.
    std::sort(changes_.begin(), changes_.end(),
              [](const HeldChange& a, const HeldChange& b) { return a.sequence < b.sequence; });
    item->kind = SLUICE_READBACK_HEIGHT;
    item->flags = height->filtered ? SLUICE_BATCH_FILTERED : 0;
    item->height = at;
    item->digest = height->digest;
    sluice::sdk::GiveChanges(changes_, &given_, item);
    return Status::Ok();
  }

 private:
  Status NextRow(ReadbackItem* item) {
    if (row_) {  // that of sluice_heights, which is known
      if (Fault fault = Advance(); !fault.ok()) return fault.status();
      return Next(item);
    }
    given_row_ = std::move(change_);
    if (Fault fault = Advance(); !fault.ok()) return fault.status();
    ++snapshot_rows_;
    item->kind = SLUICE_READBACK_ROW;
    item->flags = snapshot_.filtered ? SLUICE_BATCH_FILTERED : 0;
    item->height = snapshot_height_;
    item->digest = snapshot_.digest;
    item->store = Text(given_row_.store);
    item->key = Bytes(given_row_.key);
    item->value = Bytes(given_row_.value);
    return Status::Ok();
  }

  Fault EndSnapshot() {
    const uint64_t height = std::exchange(snapshot_height_, 0);
    if (snapshot_rows_ == snapshot_.change_count) return {};
    return Fault::Broken(reading_.name() + ": the snapshot at height " + std::to_string(height) +
                         " has " + std::to_string(snapshot_rows_) + " rows, and " +
                         std::to_string(snapshot_.change_count) + " were written");
  }

  // Both tables are there for readers, so both are checked: the state within the server, which has
  // it and the changes in the same snapshot.
  Fault CheckState() {
    const std::string sql = std::exchange(difference_, {});
    if (sql.empty()) return {};
    PgResult result;
    Fault fault = reading_.connection()->Execute("SET LOCAL enable_sort = on; " + sql, &result);
    if (!fault.ok()) return fault.WithContext("comparing the state with the changes");
    if (Field(result, 0, 0) == "0") return {};
    return Fault::Broken(reading_.name() + ": the state table is not what the changes give: " +
                         std::string(Field(result, 0, 0)) + " keys differ, one of them in store " +
                         std::string(Field(result, 0, 1)) + ": key 0x" +
                         std::string(Field(result, 0, 2)));
  }

  Fault Advance() {
    has_row_ = false;
    CopyRow row;
    Fault fault;
    if (!reading_.Next(&row, &fault)) return fault;
    row_height_ = static_cast<uint64_t>(row.TakeInt64());
    bool is_change = false;
    const std::string_view digest = row.TakeBytes(&is_change);
    const bool taken = is_change ? TakeChange(&row) : TakeHeight(digest, &row);
    if (!taken || !row.ok()) {
      return Fault::Broken(reading_.name() + ": height " + std::to_string(row_height_) +
                           " has a row that this sink did not write");
    }
    has_row_ = true;
    return {};
  }

  bool TakeHeight(std::string_view digest, CopyRow* row) {
    row_.emplace();
    if (digest.size() != sizeof(row_->digest.bytes)) return false;
    std::memcpy(row_->digest.bytes, digest.data(), digest.size());
    row_->filtered = row->TakeBool();
    row_->change_count = static_cast<uint64_t>(row->TakeInt32());
    return true;
  }

  bool TakeChange(CopyRow* row) {
    row_.reset();
    change_ = HeldChange();
    bool is_null = false;
    row->TakeBytes(&is_null);  // filtered
    row->TakeBytes(&is_null);  // count of changes
    change_.sequence = static_cast<uint32_t>(row->TakeInt32());
    change_.transaction = static_cast<uint32_t>(row->TakeInt32());
    change_.is_delete = row->TakeBytes() == "delete";
    change_.store = row->TakeBytes();
    change_.key = row->TakeBytes();
    change_.value = row->TakeBytes(&is_null);
    change_.old_value = row->TakeBytes(&is_null);
    change_.has_old_value = !is_null;
    return true;
  }

  Reading reading_;
  std::string difference_;
  uint64_t snapshot_height_ = 0;  // 0: there is none, or it has been given
  HeightRow snapshot_;
  uint64_t snapshot_rows_ = 0;
  HeldChange given_row_;
  bool has_row_ = false;
  uint64_t row_height_ = 0;
  std::optional<HeightRow> row_;  // none where the row is a change
  HeldChange change_;
  std::vector<HeldChange> changes_;
  std::vector<sluice_change> given_;
};

// The first height at or above `from` whose changes are kept, and what sluice_heights says of it; 0
// where none is.
Fault FirstHeight(const Settings& settings, const SinkKey& key, uint64_t from,
                  Connection* connection, uint64_t* first, HeightRow* row) {
  PgResult result;
  Fault fault = connection->Execute(
      "SELECT height, pg_catalog.encode(digest, 'hex'), filtered, changes FROM " +
          HeightsTable(settings) + " WHERE " + key.Where() +
          " AND height >= " + std::to_string(from) + " ORDER BY stream, sink, height LIMIT 1",
      &result);
  *first = 0;
  if (!fault.ok() || PQntuples(result.get()) == 0) return fault;
  const auto number = [](std::string_view text, uint64_t* out) {
    std::from_chars(text.data(), text.data() + text.size(), *out);
  };
  number(Field(result, 0, 0), first);
  row->digest = sluice::sdk::DigestFromHex(Field(result, 0, 1)).value_or(sluice_digest{});
  row->filtered = Field(result, 0, 2) == "t";
  number(Field(result, 0, 3), &row->change_count);
  return {};
}

// What there is to be read, of what is wanted.
struct Content {
  std::string select;
  std::string difference;
  uint64_t snapshot_height = 0;  // whose rows come first
  HeightRow snapshot;
};

Fault PlanState(const GuardRow& guard, const AppliedHeights& applied, const std::string& name,
                std::string state, ReadbackInfo* info, Content* content) {
  if (!applied.empty() && applied.rbegin()->first > guard.height) {
    return Fault::Operator(name + ": the state has heights up to " +
                           std::to_string(applied.rbegin()->first) + " and lacks height " +
                           std::to_string(guard.height + 1) +
                           ": let the node run until it has caught up");
  }
  const uint64_t base = guard.snapshot_height;
  info->first_height = guard.height > guard.base_height ? guard.base_height + 1 : base;
  if (base != 0) info->first_height = base;
  if (base == 0 && info->first_height > 1) info->flags |= SLUICE_READBACK_TRUNCATED;
  content->select = std::move(state);
  return {};
}

Fault PlanChanges(const Settings& settings, const SinkKey& key, const GuardRow& guard,
                  uint64_t last, const std::string& state, Connection* connection,
                  ReadbackInfo* info, Content* content) {
  const uint64_t from = guard.snapshot_height != 0 ? guard.snapshot_height : guard.base_height + 1;
  HeightRow row;
  Fault fault = FirstHeight(settings, key, from, connection, &info->first_height, &row);
  if (!fault.ok()) return fault;
  if (info->first_height != 0) {
    // Above it, with several connections, heights may be missing still.
    content->select =
        ChangesSelect(settings, key, info->first_height, std::min(last, guard.height));
  }
  const bool snapshot = guard.snapshot_height != 0 && info->first_height == from;
  if (snapshot) {
    content->snapshot_height = from;
    content->snapshot = row;
  } else if (info->first_height > 1) {
    info->flags |= SLUICE_READBACK_TRUNCATED;
  }
  if (settings.readback == ReadbackSource::kBoth && !state.empty()) {
    content->difference =
        StateDifferenceSelect(settings, key, from, guard.base_height == 0 || snapshot, state);
  }
  return {};
}

Fault Open(const ReadbackArgs& args, Wakeup* wakeup, ReadbackInfo* info,
           std::unique_ptr<ReadbackCursor>* cursor) {
  Settings settings;
  if (Fault fault = ParseSettings(args.settings(), &settings); !fault.ok()) return fault;
  const SinkKey key{std::string(args.stream_id()), std::string(args.sink_name())};
  const bool from_state = settings.readback == ReadbackSource::kState;
  info->content = from_state ? SLUICE_READBACK_STATE : SLUICE_READBACK_CHANGES;
  sluice::sdk::Position position(&info->position);
  position.SetEmpty();

  auto connection = std::make_unique<Connection>(wakeup, nullptr);
  if (Fault fault = connection->Open(settings.conninfo, "sluice verify"); !fault.ok()) return fault;
  // One snapshot for position and rows. Rows come in the order of an index, not of a sort that
  // would write all of them to the server's disk first. A planner without statistics takes each
  // table for one row, and so a loop over all of one for each row of the other for cheap.
  Fault fault = connection->Execute(
      "SET search_path = pg_catalog; SET standard_conforming_strings = on; SET jit = off;"
      " SET enable_sort = off; SET enable_nestloop = off;"
      " SET statement_timeout = 0;"
      " SET idle_in_transaction_session_timeout = 0;"
      " BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  AppliedHeights applied;
  GuardRow guard;
  if (fault.ok()) fault = ReadApplied(settings, key, connection.get(), &applied);
  if (fault.ok()) fault = ReadGuardRow(settings, key, connection.get(), &guard);
  if (fault.sqlstate() == kUndefinedTable) {  // nothing was ever provisioned
    connection->Rollback();
    fault = Fault::None();
  }
  AdvanceOver(applied, &guard);
  Content content;
  // Rows of a copy that is not whole do not count.
  if (fault.ok() && guard.found && !guard.filling) {
    if (guard.height != 0) position.SetAt(key.stream, guard.epoch, guard.height, guard.digest);
    if (guard.filtered) info->flags |= SLUICE_READBACK_FILTERED;
    std::vector<std::string> store_tables;
    if (settings.state && settings.table_per_store) {
      fault = ReadStoreTables(settings, connection.get(), &store_tables);
    }
    const std::string state =
        settings.state ? StateSelect(settings, key, store_tables) : std::string();
    if (fault.ok() && from_state) {
      fault = PlanState(guard, applied, connection->name(), state, info, &content);
    } else if (fault.ok()) {
      fault = PlanChanges(settings, key, guard, args.last_height(), state, connection.get(), info,
                          &content);
    }
  }
  if (!fault.ok()) return fault;
  if (from_state) {
    auto made = std::make_unique<StateCursor>(Reading(std::move(connection), kStateSelectFields));
    fault = made->Begin(content.select);
    *cursor = std::move(made);
  } else {
    auto made = std::make_unique<ChangesCursor>(
        Reading(std::move(connection), kChangesSelectFields), std::move(content.difference));
    made->SetSnapshot(content.snapshot_height, content.snapshot);
    fault = made->Begin(content.select);
    *cursor = std::move(made);
  }
  return fault;
}

}  // namespace

Status OpenPostgresReadback(const ReadbackArgs& args, Wakeup* wakeup, ReadbackInfo* info,
                            std::unique_ptr<ReadbackCursor>* cursor) {
  const Fault fault = Open(args, wakeup, info, cursor);
  if (!fault.ok()) cursor->reset();
  return fault.status();
}

}  // namespace sluice_postgres
