// SPDX-License-Identifier: Apache-2.0
//
// The command line as plain data: what was asked for, with nothing of CLI11 in it.
// Threading: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

enum class Command {
  kInit,
  kStart,
  kReplay,
  kConfigCheck,
  kConfigShow,
  kConfigReference,
  kConfigReload,
  kStatus,
  kStoreList,
  kStoreGet,
  kStoreScan,
  kStoreCount,
  kStreamDump,
  kStreamVerify,
  kVerify,
  kJournalList,
  kJournalVerify,
  kPluginInspect,
  kSinkList,
  kSinkShow,
  kSinkSuspend,
  kSinkResume,
  kSinkRepair,
  kSinkRestart,
  kSinkReset,
  kSinkSnapshot,
  kSinkRemove,
  kSinkProvision,
  kBench,
  kGenerate,
};

struct CommandLine {
  Command command = Command::kStatus;
  std::string home;  // --home, SLUICE_HOME, or the working directory; absolute
  bool json = false;

  std::string format;      // init: toml | yaml
  std::string path;        // replay, stream, plugin inspect: the file or folder
  std::string source;      // replay --source
  uint64_t block_txs = 0;  // replay --block-txs; 0: the configuration's
  bool watch = false;      // status --watch
  bool metrics = false;    // config reference --metrics
  std::string store;       // store get | scan | count
  std::string key;         // store get
  bool key_is_base64 = false;
  std::string prefix;              // store scan --prefix
  uint64_t limit = 0;              // store scan --limit; 0: none
  uint64_t from = 0;               // --from, inclusive; 0: the beginning
  uint64_t to = 0;                 // --to, inclusive; 0: the end
  std::string sink;                // verify --sink, sink …
  bool all = false;                // sink repair --all
  bool take_over = false;          // sink repair --take-over
  bool yes = false;                // sink reset --yes
  bool print = false;              // sink provision --print
  std::vector<std::string> names;  // bench NAME…
  std::string generate;            // generate WHAT
  std::string generated;           // generate: what is printed
};

// Either a command to run, or the exit code to end with at once (after --help, --version, or a
// usage error, which have been printed).
struct ParsedCommandLine {
  std::optional<CommandLine> command;
  int exit_code = 0;
};

ParsedCommandLine ParseCommandLine(int argc, char** argv);

}  // namespace sluice
