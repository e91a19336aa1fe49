// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "cli/stream_reading.h"

namespace sluice {
namespace {

std::string ToJson(const StreamCheck& check) {
  const bool holds_nothing = check.last == 0;
  nlohmann::ordered_json out = {{"stream", check.stream},
                                {"first", check.first},
                                {"last", check.last},
                                {"segments", check.segments},
                                {"frames", check.frames},
                                {"bytes", check.bytes},
                                {"torn_bytes", check.torn_bytes},
                                {"digest", holds_nothing ? "" : check.digest.ToHex()},
                                {"digest_checked", check.digest_checked},
                                {"ok", check.status.ok()}};
  if (check.snapshot_height > 0) {
    out["snapshot"] = {{"height", check.snapshot_height}, {"rows", check.snapshot_rows}};
  }
  if (!check.status.ok()) {
    out["error"] = {
        {"file", check.file}, {"offset", check.offset}, {"text", check.status.message()}};
  }
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string ToText(const StreamCheck& check) {
  if (check.last == 0 && check.torn_bytes == 0) return "the stream is empty\n";
  std::string text =
      fmt::format("stream {}: heights {} to {} in {} files, {} bytes\n", check.stream, check.first,
                  check.last, check.segments, check.bytes);
  if (check.snapshot_height > 0) {
    text += fmt::format("it begins with a snapshot at height {}: {} rows\n", check.snapshot_height,
                        check.snapshot_rows);
  }
  text += check.digest_checked ? "every digest was computed again and is right\n"
                               : "digests were not checked: the stream is filtered, or is jsonl\n";
  if (check.last > 0) text += "digest " + check.digest.ToHex() + "\n";
  if (check.torn_bytes > 0) {
    text += fmt::format("{} bytes of a torn tail: normal after a crash, cut at the next start\n",
                        check.torn_bytes);
  }
  return text;
}

}  // namespace

int RunStreamVerify(const CommandLine& line) {
  const StreamCheck check = CheckStream(line.path);
  if (line.json) {
    PrintBytes(ToJson(check) + "\n");
  } else if (check.status.ok()) {
    PrintBytes(ToText(check));
  }
  return check.status.ok() ? kExitDone : Fail(check.status);
}

}  // namespace sluice
