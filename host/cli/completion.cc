// SPDX-License-Identifier: Apache-2.0
//
// All three scripts work alike: they go through the words before the one to be completed, stepping
// over the values of options, to the command that it belongs to, "sluice config check"; what can
// stand there is a row of a `case`.
#include "cli/completion.h"

#include <fmt/core.h>

#include <functional>
#include <vector>

namespace sluice {
namespace {

constexpr char kMadeBy[] = "made by `sluice generate {}`; not to be edited";

using Visit = std::function<void(const std::string& path, const CommandShape&)>;

void ForEach(const CommandShape& command, const std::string& above, const Visit& visit) {
  const std::string path = above.empty() ? command.name : above + " " + command.name;
  visit(path, command);
  for (const CommandShape& below : command.commands) ForEach(below, path, visit);
}

// In single quotes, for any of the shells.
std::string Quoted(const std::string& text, std::string_view quote_within) {
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'') {
      quoted += quote_within;
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}
std::string ShQuoted(const std::string& text) { return Quoted(text, "'\\''"); }
std::string FishQuoted(const std::string& text) { return Quoted(text, "\\'"); }

std::string Joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

// Every "path --option" that takes a value, and every path but the root's, for the walk.
struct Walk {
  std::vector<std::string> values;
  std::vector<std::string> commands;
};

Walk WalkOf(const CommandShape& root) {
  Walk walk;
  ForEach(root, "", [&](const std::string& path, const CommandShape& command) {
    if (path != root.name) walk.commands.push_back(ShQuoted(path));
    for (const CommandShape::Option& option : command.options) {
      if (option.takes_value) walk.values.push_back(ShQuoted(path + " " + option.name));
    }
  });
  return walk;
}

// For bash and zsh: `first` is the first word behind the program's name, `current` the one to be
// completed.
std::string ShWalk(const CommandShape& root, std::string_view first, std::string_view current,
                   std::string_view word) {
  const Walk walk = WalkOf(root);
  return fmt::format(
      "  local at={} i\n"
      "  for ((i = {}; i < {}; ++i)); do\n"
      "    case \"$at {}\" in\n"
      "      {}) ((++i)) ;;\n"
      "      {}) at=\"$at {}\" ;;\n"
      "    esac\n"
      "  done\n",
      root.name, first, current, word, Joined(walk.values, " | \\\n        "),
      Joined(walk.commands, " | \\\n        "), word);
}

std::string BashOffer(ArgumentKind kind, const std::vector<std::string>& words) {
  if (!words.empty()) {
    return fmt::format("mapfile -t COMPREPLY < <(compgen -W {} -- \"$cur\")",
                       ShQuoted(Joined(words, " ")));
  }
  if (kind == ArgumentKind::kText) return ":";
  return fmt::format(
      "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen {} -- \"$cur\")",
      kind == ArgumentKind::kFolder ? "-d" : "-f");
}

std::string BashScript(const CommandShape& root) {
  std::string script = "# bash completion for sluice; ";
  script += fmt::format(fmt::runtime(kMadeBy), "bash");
  script += "\n_sluice() {\n  COMPREPLY=()\n  local cur=${COMP_WORDS[COMP_CWORD]}\n";
  script += ShWalk(root, "1", "COMP_CWORD", "${COMP_WORDS[i]}");
  script += "  if ((i > COMP_CWORD)); then\n    case \"$at ${COMP_WORDS[COMP_CWORD-1]}\" in\n";
  std::string places;
  ForEach(root, "", [&](const std::string& path, const CommandShape& command) {
    std::vector<std::string> options;
    for (const CommandShape::Option& option : command.options) {
      options.push_back(option.name);
      if (!option.takes_value) continue;
      script += fmt::format("      {}) {} ;;\n", ShQuoted(path + " " + option.name),
                            BashOffer(option.kind, option.choices));
    }
    std::vector<std::string> commands;
    for (const CommandShape& below : command.commands) commands.push_back(below.name);
    places += fmt::format(
        "    {})\n      if [[ $cur == -* ]]; then\n        {}\n      else\n        {}\n      fi "
        ";;\n",
        ShQuoted(path), BashOffer(ArgumentKind::kText, options),
        BashOffer(command.argument, commands));
  });
  script += "    esac\n    return\n  fi\n  case \"$at\" in\n" + places;
  return script + "  esac\n}\ncomplete -F _sluice sluice\n";
}

// "name:description" rows for zsh's _describe, which knows a colon in the name only as "\:".
std::string ZshRow(const std::string& name, const std::string& description) {
  return ShQuoted(name + ":" + description);
}

std::string ZshOffer(ArgumentKind kind) {
  if (kind == ArgumentKind::kText) return "_message 'any text'";
  return kind == ArgumentKind::kFolder ? "_files -/" : "_files";
}

std::string ZshScript(const CommandShape& root) {
  std::string script = "#compdef sluice\n# ";
  script += fmt::format(fmt::runtime(kMadeBy), "zsh");
  script += "\n_sluice() {\n  local -a offered\n";
  script += ShWalk(root, "2", "CURRENT", "${words[i]}");
  script += "  if ((i > CURRENT)); then\n    case \"$at ${words[CURRENT-1]}\" in\n";
  std::string places;
  ForEach(root, "", [&](const std::string& path, const CommandShape& command) {
    std::string options;
    for (const CommandShape::Option& option : command.options) {
      options += " " + ZshRow(option.name, option.description);
      if (!option.takes_value) continue;
      script += fmt::format("      {}) {} ;;\n", ShQuoted(path + " " + option.name),
                            option.choices.empty() ? ZshOffer(option.kind)
                                                   : "compadd " + Joined(option.choices, " "));
    }
    std::string commands;
    for (const CommandShape& below : command.commands) {
      commands += " " + ZshRow(below.name, below.description);
    }
    const std::string words =
        commands.empty() ? ZshOffer(command.argument)
                         : fmt::format("offered=({} ); _describe command offered", commands);
    places += fmt::format(
        "    {})\n      if [[ ${{words[CURRENT]}} == -* ]]; then\n"
        "        offered=({} ); _describe option offered\n      else\n        {}\n      fi ;;\n",
        ShQuoted(path), options, words);
  });
  script += "    esac\n    return\n  fi\n  case \"$at\" in\n" + places;
  return script + "  esac\n}\n_sluice \"$@\"\n";
}

std::string FishOption(const std::string& path, const CommandShape::Option& option) {
  std::string line =
      fmt::format("complete -c sluice -n {} -l {} -d {}", FishQuoted("__sluice_at " + path),
                  option.name.substr(2), FishQuoted(option.description));
  if (!option.takes_value) return line + "\n";
  if (!option.choices.empty())
    return line + " -x -a " + FishQuoted(Joined(option.choices, " ")) + "\n";
  if (option.kind == ArgumentKind::kFolder)
    return line + " -x -a '(__fish_complete_directories)'\n";
  return line + (option.kind == ArgumentKind::kFile ? " -r\n" : " -x\n");
}

std::string FishScript(const CommandShape& root) {
  const Walk walk = WalkOf(root);
  std::string script = "# fish completion for sluice; ";
  script += fmt::format(fmt::runtime(kMadeBy), "fish");
  script += fmt::format(
      "\nfunction __sluice_at\n"
      "    set -l words (commandline -opc)\n"
      "    set -l at {}\n"
      "    set -l i 2\n"
      "    while test $i -le (count $words)\n"
      "        switch \"$at $words[$i]\"\n"
      "            case {}\n"
      "                set i (math $i + 1)\n"
      "            case {}\n"
      "                set at \"$at $words[$i]\"\n"
      "        end\n"
      "        set i (math $i + 1)\n"
      "    end\n"
      "    test \"$at\" = \"$argv\"\n"
      "end\n"
      "complete -c sluice -f\n",
      root.name, Joined(walk.values, " "), Joined(walk.commands, " "));
  ForEach(root, "", [&](const std::string& path, const CommandShape& command) {
    for (const CommandShape::Option& option : command.options) script += FishOption(path, option);
    for (const CommandShape& below : command.commands) {
      script +=
          fmt::format("complete -c sluice -n {} -a {} -d {}\n", FishQuoted("__sluice_at " + path),
                      below.name, FishQuoted(below.description));
    }
    if (command.argument != ArgumentKind::kText) {
      script += fmt::format("complete -c sluice -n {} -F\n", FishQuoted("__sluice_at " + path));
    }
  });
  return script;
}

}  // namespace

std::string CompletionScript(std::string_view shell, const CommandShape& root) {
  if (shell == "zsh") return ZshScript(root);
  if (shell == "fish") return FishScript(root);
  return BashScript(root);
}

}  // namespace sluice
