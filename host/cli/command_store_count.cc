// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "cli/store_reading.h"

namespace sluice {

int RunStoreCount(const CommandLine& line) {
  Result<OpenedStore> store = OpenStore(line.home, line.store);
  if (!store) return Fail(store.error());
  Result<uint64_t> keys = CountKeys(*store->view);
  if (!keys) return Fail(keys.error());
  if (line.json) {
    Print("{}\n", CountJson(line.store, *keys));
  } else {
    Print("{}\n", *keys);
  }
  return kExitDone;
}

}  // namespace sluice
