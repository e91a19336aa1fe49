// SPDX-License-Identifier: Apache-2.0
#include "cli/manual_page.h"

#include <fmt/core.h>

#include "base/version.h"

namespace sluice {
namespace {

constexpr char kExitStatus[] =
    ".SH EXIT STATUS\n"
    ".TP\n0\ndone\n"
    ".TP\n1\nfailed at run time\n"
    ".TP\n2\nusage or configuration\n"
    ".TP\n3\na plugin could not be loaded or started, and the policy cannot hold without it\n"
    ".TP\n75\nhalted by the ack policy; nothing is lost, and it may be started again\n";
constexpr char kFiles[] =
    ".SH FILES\n"
    ".TP\n.I HOME/config/app.toml\nthe configuration; or app.yaml, with the same keys\n"
    ".TP\n.I HOME/data\nthe database, and what file sinks write where they are told nothing else\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B SLUICE_HOME\nthe home, where \\-\\-home is not given\n"
    ".TP\n.B SLUICE_SECTION__KEY\noverrides a setting: SLUICE_COMMIT__ACK_TIMEOUT=5s\n";

// Text between macros: no character of it is taken for one.
std::string Roff(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    if (c == '-') {
      escaped += "\\-";
    } else if (c == '\\') {
      escaped += "\\e";
    } else {
      escaped += c;
    }
  }
  const bool looks_like_macro = !escaped.empty() && (escaped[0] == '.' || escaped[0] == '\'');
  return looks_like_macro ? "\\&" + escaped : escaped;
}

std::string OptionRow(const CommandShape::Option& option) {
  std::string value;
  for (const std::string& choice : option.choices) value += (value.empty() ? "" : "|") + choice;
  if (value.empty()) value = option.kind == ArgumentKind::kFolder ? "DIR" : "VALUE";
  return fmt::format(".TP\n.B {}{}\n{}\n", Roff(option.name),
                     option.takes_value ? " " + Roff(value) : "", Roff(option.description));
}

bool IsCommon(const CommandShape& root, const CommandShape::Option& option) {
  for (const CommandShape::Option& common : root.options) {
    if (common.name == option.name) return true;
  }
  return false;
}

void AppendCommands(const CommandShape& root, const CommandShape& command, const std::string& above,
                    std::string* page) {
  for (const CommandShape& below : command.commands) {
    const std::string path = above + " " + below.name;
    if (below.commands.empty()) {
      *page += fmt::format(".SS {}{}\n{}\n", Roff(path),
                           below.argument_name.empty() ? "" : " " + below.argument_name,
                           Roff(below.description));
      for (const CommandShape::Option& option : below.options) {
        if (!IsCommon(root, option)) *page += OptionRow(option);
      }
      for (const std::string& example : below.examples) {
        *page += fmt::format(".PP\n.RS\n.nf\n{}\n.fi\n.RE\n", Roff(example));
      }
    }
    AppendCommands(root, below, path, page);
  }
}

}  // namespace

std::string ManualPage(const CommandShape& root) {
  std::string page = fmt::format(
      ".TH SLUICE 1 \"\" \"sluice {}\" \"User Commands\"\n.SH NAME\nsluice \\- key\\-value stores "
      "whose every change is streamed\n.SH SYNOPSIS\n.B sluice\n[\\-\\-home DIR] COMMAND …\n"
      ".SH DESCRIPTION\nA node keeps named key\\-value stores and streams every change of them to "
      "sinks. A block of changes commits when the sinks that the operator named have acknowledged "
      "it. The documents are in /usr/share/doc/sluice.\n.SH OPTIONS\nBefore and behind each "
      "command's name:\n",
      Roff(SluiceVersion()));
  for (const CommandShape::Option& option : root.options) page += OptionRow(option);
  page += ".SH COMMANDS\n";
  AppendCommands(root, root, root.name, &page);
  return page + kExitStatus + kFiles;
}

}  // namespace sluice
