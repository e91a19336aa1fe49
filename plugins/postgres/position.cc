// SPDX-License-Identifier: Apache-2.0
#include "postgres/position.h"

#include <charconv>

#include "postgres/sql_text.h"
#include "postgres/tables.h"

namespace sluice_postgres {
namespace {

using sluice::sdk::View;

// FNV-1a: only tells the sinks of one database apart, and a mistake would need the same role too.
std::string HashOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4)
    out.push_back("0123456789abcdef"[hash >> shift & 15]);
  return out;
}

bool ToNumber(std::string_view text, uint64_t* out) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), *out);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

}  // namespace

std::string SinkKey::Where(const std::string& prefix) const {
  return prefix + "stream = " + QuoteText(stream) + " AND " + prefix + "sink = " + QuoteText(sink);
}

std::string SinkKey::Values() const { return QuoteText(stream) + ", " + QuoteText(sink); }

std::string SinkKey::ApplicationPrefix(const Settings& settings) const {
  return "sluice/" + HashOf(stream + "/" + sink + "/" + settings.schema) + "/";
}

std::string SinkKey::ApplicationName(const Settings& settings, uint64_t epoch) const {
  return (ApplicationPrefix(settings) + std::to_string(epoch) + "/" + sink)
      .substr(0, kIdentifierBytesMax);
}

// A table that is older than the last two columns is read, too: verify may come before a start.
Fault ReadGuardRow(const Settings& settings, const SinkKey& key, Connection* connection,
                   GuardRow* row, bool lock) {
  *row = GuardRow();
  PgResult result;
  Fault fault = connection->Execute(
      "SELECT epoch, height, pg_catalog.encode(digest, 'hex'), base_height, filtered, keeps,"
      " pg_catalog.to_jsonb(held)->>'snapshot_height', pg_catalog.to_jsonb(held)->>'filling' "
      "FROM " +
          PositionTable(settings) + " AS held WHERE " + key.Where() + (lock ? " FOR UPDATE" : ""),
      &result);
  if (!fault.ok()) return fault.WithContext("asking where the sink stands");
  if (PQntuples(result.get()) == 0) return {};
  const auto digest = sluice::sdk::DigestFromHex(Field(result, 0, 2));
  if (!digest || !ToNumber(Field(result, 0, 0), &row->epoch) ||
      !ToNumber(Field(result, 0, 1), &row->height) ||
      !ToNumber(Field(result, 0, 3), &row->base_height)) {
    return Fault::Operator(connection->name() + ": the row of " + key.stream + ", " + key.sink +
                           " in " + PositionTable(settings) +
                           " was not written by this sink; restore it, or start the sink over");
  }
  row->found = true;
  row->digest = *digest;
  row->filtered = Field(result, 0, 4) == "t";
  row->keeps = Field(result, 0, 5);
  ToNumber(Field(result, 0, 6), &row->snapshot_height);
  row->filling = PQgetisnull(result.get(), 0, 7) == 0;
  return {};
}

std::string AdvanceGuardSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                            uint64_t first, const sluice_digest& previous_digest, uint64_t last,
                            const sluice_digest& digest, bool filtered) {
  const std::string e = std::to_string(epoch);
  return "UPDATE " + PositionTable(settings) + " SET height = " + std::to_string(last) +
         ", digest = " + QuoteBytes(View(digest)) + ", epoch = " + e +
         ", updated_at = pg_catalog.now()" + (filtered ? ", filtered = true" : "") + " WHERE " +
         key.Where() + " AND height = " + std::to_string(first - 1) +
         " AND digest = " + QuoteBytes(View(previous_digest)) + " AND epoch <= " + e;
}

std::string RaiseEpochSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                          const GuardRow& row) {
  const std::string e = std::to_string(epoch);
  return "UPDATE " + PositionTable(settings) + " SET epoch = " + e +
         ", height = " + std::to_string(row.height) + ", digest = " + QuoteBytes(View(row.digest)) +
         (row.filtered ? ", filtered = true" : "") + ", keeps = " + QuoteText(Keeps(settings)) +
         ", updated_at = pg_catalog.now() WHERE " + key.Where() + " AND epoch <= " + e;
}

