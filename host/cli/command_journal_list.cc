// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/read_home.h"
#include "cli/run_command.h"

namespace sluice {
namespace {

struct SinkAt {
  std::string name;
  Height watermark;  // as stored; of a running node it may be a little behind
};

Result<std::vector<SinkAt>> StoredWatermarks(const ReadHome& home) {
  std::vector<SinkAt> sinks;
  for (const SinkConfig& sink : home.config.sinks) {
    SLUICE_ASSIGN_OR_RETURN(std::optional<Height> stored, home.database->SinkWatermark(sink.name));
    sinks.push_back({sink.name.str(), stored.value_or(Height())});
  }
  return sinks;
}

struct Row {
  Height height;
  uint64_t bytes = 0;
  Digest digest;
  bool committed = false;
  std::vector<std::string> needed_by;
};

// Why the height is kept, in words.
std::string Why(const Row& row) {
  if (!row.committed) return "not committed yet";
  if (row.needed_by.empty()) return "journal.retain_blocks";
  std::string names;
  for (const std::string& name : row.needed_by) names += (names.empty() ? "" : ", ") + name;
  return "needed by " + names;
}

std::string RowToJson(const Row& row) {
  const nlohmann::ordered_json out = {{"height", row.height.value()}, {"bytes", row.bytes},
                                      {"digest", row.digest.ToHex()}, {"committed", row.committed},
                                      {"needed_by", row.needed_by},   {"why", Why(row)}};
  return out.dump() + "\n";
}

std::string RowToText(const Row& row) {
  return fmt::format("{:>12}  {:>12}  {:.16}  {}\n", row.height.value(), row.bytes,
                     row.digest.ToHex(), Why(row));
}

Result<Row> ReadRow(const Database& database, const std::vector<SinkAt>& sinks, Height height) {
  Row row;
  row.height = height;
  row.committed = height <= database.committed().height;
  SLUICE_ASSIGN_OR_RETURN(row.bytes, database.JournalRecordBytes(height));
  SLUICE_ASSIGN_OR_RETURN(row.digest, database.JournalDigest(height));
  for (const SinkAt& sink : sinks) {
    if (sink.watermark < height) row.needed_by.push_back(sink.name);
  }
  return row;
}

}  // namespace

int RunJournalList(const CommandLine& line) {
  Result<ReadHome> home = OpenHomeToRead(line.home);
  if (!home) return Fail(home.error());
  Result<std::vector<SinkAt>> sinks = StoredWatermarks(*home);
  if (!sinks) return Fail(sinks.error());
  const Database& database = *home->database;
  if (!line.json) Print("{:>12}  {:>12}  {:<16}  {}\n", "HEIGHT", "BYTES", "DIGEST", "KEPT FOR");
  for (Height h = database.journal_first(); h <= database.journaled_height(); ++h) {
    Result<Row> row = ReadRow(database, *sinks, h);
    if (!row) return Fail(row.error());
    PrintBytes(line.json ? RowToJson(*row) : RowToText(*row));
    if (OutputFailed()) break;
  }
  return kExitDone;
}

}  // namespace sluice
