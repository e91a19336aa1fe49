// SPDX-License-Identifier: Apache-2.0
#include "postgres/applied.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "postgres/sql_text.h"
#include "postgres/tables.h"

namespace sluice_postgres {

using sluice::sdk::operator==;
using sluice::sdk::View;

Fault FindApplied(const Settings& settings, Connection* connection, bool* there) {
  PgResult result;
  Fault fault =
      connection->Execute("SELECT pg_catalog.has_table_privilege(pg_catalog.to_regclass(" +
                              QuoteText(AppliedTable(settings)) + ")::pg_catalog.oid, 'SELECT')",
                          &result);
  *there = fault.ok() && Field(result, 0, 0) == "t";
  return fault;
}

Fault ReadApplied(const Settings& settings, const SinkKey& key, Connection* connection,
                  AppliedHeights* applied) {
  applied->clear();
  bool there = false;
  if (Fault fault = FindApplied(settings, connection, &there); !fault.ok() || !there) return fault;
  PgResult result;
  Fault fault = connection->Execute(
      "SELECT height, pg_catalog.encode(digest, 'hex'),"
      " pg_catalog.encode(previous_digest, 'hex'), filtered FROM " +
          AppliedTable(settings) + " WHERE " + key.Where() + " ORDER BY height",
      &result);
  if (!fault.ok()) return fault.WithContext("asking which heights the sink holds above a gap");
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    uint64_t height = 0;
    const std::string_view text = Field(result, row, 0);
    std::from_chars(text.data(), text.data() + text.size(), height);
    const std::optional<sluice_digest> digest = sluice::sdk::DigestFromHex(Field(result, row, 1));
    const std::optional<sluice_digest> previous = sluice::sdk::DigestFromHex(Field(result, row, 2));
    if (height == 0 || !digest || !previous) {
      return Fault::Operator(connection->name() + ": a row of " + AppliedTable(settings) +
                             " was not written by this sink; start the sink over");
    }
    applied->insert_or_assign(height,
                              AppliedHeight{*digest, *previous, Field(result, row, 3) == "t"});
  }
  return {};
}

void AdvanceOver(const AppliedHeights& applied, GuardRow* row) {
  // What is left of before a copy does not count.
  if (!row->found || row->filling) return;
  for (auto at = applied.upper_bound(row->height);
       at != applied.end() && at->first == row->height + 1; ++at) {
    if (!(at->second.previous_digest == row->digest)) return;
    row->height = at->first;
    row->digest = at->second.digest;
    row->filtered = row->filtered || at->second.filtered;
  }
}

std::string ShareGuardSql(const Settings& settings, const SinkKey& key, uint64_t epoch) {
  return "SELECT 1 FROM " + PositionTable(settings) + " WHERE " + key.Where() +
         " AND epoch = " + std::to_string(epoch) + " FOR KEY SHARE";
}

std::string InsertAppliedSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                             const HeightGroup& group) {
  std::string sql = "INSERT INTO " + AppliedTable(settings) +
                    " (stream, sink, height, epoch, digest, previous_digest, filtered) VALUES ";
  for (const GroupHeight& height : group.heights()) {
    if (sql.back() == ')') sql += ", ";
    sql += "(" + key.Values() + ", " + std::to_string(height.height) + ", " +
           std::to_string(epoch) + ", " + QuoteBytes(View(height.digest)) + ", " +
           QuoteBytes(View(height.previous_digest)) + (height.filtered ? ", true)" : ", false)");
  }
  return sql + " ON CONFLICT (stream, sink, height) DO NOTHING";
}

std::string TakeOverAppliedSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                               uint64_t height) {
  return "UPDATE " + AppliedTable(settings) + " SET epoch = " + std::to_string(epoch) + " WHERE " +
         key.Where() + " AND height = " + std::to_string(height) +
         " RETURNING pg_catalog.encode(digest, 'hex')";
}

std::string MoveGuardSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                         const GuardRow& to) {
  const std::string h = std::to_string(to.height);
  return "UPDATE " + PositionTable(settings) + " SET height = " + h +
         ", digest = " + QuoteBytes(View(to.digest)) + ", updated_at = pg_catalog.now()" +
         (to.filtered ? ", filtered = true" : "") + " WHERE " + key.Where() +
         " AND epoch = " + std::to_string(epoch) + " AND height < " + h + " AND filling IS NULL";
}

std::string DeleteAppliedSql(const Settings& settings, const SinkKey& key, uint64_t through) {
  return "DELETE FROM " + AppliedTable(settings) + " WHERE " + key.Where() +
         " AND height <= " + std::to_string(through);
}

}  // namespace sluice_postgres
