// SPDX-License-Identifier: Apache-2.0
//
// The best that one client of PostgreSQL does by hand with libpq, for the rows that the node's sink
// gets: no Sluice code.
//
//   postgres_baseline CONNINFO ROWS changes BLOCKS  binary COPY, a commit each BLOCKS blocks
//   postgres_baseline CONNINFO ROWS state BLOCKS    last row of each key, COPY to a staging table,
//   upsert postgres_baseline CONNINFO ROWS guarded 1       guard row and COPY; the time of each
//   transaction
//
// The tables have the columns and the primary keys of the sink's, and are made anew before the
// clock starts, which is also when the rows are encoded. Prints one JSON object.
#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <unordered_map>

#include "rows.h"

namespace {

using bench_baseline::Fail;
using bench_baseline::Row;
using bench_baseline::Rows;
using Clock = std::chrono::steady_clock;

constexpr char kTables[] =
    "SET client_min_messages = warning; SET jit = off; DROP SCHEMA IF EXISTS baseline CASCADE;"
    " CREATE SCHEMA baseline;"
    " CREATE TABLE baseline.changes (stream text NOT NULL, sink text NOT NULL, height bigint NOT"
    " NULL, seq integer NOT NULL, tx integer NOT NULL, op text NOT NULL, store text NOT NULL, key"
    " bytea NOT NULL, value bytea, old_value bytea, PRIMARY KEY (stream, sink, height, seq));"
    " CREATE TABLE baseline.state (stream text NOT NULL, sink text NOT NULL, store text NOT NULL,"
    " key bytea NOT NULL, value bytea NOT NULL, height bigint NOT NULL, seq integer NOT NULL,"
    " PRIMARY KEY (stream, sink, store, key));"
    " CREATE TABLE baseline.guard (stream text NOT NULL, sink text NOT NULL, epoch bigint NOT NULL,"
    " height bigint NOT NULL, digest bytea NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(),"
    " PRIMARY KEY (stream, sink));"
    " INSERT INTO baseline.guard VALUES ('bench', 'pg', 1, 0, '\\x00');"
    " CREATE TEMPORARY TABLE staging (key bytea NOT NULL, value bytea NOT NULL, height bigint NOT"
    " NULL, seq integer NOT NULL) ON COMMIT DELETE ROWS;";
constexpr char kCopyChanges[] =
    "COPY baseline.changes (stream, sink, height, seq, tx, op, store, key, value, old_value) FROM"
    " STDIN (FORMAT binary)";
constexpr char kCopyStaging[] = "COPY staging (key, value, height, seq) FROM STDIN (FORMAT binary)";
constexpr char kUpsert[] =
    "INSERT INTO baseline.state (stream, sink, store, key, value, height, seq) SELECT 'bench', "
    "'pg',"
    " 'main', key, value, height, seq FROM staging ON CONFLICT (stream, sink, store, key) DO UPDATE"
    " SET value = excluded.value, height = excluded.height, seq = excluded.seq";

template <typename T>
void Big(T value, std::string* out) {
  for (size_t i = sizeof(T); i-- > 0;) out->push_back(static_cast<char>(value >> (8 * i)));
}
void Bytes(std::string_view value, std::string* out) {
  Big(static_cast<uint32_t>(value.size()), out);
  out->append(value);
}
void Int32(uint32_t value, std::string* out) {
  Big(uint32_t{4}, out);
  Big(value, out);
}
void Int64(uint64_t value, std::string* out) {
  Big(uint32_t{8}, out);
  Big(value, out);
}
std::string Header() { return std::string("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19); }
void End(std::string* out) { Big(uint16_t{0xFFFF}, out); }

class Client {
 public:
  explicit Client(const char* conninfo) : connection_(PQconnectdb(conninfo)) {
    if (PQstatus(connection_) != CONNECTION_OK) Fail(PQerrorMessage(connection_));
  }
  ~Client() { PQfinish(connection_); }

  // The statements of one text in one round trip, the COPY among them fed with `rows`.
  void Run(const std::string& sql, std::string_view rows = {}) {
    if (PQsendQuery(connection_, sql.c_str()) == 0) Fail(PQerrorMessage(connection_));
    while (PGresult* result = PQgetResult(connection_)) {
      const ExecStatusType status = PQresultStatus(result);
      PQclear(result);
      if (status == PGRES_COPY_IN) {
        if (PQputCopyData(connection_, rows.data(), static_cast<int>(rows.size())) != 1 ||
            PQputCopyEnd(connection_, nullptr) != 1) {
          Fail(PQerrorMessage(connection_));
        }
      } else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        Fail(PQerrorMessage(connection_));
      }
    }
  }

 private:
  PGconn* const connection_;
};

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The rows of blocks [first, last) for the table of changes.
std::string ChangeRows(const Rows& rows, uint32_t first, uint32_t last) {
  std::string out = Header();
  for (uint32_t block = first; block < last; ++block) {
    for (uint32_t i = 0; i < rows.rows_per_block; ++i) {
      const Row& row = rows.rows[size_t{block} * rows.rows_per_block + i];
      Big(uint16_t{10}, &out);
      Bytes("bench", &out);
      Bytes("pg", &out);
      Int64(block + 1, &out);
      Int32(i, &out);
      Int32(i, &out);
      Bytes("set", &out);
      Bytes("main", &out);
      Bytes(row.key, &out);
      Bytes(row.value, &out);
      Big(uint32_t{0xFFFFFFFF}, &out);
    }
  }
  End(&out);
  return out;
}

// The last row of each key, in the order of the keys, which spares the index most.
std::string LastRows(const Rows& rows, uint32_t first, uint32_t last) {
  std::unordered_map<std::string_view, size_t> at;
  const size_t end = size_t{last} * rows.rows_per_block;
  for (size_t i = size_t{first} * rows.rows_per_block; i < end; ++i) at[rows.rows[i].key] = i;
  std::vector<size_t> latest;
  latest.reserve(at.size());
  for (const auto& [key, index] : at) latest.push_back(index);
  std::sort(latest.begin(), latest.end(),
            [&](size_t a, size_t b) { return rows.rows[a].key < rows.rows[b].key; });
  std::string out = Header();
  for (const size_t index : latest) {
    Big(uint16_t{4}, &out);
    Bytes(rows.rows[index].key, &out);
    Bytes(rows.rows[index].value, &out);
    Int64(index / rows.rows_per_block + 1, &out);
    Int32(static_cast<uint32_t>(index % rows.rows_per_block), &out);
  }
  End(&out);
  return out;
}

void RunThroughput(Client* client, const Rows& rows, bool state, uint32_t blocks_per_commit) {
  std::vector<std::string> groups;
  for (uint32_t first = 0; first < rows.blocks; first += blocks_per_commit) {
    const uint32_t last = std::min(first + blocks_per_commit, rows.blocks);
    groups.push_back(state ? LastRows(rows, first, last) : ChangeRows(rows, first, last));
  }
  const std::string sql = state ? std::string("BEGIN;") + kCopyStaging + ";" + kUpsert + ";COMMIT"
                                : std::string("BEGIN;") + kCopyChanges + ";COMMIT";
  client->Run("CHECKPOINT");
  const Clock::time_point begin = Clock::now();
  for (const std::string& group : groups) client->Run(sql, group);
  std::printf("{\"seconds\":%.6f,\"commits\":%zu}\n", SecondsSince(begin), groups.size());
}

void RunGuarded(Client* client, const Rows& rows) {
  std::vector<double> seconds;
  client->Run("CHECKPOINT");
  for (uint32_t block = 0; block < rows.blocks; ++block) {
    const std::string group = ChangeRows(rows, block, block + 1);
    const std::string sql =
        "BEGIN; UPDATE baseline.guard SET height = " + std::to_string(block + 1) +
        ", updated_at = now() WHERE stream = 'bench' AND sink = 'pg' AND epoch <= 1 AND height = " +
        std::to_string(block) + ";" + kCopyChanges + ";COMMIT";
    const Clock::time_point begin = Clock::now();
    client->Run(sql, group);
    seconds.push_back(SecondsSince(begin));
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf("{\"p50_us\":%.1f,\"p99_us\":%.1f}\n", seconds[seconds.size() / 2] * 1e6,
              seconds[seconds.size() * 99 / 100] * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) Fail("usage: postgres_baseline CONNINFO ROWS changes|state|guarded BLOCKS");
  const Rows rows = bench_baseline::ReadRows(argv[2]);
  const std::string mode = argv[3];
  const auto blocks = static_cast<uint32_t>(std::strtoul(argv[4], nullptr, 10));
  if (blocks == 0) Fail("a commit holds one block at least");
  Client client(argv[1]);
  client.Run(kTables);
  if (mode == "guarded") {
    RunGuarded(&client, rows);
  } else {
    RunThroughput(&client, rows, mode == "state", blocks);
  }
  return 0;
}
