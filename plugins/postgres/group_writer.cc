// SPDX-License-Identifier: Apache-2.0
#include "postgres/group_writer.h"

#include <algorithm>
#include <utility>

#include "postgres/sql_text.h"
#include "postgres/tables.h"

namespace sluice_postgres {
namespace {

using sluice::sdk::View;

constexpr char kStaging[] = "pg_temp.sluice_staging";

enum class StepKind { kPlain, kGuard, kCopy, kCommit };

struct Step {
  StepKind kind = StepKind::kPlain;
  std::string sql;
  std::string_view rows;  // of a COPY
};

std::string Number(int64_t value) { return std::to_string(value); }

std::string HeightsSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                       const HeightGroup& group) {
  std::string sql = "INSERT INTO " + HeightsTable(settings) +
                    " (stream, sink, height, epoch, digest, time_unix_nanos, changes, filtered)"
                    " VALUES ";
  const std::string before = "(" + key.Values() + ", ";
  for (const GroupHeight& height : group.heights()) {
    if (sql.back() == ')') sql += ", ";
    sql += before + std::to_string(height.height) + ", " + std::to_string(epoch) + ", " +
           QuoteBytes(View(height.digest)) + ", " + Number(height.time_unix_nanos) + ", " +
           std::to_string(height.change_count) + (height.filtered ? ", true)" : ", false)");
  }
  return sql;
}

std::string BadValuesSql(const Settings& settings, const SinkKey& key, const HeightGroup& group) {
  std::string sql = "INSERT INTO " + BadValuesTable(settings) +
                    " (stream, sink, height, seq, store, key, reason) VALUES ";
  for (const BadValue& bad : group.passed_over()) {
    if (sql.back() == ')') sql += ", ";
    sql += "(" + key.Values() + ", " + std::to_string(bad.height) + ", " +
           std::to_string(bad.sequence) + ", " + QuoteText(bad.store) + ", " + QuoteBytes(bad.key) +
           ", " + QuoteText(bad.reason) + ")";
  }
  return sql;
}

std::string Form(RowForm form) { return std::to_string(static_cast<int>(form)); }

void AddStateSteps(const Settings& settings, const SinkKey& key, const HeightGroup& group,
                   const StateColumns& columns, std::vector<Step>* steps) {
  const std::map<std::string, HeightGroup::StoreRows> stores = group.stores();
  if (settings.table_per_store) {
    for (const auto& [store, rows] : stores) {
      if (rows.sets) {
        const std::string sql = UpsertSql(settings, key, store, columns.at(store));
        steps->push_back({StepKind::kPlain, sql, {}});
      }
      if (rows.deletes) steps->push_back({StepKind::kPlain, DeleteSql(settings, key, store), {}});
    }
    return;
  }
  const bool sets = std::any_of(stores.begin(), stores.end(),
                                [](const auto& entry) { return entry.second.sets; });
  const bool deletes = std::any_of(stores.begin(), stores.end(),
                                   [](const auto& entry) { return entry.second.deletes; });
  if (sets) {
    steps->push_back({StepKind::kPlain, UpsertSql(settings, key, "", columns.at("")), {}});
  }
  if (deletes) steps->push_back({StepKind::kPlain, DeleteSql(settings, key, ""), {}});
}

// Runs steps that are one text. `outcome` is set by the guard's.
class Runner {
 public:
  explicit Runner(Connection* connection) : connection_(connection) {}

  Fault Run(const Step* begin, const Step* end) {
    std::string sql;
    for (const Step* step = begin; step != end; ++step) sql += step->sql + ";";
    if (Fault fault = connection_->Send(sql); !fault.ok()) return fault;
    for (const Step* step = begin; step != end && !guard_missed_; ++step) {
      if (Fault fault = RunStep(*step); !fault.ok()) return fault;
    }
    if (guard_missed_) return {};
    PgResult none;
    return connection_->Next(&none);
  }
  bool guard_missed() const { return guard_missed_; }

 private:
  Fault RunStep(const Step& step) {
    PgResult result;
    if (Fault fault = connection_->Next(&result); !fault.ok()) return fault;
    if (result == nullptr) return Fault::Broken("the server gave no result of: " + step.sql);
    switch (step.kind) {
      case StepKind::kPlain:
        return {};
      case StepKind::kGuard:
        touched_ = std::string_view(PQcmdTuples(result.get())) == "1";
        return {};
      case StepKind::kCommit:
        return connection_->Committed(result);
      case StepKind::kCopy:
        return RunCopy(step, std::move(result));
    }
    return {};
  }

  Fault RunCopy(const Step& step, PgResult ready) {
    if (PQresultStatus(ready.get()) != PGRES_COPY_IN) {
      return Fault::Broken("the server asked for no rows of: " + step.sql);
    }
    if (!touched_) {
      guard_missed_ = true;
      connection_->RefuseCopy("the sink does not stand where it was expected");
      return {};
    }
    for (const std::string_view part : {CopyEncoder::Header(), step.rows, CopyEncoder::End()}) {
      if (Fault fault = connection_->PutCopy(part); !fault.ok()) return fault;
    }
    if (Fault fault = connection_->EndCopy(); !fault.ok()) return fault;
    PgResult done;
    return connection_->Next(&done);
  }

  Connection* const connection_;
  bool touched_ = true;
  bool guard_missed_ = false;

 public:
  bool touched() const { return touched_; }
};

}  // namespace

