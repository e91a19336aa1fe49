// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cstdio>
#include <optional>

#include "base/bytes.h"
#include "base/json_text.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "cli/store_reading.h"

namespace sluice {

int RunStoreGet(const CommandLine& line) {
  std::string key = line.key;
  if (line.key_is_base64) {
    std::optional<std::string> bytes = FromBase64(line.key);
    if (!bytes) {
      return Fail(Status(StatusCode::kConfiguration,
                         fmt::format("store get: '{}' is not base64: write it as RFC 4648 says, "
                                     "with padding",
                                     line.key)));
    }
    key = std::move(*bytes);
  }
  Result<OpenedStore> store = OpenStore(line.home, line.store);
  if (!store) return Fail(store.error());
  Result<std::optional<std::string>> value = store->view->Get(key);
  if (!value) return Fail(value.error());
  if (!*value) {
    return Fail(
        Status(StatusCode::kNotFound,
               fmt::format("store {}: there is no key '{}' at height {}: `sluice store scan "
                           "{} --prefix …` shows what is there",
                           line.store, Printable(key), store->snapshot->height(), line.store)));
  }
  std::string out;
  if (line.json) {
    out = "{";
    AppendJsonField(&out, "key", key);
    out += ",";
    AppendJsonField(&out, "value", **value);
    out += "}\n";
  } else {
    // The bytes as they are, whatever they are: a shell may pipe them on.
    out = **value + "\n";
  }
  PrintBytes(out);
  return kExitDone;
}

}  // namespace sluice
