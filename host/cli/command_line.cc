// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/version.h"
#include "cli/completion.h"
#include "cli/exit_code.h"
#include "cli/manual_page.h"

namespace sluice {
namespace {

class Builder {
 public:
  Builder() : app_("Sluice: named key-value stores whose every change is streamed", "sluice") {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", std::string("sluice ") + SluiceVersion());
    AddCommon(&app_);
  }

  CLI::App& app() { return app_; }
  CommandLine& line() { return line_; }

  // A name with commands below it.
  CLI::App* AddGroup(const std::string& name, const std::string& description) {
    CLI::App* group = app_.add_subcommand(name, description);
    AddCommon(group);
    group->require_subcommand(1);
    return group;
  }

  CLI::App* Add(CLI::App* parent, const std::string& name, Command command,
                const std::string& description, const std::string& example) {
    CLI::App* sub = parent->add_subcommand(name, description);
    AddCommon(sub);
    sub->footer("Example:\n  " + example);
    sub->callback([this, command] { line_.command = command; });
    return sub;
  }

 private:
  // --home and --json are taken before and after the command's name.
  void AddCommon(CLI::App* app) {
    app->add_option("--home", line_.home,
                    "The node's home folder; else SLUICE_HOME, else the working directory");
    app->add_flag("--json", line_.json, "Print JSON");
  }

