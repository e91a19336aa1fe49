// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cstdio>
#include <string>

#include "base/json_text.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "cli/store_reading.h"

namespace sluice {

int RunStoreScan(const CommandLine& line) {
  Result<OpenedStore> store = OpenStore(line.home, line.store);
  if (!store) return Fail(store.error());
  uint64_t left = line.limit == 0 ? UINT64_MAX : line.limit;
  std::unique_ptr<StoreIterator> at = store->view->Iterate(KeyRange::Prefix(line.prefix), false);
  std::string out;
  for (; at->Valid() && left > 0; at->Next(), --left) {
    out.clear();
    if (line.json) {
      out = "{";
      AppendJsonField(&out, "key", at->key());
      out += ",";
      AppendJsonField(&out, "value", at->value());
      out += "}\n";
    } else {
      out = Printable(at->key()) + "\t" + Printable(at->value()) + "\n";
    }
    PrintBytes(out);
    if (OutputFailed()) break;  // said at the end, by RunCommand
  }
  Status status = at->status();
  return status.ok() ? kExitDone : Fail(status);
}

}  // namespace sluice
