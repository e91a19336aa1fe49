// SPDX-License-Identifier: Apache-2.0
//
// The tree of the `sluice` command as plain data, with nothing of CLI11 in it: what completions and
// the manual page are made of. Threading: plain values.
#pragma once

#include <string>
#include <vector>

namespace sluice {

// What stands in a place of the command line.
enum class ArgumentKind { kText, kFile, kFolder };

struct CommandShape {
  struct Option {
    std::string name;  // "--home"
    std::string description;
    bool takes_value = false;
    ArgumentKind kind = ArgumentKind::kText;
    std::vector<std::string> choices;  // all that it takes; empty: anything
  };
  std::string name;
  std::string description;
  std::vector<std::string> examples;  // whole command lines
  std::vector<Option> options;
  std::string argument_name;                    // "FILE"; several are separated by blanks
  ArgumentKind argument = ArgumentKind::kText;  // without a dash; kText: nothing can be offered
  std::vector<CommandShape> commands;
};

}  // namespace sluice