  CLI::App app_;
  CommandLine line_;
};

void AddNodeCommands(Builder* builder) {
  CommandLine& line = builder->line();
  CLI::App* root = &builder->app();
  CLI::App* init = builder->Add(root, "init", Command::kInit,
                                "Write a home with a commented configuration that runs as it is",
                                "sluice --home /var/lib/sluice init --format toml");
  init->add_option("--format", line.format, "toml or yaml")
      ->check(CLI::IsMember({"toml", "yaml"}))
      ->default_str("toml");
  builder->Add(root, "start", Command::kStart, "Run the node until SIGTERM or SIGINT",
               "sluice --home /var/lib/sluice start");
  CLI::App* replay =
      builder->Add(root, "replay", Command::kReplay,
                   "Feed blocks from a file, or from a stream that a file sink has written; wait "
                   "until all is committed and every sink is level",
                   "sluice --home /var/lib/sluice replay blocks.jsonl.zst\n"
                   "  sluice --home /var/lib/rebuilt replay /var/lib/sluice/data/stream");
  replay
      ->add_option("FILE", line.path,
                   "JSON Lines, plain, .gz or .zst; - is standard input; or a file sink's folder, "
                   "or one .seg file of it")
      ->required();
  replay->add_option("--source", line.source, "The source's name in the recorded position");
  replay
      ->add_option("--block-txs", line.block_txs,
                   "Transactions a block, for lines that are no blocks")
      ->check(CLI::PositiveNumber);
  CLI::App* status = builder->Add(root, "status", Command::kStatus,
                                  "Show where the node and its sinks stand; of a stopped home too",
                                  "sluice --home /var/lib/sluice status --watch");
  status->add_flag("--watch", line.watch, "Show it again every second, until interrupted");
}

void AddConfigCommands(Builder* builder) {
  CLI::App* config =
      builder->AddGroup("config", "The configuration: check, show, reference, reload");
  builder->Add(config, "check", Command::kConfigCheck,
               "Name every problem of the configuration with file, line and column",
               "sluice --home /var/lib/sluice config check");
  builder->Add(config, "show", Command::kConfigShow,
               "Print effective values and where they come from; secrets are masked",
               "sluice --home /var/lib/sluice config show --json");
  CLI::App* reference = builder->Add(config, "reference", Command::kConfigReference,
                                     "Print all settings there are", "sluice config reference");
  builder->Add(config, "reload", Command::kConfigReload,
               "Have the running node read its configuration again and change what differs; a file "
               "that does not check changes nothing",
               "sluice --home /var/lib/sluice config reload");
  reference->add_flag("--metrics", builder->line().metrics, "Print the metrics instead");
}

void AddStoreCommands(Builder* builder) {
  CommandLine& line = builder->line();
  CLI::App* store = builder->AddGroup("store", "Read the stores: list, get, scan, count");
  builder->Add(store, "list", Command::kStoreList, "Print each store and how many keys it has",
               "sluice --home /var/lib/sluice store list");
  CLI::App* get = builder->Add(store, "get", Command::kStoreGet, "Print the value of one key",
                               "sluice --home /var/lib/sluice store get orders o-1");
  get->add_option("STORE", line.store, "The store's name")->required();
  get->add_option("KEY", line.key, "The key")->required();
  get->add_flag("--key-base64", line.key_is_base64, "KEY is base64, for keys that are no text");
  CLI::App* scan = builder->Add(store, "scan", Command::kStoreScan,
                                "Print keys and values in the order of the keys",
                                "sluice --home /var/lib/sluice store scan orders --prefix o- "
                                "--limit 10");
  scan->add_option("STORE", line.store, "The store's name")->required();
  scan->add_option("--prefix", line.prefix, "Only keys that begin with this");
  scan->add_option("--limit", line.limit, "At most so many keys")->check(CLI::PositiveNumber);
  CLI::App* count = builder->Add(store, "count", Command::kStoreCount, "Count a store's keys",
                                 "sluice --home /var/lib/sluice store count orders");
  count->add_option("STORE", line.store, "The store's name")->required();
}

void AddStreamCommands(Builder* builder) {
  CommandLine& line = builder->line();
  CLI::App* stream =
      builder->AddGroup("stream", "Read what a file sink has written: dump, verify; needs no home");
  CLI::App* dump =
      builder->Add(stream, "dump", Command::kStreamDump, "Print the changes as JSON Lines",
                   "sluice stream dump data/stream --from 10 --to 20");
  dump->add_option("PATH", line.path, "The sink's folder, or one file of it")->required();
  dump->add_option("--from", line.from, "First height")->check(CLI::PositiveNumber);
  dump->add_option("--to", line.to, "Last height")->check(CLI::PositiveNumber);
  CLI::App* verify =
      builder->Add(stream, "verify", Command::kStreamVerify,
                   "Check checksums, continuity and digests", "sluice stream verify data/stream");
  verify->add_option("PATH", line.path, "The sink's folder, or one file of it")->required();
}

void AddProofCommands(Builder* builder) {
  CommandLine& line = builder->line();
  CLI::App* root = &builder->app();
  CLI::App* verify =
      builder->Add(root, "verify", Command::kVerify,
                   "Rebuild the state from a sink and compare it with the stores, key by key",
                   "sluice --home /var/lib/sluice verify --sink audit");
  verify->add_option("--sink", line.sink, "The sink's name")->required();
  CLI::App* journal = builder->AddGroup("journal", "The journal: list, verify");
  builder->Add(journal, "list", Command::kJournalList, "Print which heights are kept, and why",
               "sluice --home /var/lib/sluice journal list");
  builder->Add(journal, "verify", Command::kJournalVerify,
               "Read every record, check its checksum and follow the digests",
               "sluice --home /var/lib/sluice journal verify");
  CLI::App* plugin = builder->AddGroup("plugin", "Plugins: inspect");
  CLI::App* inspect = builder->Add(plugin, "inspect", Command::kPluginInspect,
                                   "Print what a plugin's file is, and what it says of itself",
                                   "sluice plugin inspect file");
  inspect->add_option("PLUGIN", line.path, "A name, as in the configuration, or a path")
      ->required();
  CLI::App* bench = builder->Add(root, "bench", Command::kBench,
                                 "Measure against plain RocksDB, as ratios within one run",
                                 "sluice --home /tmp/bench bench commit_all_file");
  bench->add_option("NAME", line.names, "Which benches; all where none is named");
}

void AddSinkCommands(Builder* builder) {
  CommandLine& line = builder->line();
  CLI::App* sink = builder->AddGroup(
      "sink",
      "The sinks: list, show, suspend, resume, repair, restart, snapshot, reset, remove, "
      "provision");
  builder->Add(sink, "list", Command::kSinkList, "Print each sink and where it stands",
               "sluice --home /var/lib/sluice sink list");
  const auto add = [&](const char* name, Command command, const char* description) {
    CLI::App* sub = builder->Add(sink, name, command, description,
                                 fmt::format("sluice --home /var/lib/sluice sink {} audit", name));
    sub->add_option("NAME", line.sink, "The sink's name")
        ->required(command != Command::kSinkRepair);
    return sub;
  };
  add("show", Command::kSinkShow, "Print all that is known of one sink");
  add("suspend", Command::kSinkSuspend,
      "Finish what is in flight and stop; it stays so over restarts, until `sink resume`");
  add("resume", Command::kSinkResume, "Take a suspend back");
  CLI::App* repair = add("repair", Command::kSinkRepair,
                         "Try again now what has failed, also what is never tried again by itself");
  repair->add_flag("--all", line.all, "All sinks that are broken");
  repair->add_flag("--take-over", line.take_over,
                   "Make this node the owner of a sink that has seen a larger epoch, as after a "
                   "restored backup; whoever had it is refused from then on. On a stopped home "
                   "too, where a node that needs the sink does not come up");
  add("restart", Command::kSinkRestart, "Finish what is in flight and begin a new instance");
  CLI::App* reset = add("reset", Command::kSinkReset,
                        "Make the sink empty: what it holds of this stream is removed there, and "
                        "it begins again as an empty one; of a stopped home with the next start");
  reset->add_flag("--yes", line.yes, "Do not ask");
  add("snapshot", Command::kSinkSnapshot,
      "Replace what the sink holds by a copy of the present state, and go on behind it; of a sink "
      "that has a gap, is lost or has diverged too. On a stopped home it begins with the next "
      "start");
  add("remove", Command::kSinkRemove,
      "Finish what is in flight, stop, and forget the sink; what it holds stays where it is");
  CLI::App* provision = builder->Add(
      sink, "provision", Command::kSinkProvision,
      "Print what an administrator of the sink's external system has to run there before the "
      "sink can start; connects to nothing",
      "sluice --home /var/lib/sluice sink provision pg --print | psql -d mirror");
  provision->add_option("NAME", line.sink, "The sink's name")->required();
  // Without it a sink that may create does so when it starts.
  provision->add_flag("--print", line.print, "Print it, and run nothing")->required();
}

ArgumentKind KindOf(const std::string& name) {
  if (name == "--home") return ArgumentKind::kFolder;
  const bool is_file = name == "FILE" || name == "PATH" || name == "PLUGIN";
  return is_file ? ArgumentKind::kFile : ArgumentKind::kText;
}

// What CLI::IsMember says of itself: "TEXT:{toml,yaml}".
std::vector<std::string> ChoicesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{');
  const size_t end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return {};
  return CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

// Of "Example:\n  sluice …\n  sluice …".
std::vector<std::string> ExamplesOf(const std::string& footer) {
  std::vector<std::string> examples;
  for (const std::string& line : CLI::detail::split(footer, '\n')) {
    if (line.starts_with("  ")) examples.push_back(line.substr(2));
  }
  return examples;
}

CommandShape ShapeOf(const CLI::App& app) {
  CommandShape shape;
  shape.name = app.get_name();
  shape.description = app.get_description();
  shape.examples = ExamplesOf(app.get_footer());
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      const std::string name = option->get_name(true);
      shape.argument = KindOf(name);
      shape.argument_name += (shape.argument_name.empty() ? "" : " ") + name;
      continue;
    }
    CommandShape::Option one;
    one.name = "--" + option->get_lnames().front();
    one.description = option->get_description();
    one.takes_value = option->get_items_expected_max() > 0;
    one.kind = KindOf(one.name);
    one.choices = ChoicesOf(*option);
    shape.options.push_back(std::move(one));
  }
  // Without a filter: in the order in which they were added; those without a group are hidden.
  for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!below->get_group().empty()) shape.commands.push_back(ShapeOf(*below));
  }
  return shape;
}

