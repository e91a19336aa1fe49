// SPDX-License-Identifier: Apache-2.0
#include "cli/run_command.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "cli/exit_code.h"
#include "cli/output.h"

namespace sluice {
namespace {

int Dispatch(const CommandLine& line) {
  switch (line.command) {
    case Command::kInit:
      return RunInit(line);
    case Command::kStart:
      return RunStart(line);
    case Command::kReplay:
      return RunReplay(line);
    case Command::kConfigCheck:
      return RunConfigCheck(line);
    case Command::kConfigShow:
      return RunConfigShow(line);
    case Command::kConfigReference:
      return RunConfigReference(line);
    case Command::kConfigReload:
      return RunConfigReload(line);
    case Command::kStatus:
      return RunStatus(line);
    case Command::kStoreList:
      return RunStoreList(line);
    case Command::kStoreGet:
      return RunStoreGet(line);
    case Command::kStoreScan:
      return RunStoreScan(line);
    case Command::kStoreCount:
      return RunStoreCount(line);
    case Command::kStreamDump:
      return RunStreamDump(line);
    case Command::kStreamVerify:
      return RunStreamVerify(line);
    case Command::kVerify:
      return RunVerify(line);
    case Command::kJournalList:
      return RunJournalList(line);
    case Command::kJournalVerify:
      return RunJournalVerify(line);
    case Command::kPluginInspect:
      return RunPluginInspect(line);
    case Command::kSinkList:
      return RunSinkList(line);
    case Command::kSinkShow:
      return RunSinkShow(line);
    case Command::kSinkSuspend:
    case Command::kSinkResume:
    case Command::kSinkRepair:
    case Command::kSinkRestart:
    case Command::kSinkReset:
    case Command::kSinkSnapshot:
    case Command::kSinkRemove:
      return RunSinkCommand(line);
    case Command::kSinkProvision:
      return RunSinkProvision(line);
    case Command::kBench:
      return RunBench(line);
    case Command::kGenerate:
      break;
  }
  PrintBytes(line.generated);
  return kExitDone;
}

}  // namespace

int RunCommand(const CommandLine& line) {
  int exit_code = Dispatch(line);
  // What was asked for must have arrived: an answer cut short by a full disk is no answer.
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (!written && errno == EPIPE) return exit_code;  // the reader has seen enough
  if (!written && exit_code == kExitDone) {
    return Fail(Status(StatusCode::kIo, std::string("standard output: cannot write: ") +
                                            std::strerror(errno) + ": is the disk full?"));
  }
  return exit_code;
}

}  // namespace sluice
