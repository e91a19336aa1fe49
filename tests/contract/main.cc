// SPDX-License-Identifier: Apache-2.0
//
// sluice_contract PLUGIN [--settings JSON|@FILE] …: does the plugin keep the promises that the node
// relies on? Exit codes: 0 all that was checked holds, 1 a check failed, 2 the command line is
// wrong, 3 the plugin or its settings cannot be used.
#include <fmt/core.h>
#include <fnmatch.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "contract/runner.h"

namespace {

using namespace sluice;
using namespace sluice::contract;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitPlugin = 3;

struct Arguments {
  Subject subject;
  std::vector<std::string> only;
  std::vector<std::string> without;
  std::string work;
  uint64_t check_seconds = 300;
  uint64_t ack_seconds = 60;
  uint64_t large_mib = 64;
  bool list = false;
};

bool Matches(const std::vector<std::string>& patterns, const std::string& name) {
  for (const std::string& pattern : patterns) {
    if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) return true;
  }
  return false;
}

std::vector<Check> Chosen(const Arguments& arguments) {
  std::vector<Check> chosen;
  for (const Check& check : AllChecks()) {
    if (!arguments.only.empty() && !Matches(arguments.only, check.name)) continue;
    if (!Matches(arguments.without, check.name)) chosen.push_back(check);
  }
  return chosen;
}

// A file keeps passwords out of the list of processes.
bool ReadSettings(std::string* settings) {
  if (settings->empty() || settings->front() != '@') return true;
  std::ifstream in(settings->substr(1));
  if (!in) return false;
  settings->assign(std::istreambuf_iterator<char>(in), {});
  return true;
}

// Whether plugin and settings can be used at all, asked in a process of its own.
int Usable(const Subject& subject, const std::filesystem::path& folder) {
  Child child([&] {
    Report report;
    CheckContext context(subject, "identity", folder.string(), &report);
    const Result<PluginLibrary*> library = context.Load();
    if (!library) {
      fmt::print(stderr, "sluice_contract: {}\n", library.error().message());
      return kExitPlugin;
    }
    const PluginIdentity& identity = (*library)->identity();
    fmt::print("{} {}, highest level {}; sinks {}-…, stream {}\n", identity.id, identity.version,
               AckLevelName(identity.highest_level), subject.sink_prefix, subject.stream_id);
    return 0;
  });
  const Exit exit = child.Wait(subject.check_limit);
  if (exit.exited) return exit.code;
  fmt::print(stderr, "sluice_contract: loading the plugin {}\n", exit.ToString());
  return kExitPlugin;
}

int Run(const Arguments& arguments, const std::filesystem::path& work) {
  const std::vector<Check> chosen = Chosen(arguments);
  if (chosen.empty()) {
    fmt::print(stderr, "sluice_contract: no check is so called; --list names them\n");
    return kExitUsage;
  }
  if (arguments.list) {
    for (const Check& check : chosen) fmt::print("{}\n      {}\n", check.name, check.why);
    return 0;
  }
  if (const int code = Usable(arguments.subject, work); code != 0) return code;
  int passed = 0;
  int failed = 0;
  int not_checked = 0;
  for (const Check& check : chosen) {
    const CheckResult result = RunCheck(check, arguments.subject, work / check.name);
    passed += result.verdict == Verdict::kPassed ? 1 : 0;
    failed += result.verdict == Verdict::kFailed ? 1 : 0;
    not_checked += result.verdict == Verdict::kNotChecked ? 1 : 0;
    fmt::print("{}", Describe(check, result));
    std::fflush(stdout);
  }
  fmt::print("{} passed, {} failed, {} not or not wholly checked\n", passed, failed, not_checked);
  return failed == 0 ? 0 : kExitFailed;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  Arguments arguments;
  Subject& subject = arguments.subject;
  // New ones each time: what an earlier run left in an outside system is not this run's.
  subject.sink_prefix = fmt::format("c{:x}", WallNanos() / 1'000'000);

  CLI::App app("Checks that a plugin keeps the promises that the node relies on.",
               "sluice_contract");
  app.add_option("plugin", subject.plugin, "Path of the library, with a slash in it");
  app.add_option("--settings", subject.settings,
                 "The sink's settings, a JSON object, or @FILE with one; {sink} in it stands for "
                 "the name of the sink, which is another one for each check");
  app.add_option("--stream", subject.stream_id, "Stream id");
  app.add_option("--prefix", subject.sink_prefix, "Beginning of the sinks' names");
  app.add_option("--only", arguments.only, "Only checks whose name matches, such as 'fence.*'");
  app.add_option("--without", arguments.without, "No checks whose name matches");
  app.add_option("--work", arguments.work, "Folder for homes and logs; default: a temporary one");
  app.add_option("--check-seconds", arguments.check_seconds, "Time limit of one check");
  app.add_option("--ack-seconds", arguments.ack_seconds, "Time limit for an ack");
  app.add_option("--large-mib", arguments.large_mib, "Size of the largest value that is tried");
  app.add_flag("--list", arguments.list, "Lists the checks and what each is for");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (subject.plugin.empty() && !arguments.list) {
    fmt::print(stderr, "sluice_contract: name a plugin; --help says how\n");
    return kExitUsage;
  }
  if (!ReadSettings(&subject.settings)) {
    fmt::print(stderr, "sluice_contract: cannot read {}\n", subject.settings);
    return kExitUsage;
  }
  subject.check_limit = std::chrono::seconds(arguments.check_seconds);
  subject.ack_limit = std::chrono::seconds(arguments.ack_seconds);
  subject.large_bytes = arguments.large_mib << 20U;
  (void)InitLog("warn", LogFormat::kText);

  std::string made = (std::filesystem::temp_directory_path() / "sluice-contract-XXXXXX").string();
  if (arguments.work.empty() && ::mkdtemp(made.data()) == nullptr) {
    fmt::print(stderr, "sluice_contract: cannot make a folder {}\n", made);
    return kExitUsage;
  }
  const std::filesystem::path work = arguments.work.empty() ? made : arguments.work;
  std::filesystem::create_directories(work);
  const int code = Run(arguments, std::filesystem::absolute(work));
  std::error_code ignored;
  if (arguments.work.empty()) std::filesystem::remove_all(work, ignored);
  return code;
}
