// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"

#include <cstdio>
#include <string>

namespace sluice {

int ExitCode(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return kExitDone;
    case StatusCode::kConfiguration:
      return kExitConfiguration;
    case StatusCode::kPlugin:
      return kExitPlugin;
    case StatusCode::kHalted:
      return kExitHalted;
    default:
      return kExitFailed;
  }
}

int Fail(const Status& status) {
  const std::string& message = status.message();
  for (size_t begin = 0; begin <= message.size();) {
    size_t end = message.find('\n', begin);
    if (end == std::string::npos) end = message.size();
    std::fprintf(stderr, "sluice: %s\n", message.substr(begin, end - begin).c_str());
    begin = end + 1;
  }
  return ExitCode(status);
}

}  // namespace sluice
