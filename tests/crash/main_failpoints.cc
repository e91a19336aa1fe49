// SPDX-License-Identifier: Apache-2.0
//
// sluice-failpoints: the shipped program, of the same objects, that dies where a test says.
#include "cli/command_line.h"
#include "cli/run_command.h"
#include "failpoint_rules.h"

int main(int argc, char** argv) {
  sluice::InstallFailpointRules();
  sluice::ParsedCommandLine parsed = sluice::ParseCommandLine(argc, argv);
  if (!parsed.command) return parsed.exit_code;
  return sluice::RunCommand(*parsed.command);
}