std::string TouchGuardSql(const Settings& settings, const SinkKey& key, uint64_t epoch) {
  return "UPDATE " + PositionTable(settings) + " SET updated_at = pg_catalog.now() WHERE " +
         key.Where() + " AND epoch = " + std::to_string(epoch);
}

std::string BeginAtSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                       uint64_t height, const sluice_digest& digest) {
  const std::string h = std::to_string(height);
  return "INSERT INTO " + PositionTable(settings) +
         " AS held (stream, sink, epoch, height, digest, base_height, keeps) VALUES (" +
         key.Values() + ", " + std::to_string(epoch) + ", " + h + ", " + QuoteBytes(View(digest)) +
         ", " + h + ", " + QuoteText(Keeps(settings)) +
         ") ON CONFLICT (stream, sink) DO UPDATE SET epoch = excluded.epoch,"
         " height = excluded.height, digest = excluded.digest,"
         " base_height = excluded.base_height, keeps = excluded.keeps, snapshot_height = NULL,"
         " filling = NULL, updated_at = pg_catalog.now()"
         " WHERE held.epoch <= excluded.epoch AND (held.height < excluded.height"
         " OR (held.height = excluded.height AND held.digest = excluded.digest)"
         " OR (held.height = 0 AND excluded.height = 0))";
}

std::string BeginFillingSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                            uint64_t height, const std::string& keeps) {
  return "INSERT INTO " + PositionTable(settings) +
         " AS held (stream, sink, epoch, height, digest, keeps, filling) VALUES (" + key.Values() +
         ", " + std::to_string(epoch) + ", 0, " + QuoteBytes(View(sluice_digest{})) + ", " +
         QuoteText(keeps) + ", " + std::to_string(height) +
         ") ON CONFLICT (stream, sink) DO UPDATE SET epoch = excluded.epoch, height = 0,"
         " digest = excluded.digest, base_height = 0, filtered = false, keeps = excluded.keeps,"
         " snapshot_height = NULL, filling = excluded.filling, updated_at = pg_catalog.now()"
         " WHERE held.epoch <= excluded.epoch";
}

std::string TouchFillingSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                            uint64_t height) {
  return TouchGuardSql(settings, key, epoch) + " AND filling = " + std::to_string(height);
}

std::string EndFillingSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                          uint64_t height, const sluice_digest& digest, bool filtered) {
  const std::string h = std::to_string(height);
  return "UPDATE " + PositionTable(settings) + " SET height = " + h +
         ", digest = " + QuoteBytes(View(digest)) + ", base_height = " + h +
         ", snapshot_height = " + h +
         ", filling = NULL, filtered = " + (filtered ? "true" : "false") +
         ", keeps = " + QuoteText(Keeps(settings)) + ", updated_at = pg_catalog.now() WHERE " +
         key.Where() + " AND epoch = " + std::to_string(epoch) + " AND filling = " + h;
}

std::string EndEmptyingSql(const Settings& settings, const SinkKey& key, uint64_t epoch) {
  return "UPDATE " + PositionTable(settings) +
         " SET filling = NULL, keeps = '', updated_at = pg_catalog.now() WHERE " + key.Where() +
         " AND epoch = " + std::to_string(epoch) + " AND filling IS NOT NULL";
}

Fault EndOlderWriters(const Settings& settings, const SinkKey& key, uint64_t epoch,
                      Connection* connection, int* ended) {
  const std::string prefix = key.ApplicationPrefix(settings);
  PgResult result;
  // CASE, because the order in which AND is evaluated is not given.
  Fault fault = connection->Execute(
      "SELECT pg_catalog.count(*) FILTER (WHERE pg_catalog.pg_terminate_backend(pid))"
      " FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database()"
      " AND pid <> pg_catalog.pg_backend_pid() AND CASE WHEN application_name ~ " +
          QuoteText("^" + prefix + "[0-9]{1,18}(/|$)") +
          " THEN pg_catalog.split_part(application_name, '/', 3)::bigint < " +
          std::to_string(epoch) + " ELSE false END",
      &result);
  uint64_t count = 0;
  if (fault.ok()) ToNumber(Field(result, 0, 0), &count);
  *ended = static_cast<int>(count);
  return fault;
}

}  // namespace sluice_postgres
