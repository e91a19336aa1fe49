// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/version.h"
#include "cli/exit_code.h"

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
    app->add_option("--home", line_.home, "The node's home folder")->envname("SLUICE_HOME");
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
                   "Feed blocks from a file, wait until all is committed and every sink is level",
                   "sluice --home /var/lib/sluice replay blocks.jsonl.zst");
  replay->add_option("FILE", line.path, "JSON Lines, plain, .gz or .zst; - is standard input")
      ->required();
  replay->add_option("--source", line.source, "The source's name in the recorded position");
  replay
      ->add_option("--block-txs", line.block_txs,
                   "Transactions a block, for lines that are no blocks")
      ->check(CLI::PositiveNumber);
}

}  // namespace

ParsedCommandLine ParseCommandLine(int argc, char** argv) {
  Builder builder;
  AddNodeCommands(&builder);
  ParsedCommandLine parsed;
  try {
    builder.app().parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    parsed.exit_code = builder.app().exit(error) == 0 ? kExitDone : kExitConfiguration;
    return parsed;
  }
  CommandLine& line = builder.line();
  std::filesystem::path home = line.home.empty() ? "." : line.home;
  line.home = std::filesystem::absolute(home).lexically_normal().string();
  if (line.home.size() > 1 && line.home.back() == '/') line.home.pop_back();
  parsed.command = line;
  return parsed;
}

}  // namespace sluice