// For who builds packages; people get what it prints installed.
void AddGenerateCommand(Builder* builder) {
  CommandLine& line = builder->line();
  CLI::App* generate =
      builder->Add(&builder->app(), "generate", Command::kGenerate,
                   "Print a shell's completion script for this command, or its manual page",
                   "sluice generate bash");
  generate->add_option("WHAT", line.generate, "bash, zsh, fish or man")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish", "man"}));
  generate->group("");
}

std::string Generated(const std::string& what, const CLI::App& app) {
  const CommandShape shape = ShapeOf(app);
  return what == "man" ? ManualPage(shape) : CompletionScript(what, shape);
}

// The command's own name for the hint behind a usage error: "sluice store get".
std::string CommandPath(const CLI::App& app) {
  std::string path = app.get_name();
  const std::vector<CLI::App*> below = app.get_subcommands();
  return below.empty() ? path : path + " " + CommandPath(*below.front());
}

int FailUsage(const CLI::App& app, const CLI::ParseError& error) {
  std::string what = error.what();
  for (char& c : what) {
    if (c == '\n') c = ' ';
  }
  return Fail(Status(StatusCode::kConfiguration,
                     "command line: " + what + ": see `" + CommandPath(app) + " --help`"));
}

// SLUICE_HOME counts only where --home is not given, at whichever place; CLI11's own envname would
// let the one behind the command's name win over a --home before it.
std::string ResolveHome(const std::string& given) {
  std::string home = given;
  if (home.empty()) {
    const char* environment = std::getenv("SLUICE_HOME");
    home = environment != nullptr && *environment != '\0' ? environment : ".";
  }
  home = std::filesystem::absolute(home).lexically_normal().string();
  if (home.size() > 1 && home.back() == '/') home.pop_back();
  return home;
}

}  // namespace

ParsedCommandLine ParseCommandLine(int argc, char** argv) {
  Builder builder;
  AddNodeCommands(&builder);
  AddConfigCommands(&builder);
  AddStoreCommands(&builder);
  AddStreamCommands(&builder);
  AddProofCommands(&builder);
  AddSinkCommands(&builder);
  AddGenerateCommand(&builder);
  ParsedCommandLine parsed;
  try {
    builder.app().parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    parsed.exit_code = builder.app().exit(asked);
    return parsed;
  } catch (const CLI::ParseError& error) {
    parsed.exit_code = FailUsage(builder.app(), error);
    return parsed;
  }
  if (builder.line().command == Command::kGenerate) {
    builder.line().generated = Generated(builder.line().generate, builder.app());
  }
  builder.line().home = ResolveHome(builder.line().home);
  parsed.command = builder.line();
  return parsed;
}

}  // namespace sluice