std::string PrepareSessionSql(const Settings& settings) {
  std::string sql =
      "SET standard_conforming_strings = on; SET search_path = pg_catalog;"
      " SET client_min_messages = warning; SET datestyle = 'ISO'; SET jit = off;"
      " SET default_transaction_isolation = 'read committed';"
      " SET synchronous_commit = " +
      QuoteText(settings.synchronous_commit) +
      "; SET lock_timeout = " + Number(settings.lock_timeout.count()) +
      "; SET idle_in_transaction_session_timeout = " +
      Number(settings.idle_in_transaction_timeout.count()) + ";";
  if (settings.state) {
    sql +=
        " CREATE TEMPORARY TABLE IF NOT EXISTS " + std::string(kStaging) +
        " (store text NOT NULL, key bytea NOT NULL, value bytea NOT NULL, height bigint NOT NULL,"
        " seq integer NOT NULL, form smallint NOT NULL) ON COMMIT DELETE ROWS;";
  }
  return sql;
}

std::string UpsertSql(const Settings& settings, const SinkKey& key, std::string_view store,
                      const TypedColumns& columns) {
  const bool shared = !settings.table_per_store;
  const auto [text, jsonb] = columns;
  const std::string value = "pg_catalog.convert_from(value, 'UTF8')";
  std::string sql = "INSERT INTO " + StateTable(settings, store) + " (stream, sink, " +
                    (shared ? "store, " : "") + "key, value, height, seq" +
                    (text ? ", value_text" : "") + (jsonb ? ", value_jsonb" : "") + ") SELECT " +
                    key.Values() + ", " + (shared ? "store, " : "") + "key, value, height, seq";
  if (text) sql += ", CASE WHEN form = " + Form(RowForm::kText) + " THEN " + value + " END";
  if (jsonb) {
    sql += ", CASE WHEN form = " + Form(RowForm::kJsonb) + " THEN " + value + "::jsonb END";
  }
  sql += " FROM " + std::string(kStaging) + " WHERE form <> " + Form(RowForm::kDelete);
  if (!shared) sql += " AND store = " + QuoteText(store);
  sql += std::string(" ON CONFLICT (stream, sink, ") + (shared ? "store, " : "") +
         "key) DO UPDATE SET value = excluded.value, height = excluded.height,"
         " seq = excluded.seq";
  if (text) sql += ", value_text = excluded.value_text";
  if (jsonb) sql += ", value_jsonb = excluded.value_jsonb";
  return sql;
}

// LIMIT keeps the lookup inside, once a staged row: without statistics, of a table that has just
// been filled, the planner would join the other way round and read the whole state for each of
// them.
std::string DeleteSql(const Settings& settings, const SinkKey& key, std::string_view store) {
  const bool shared = !settings.table_per_store;
  const std::string table = StateTable(settings, store);
  return "DELETE FROM " + table + " WHERE ctid = ANY (ARRAY(SELECT found.ctid FROM " + kStaging +
         " AS staged CROSS JOIN LATERAL (SELECT held.ctid FROM " + table + " AS held WHERE " +
         key.Where("held.") + (shared ? " AND held.store = staged.store" : "") +
         " AND held.key = staged.key LIMIT 1) AS found WHERE staged.form = " +
         Form(RowForm::kDelete) + (shared ? "" : " AND staged.store = " + QuoteText(store)) + "))";
}

Fault WriteGroup(const Settings& settings, const SinkKey& key, uint64_t epoch,
                 const HeightGroup& group, const StateColumns& columns, Connection* connection,
                 WriteOutcome* outcome) {
  const std::string staging = settings.state ? group.StagingRows() : std::string();
  std::vector<Step> steps;
  steps.push_back({StepKind::kPlain, "BEGIN", {}});
  steps.push_back(
      {StepKind::kGuard,
       AdvanceGuardSql(settings, key, epoch, group.first().height, group.previous_digest(),
                       group.last().height, group.last().digest, group.filtered()),
       {}});
  if (!group.change_rows().empty()) {
    steps.push_back({StepKind::kCopy,
                     "COPY " + ChangesTable(settings) +
                         " (stream, sink, height, seq, tx, op, store, key, value, old_value)"
                         " FROM STDIN (FORMAT binary)",
                     group.change_rows()});
  }
  if (!staging.empty()) {
    steps.push_back({StepKind::kCopy,
                     std::string("COPY ") + kStaging +
                         " (store, key, value, height, seq, form) FROM STDIN (FORMAT binary)",
                     staging});
  }
  const bool copies = steps.size() > 2;
  if (settings.changes) {
    steps.push_back({StepKind::kPlain, HeightsSql(settings, key, epoch, group), {}});
  }
  if (!group.passed_over().empty()) {
    steps.push_back({StepKind::kPlain, BadValuesSql(settings, key, group), {}});
  }
  if (!staging.empty()) AddStateSteps(settings, key, group, columns, &steps);
  steps.push_back({StepKind::kCommit, "COMMIT", {}});

  // Without a COPY nothing would hold the server back between guard row and COMMIT.
  const Step* const end = steps.data() + steps.size();
  const Step* const first_end = copies ? end : steps.data() + 2;
  Runner runner(connection);
  Fault fault = runner.Run(steps.data(), first_end);
  const bool missed = runner.guard_missed() || (fault.ok() && !runner.touched());
  if (fault.ok() && !missed && first_end != end) fault = runner.Run(first_end, end);
  if (!fault.ok() || missed) connection->Rollback();
  *outcome = missed ? WriteOutcome::kGuardMissed : WriteOutcome::kCommitted;
  return fault;
}

}  // namespace sluice_postgres
