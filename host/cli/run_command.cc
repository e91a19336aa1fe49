// SPDX-License-Identifier: Apache-2.0
#include "cli/run_command.h"

#include "base/check.h"

namespace sluice {

int RunCommand(const CommandLine& line) {
  switch (line.command) {
    case Command::kInit:
      return RunInit(line);
    case Command::kStart:
      return RunStart(line);
    case Command::kReplay:
      return RunReplay(line);
    default:
      break;
  }
  SLUICE_CHECK(false, "every command is handled");
}

}  // namespace sluice
