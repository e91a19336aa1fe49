// SPDX-License-Identifier: Apache-2.0
#include "postgres/readback.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

// One row a height and one a change, those of a height side by side.
class ChangesCursor : public ReadbackCursor {
 public:
  // `difference`: the query that compares the state with the changes, or empty.
  ChangesCursor(Reading reading, std::string difference)
      : reading_(std::move(reading)), difference_(std::move(difference)) {}
  Fault Begin(const std::string& select) {
    Fault fault = reading_.Begin(select);
    if (fault.ok()) fault = Advance();
    return fault;
  }

  Status Next(ReadbackItem* item) override {
    item->kind = SLUICE_READBACK_END;
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
  struct HeightRow {
    sluice_digest digest{};
    bool filtered = false;
    uint64_t change_count = 0;
  };

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
  bool has_row_ = false;
  uint64_t row_height_ = 0;
  std::optional<HeightRow> row_;  // none where the row is a change
  HeldChange change_;
  std::vector<HeldChange> changes_;
  std::vector<sluice_change> given_;
};

Fault ReadStoreTables(const Settings& settings, Connection* connection,
                      std::vector<std::string>* tables) {
  PgResult result;
  Fault fault = connection->Execute(StoreTablesSelect(settings), &result);
  if (!fault.ok()) return fault;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    tables->emplace_back(Field(result, row, 0));
  }
  return {};
}

// The first height from which on the changes are kept; 0 where none is.
Fault FirstHeight(const Settings& settings, const SinkKey& key, uint64_t base,
                  Connection* connection, uint64_t* first) {
  PgResult result;
  Fault fault =
      connection->Execute("SELECT pg_catalog.min(height) FROM " + HeightsTable(settings) +
                              " WHERE " + key.Where() + " AND height > " + std::to_string(base),
                          &result);
  if (!fault.ok()) return fault;
  *first = 0;
  const std::string_view text = Field(result, 0, 0);
  std::from_chars(text.data(), text.data() + text.size(), *first);
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
  GuardRow guard;
  if (fault.ok()) fault = ReadGuardRow(settings, key, connection.get(), &guard);
  if (fault.sqlstate() == kUndefinedTable) {  // nothing was ever provisioned
    connection->Rollback();
    fault = Fault::None();
  }
  std::string select;
  std::string difference;
  if (fault.ok() && guard.found) {
    if (guard.height != 0) position.SetAt(key.stream, guard.epoch, guard.height, guard.digest);
    info->first_height = guard.height > guard.base_height ? guard.base_height + 1 : 0;
    std::vector<std::string> store_tables;
    if (settings.state && settings.table_per_store) {
      fault = ReadStoreTables(settings, connection.get(), &store_tables);
    }
    const std::string state =
        settings.state ? StateSelect(settings, key, store_tables) : std::string();
    if (from_state) {
      select = state;
    } else if (fault.ok()) {
      fault = FirstHeight(settings, key, guard.base_height, connection.get(), &info->first_height);
      if (info->first_height != 0) {
        select = ChangesSelect(settings, key, info->first_height, args.last_height());
      }
      if (settings.readback == ReadbackSource::kBoth && !state.empty()) {
        difference = StateDifferenceSelect(settings, key, guard.base_height, state);
      }
    }
    info->flags = (guard.filtered ? SLUICE_READBACK_FILTERED : 0) |
                  (info->first_height > 1 ? SLUICE_READBACK_TRUNCATED : 0);
  }
  if (!fault.ok()) return fault;
  if (from_state) {
    auto made = std::make_unique<StateCursor>(Reading(std::move(connection), kStateSelectFields));
    fault = made->Begin(select);
    *cursor = std::move(made);
  } else {
    auto made = std::make_unique<ChangesCursor>(
        Reading(std::move(connection), kChangesSelectFields), std::move(difference));
    fault = made->Begin(select);
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
