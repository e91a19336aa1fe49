// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/log.h"
#include "bench/benches.h"
#include "cli/exit_code.h"
#include "cli/home.h"
#include "cli/run_command.h"

namespace sluice {
namespace {

bool Asked(const CommandLine& line, const Bench& bench) {
  return line.names.empty() ||
         std::find(line.names.begin(), line.names.end(), bench.name) != line.names.end();
}

}  // namespace

int RunBench(const CommandLine& line) {
  for (const std::string& name : line.names) {
    const auto& benches = AllBenches();
    if (std::any_of(benches.begin(), benches.end(),
                    [&](const Bench& b) { return b.name == name; })) {
      continue;
    }
    std::string known;
    for (const Bench& bench : benches) known += (known.empty() ? "" : ", ") + bench.name;
    return Fail(Status(StatusCode::kConfiguration,
                       fmt::format("bench: there is no '{}'; there are {}", name, known)));
  }
  if (Status status = InitLog("error", LogFormat::kText); !status.ok()) return Fail(status);
  BenchContext context;
  context.folder = line.home;
  context.plugin_folders = PluginFolders(Config(), line.home);
  std::error_code error;
  std::filesystem::create_directories(context.folder, error);
  std::fprintf(stderr, "%s\n", MachineText().c_str());
  for (const Bench& bench : AllBenches()) {
    if (!Asked(line, bench)) continue;
    std::fprintf(stderr, "%s: %s\n", bench.name.c_str(), bench.what.c_str());
    Result<std::vector<BenchOutcome>> outcomes = bench.run(context);
    if (!outcomes) return Fail(outcomes.error().WithContext("bench " + bench.name));
    for (const BenchOutcome& outcome : *outcomes) {
      fmt::print("{}\n", line.json ? OutcomeToJson(outcome) : OutcomeToText(outcome));
      std::fflush(stdout);
    }
  }
  std::fprintf(stderr, "%s\n", MachineText().c_str());
  return kExitDone;
}

}  // namespace sluice
