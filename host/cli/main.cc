// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"
#include "cli/run_command.h"

int main(int argc, char** argv) {
  sluice::ParsedCommandLine parsed = sluice::ParseCommandLine(argc, argv);
  if (!parsed.command) return parsed.exit_code;
  return sluice::RunCommand(*parsed.command);
}
