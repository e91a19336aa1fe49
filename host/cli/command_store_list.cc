// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "cli/store_reading.h"

namespace sluice {

int RunStoreList(const CommandLine& line) {
  Result<ReadHome> home = OpenHomeToRead(line.home);
  if (!home) return Fail(home.error());
  const std::shared_ptr<const StateSnapshot> snapshot = home->database->Snapshot();
  for (const std::string& store : home->database->stores()) {
    Result<std::shared_ptr<const StoreView>> view = snapshot->Store(store);
    if (!view) return Fail(view.error());
    Result<uint64_t> keys = CountKeys(**view);
    if (!keys) return Fail(keys.error());
    if (line.json) {
      Print("{}\n", CountJson(store, *keys));
    } else {
      Print("{:<24} {} keys\n", store, *keys);
    }
  }
  return kExitDone;
}

}  // namespace sluice
