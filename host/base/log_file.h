// SPDX-License-Identifier: Apache-2.0
//
// The file that log lines go to instead of standard error, where `log.file` names one. For who
// rotates it: rename the file, then have it opened again; no line is lost or cut between the two.
//
// Threading: OpenLogFile before other threads log; the others from any.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/status.h"

namespace sluice {

// Lines are appended to `path` from here on; its folder is created. An empty path: to standard
// error. kIo: it cannot be opened; lines go where they went before.
Status OpenLogFile(const std::filesystem::path& path);

// Opens the same path anew, and creates it where it was renamed. OK where there is no log file.
// kIo: lines go on into the file that was open before.
Status ReopenLogFile();

// One line, to which '\n' is added. False: there is no log file, or it could not take the line.
bool AppendToLogFile(std::string_view line);

}  // namespace sluice
