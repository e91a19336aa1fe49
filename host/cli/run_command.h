// SPDX-License-Identifier: Apache-2.0
//
// The commands, one function and one source file each. Every one prints what was asked for to
// standard output, everything else to standard error, and returns the process's exit code.
// Threading: the main thread.
#pragma once

#include "cli/command_line.h"

namespace sluice {

int RunCommand(const CommandLine& line);

int RunInit(const CommandLine& line);
int RunStart(const CommandLine& line);
int RunReplay(const CommandLine& line);
int RunConfigCheck(const CommandLine& line);
int RunConfigShow(const CommandLine& line);
int RunConfigReference(const CommandLine& line);
int RunConfigReload(const CommandLine& line);
int RunStatus(const CommandLine& line);
int RunStoreList(const CommandLine& line);
int RunStoreGet(const CommandLine& line);
int RunStoreScan(const CommandLine& line);
int RunStoreCount(const CommandLine& line);
int RunStreamDump(const CommandLine& line);
int RunStreamVerify(const CommandLine& line);
int RunVerify(const CommandLine& line);
int RunJournalList(const CommandLine& line);
int RunJournalVerify(const CommandLine& line);
int RunPluginInspect(const CommandLine& line);
int RunSinkList(const CommandLine& line);
int RunSinkShow(const CommandLine& line);
int RunSinkCommand(const CommandLine& line);  // suspend, resume, repair, restart, reset, remove
int RunSinkProvision(const CommandLine& line);
int RunBench(const CommandLine& line);

}  // namespace sluice
