// SPDX-License-Identifier: Apache-2.0
//
// A line that is accepted, written again from what was understood, is understood in the same way.
// Every line is read as it is, with other bytes behind it: what stands there must never matter.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"
#include "base/json_text.h"
#include "base/log.h"
#include "driver/replay/json_scanner.h"
#include "driver/replay/line_parser.h"

namespace {

using sluice::Block;
using sluice::LineKind;
using sluice::OperationKind;

struct Outcome {
  Block block;
  sluice::ParsedLine parsed;
  std::optional<sluice::LineError> error;
};

Outcome Parse(std::string_view line, char behind) {
  static sluice::LineParser parser({"main", "orders", "flights", "airports"});
  std::string padded(line);
  padded += '\n';
  padded.append(sluice::LineParser::kPadding, behind);
  Outcome outcome;
  outcome.error = parser.Parse(std::string_view(padded).substr(0, line.size()), &outcome.block,
                               &outcome.parsed);
  return outcome;
}

void WriteOperation(const sluice::Operation& operation, std::string* out) {
  constexpr std::string_view kNames[] = {"set", "delete", "require"};
  out->append("{\"op\":\"").append(kNames[static_cast<int>(operation.kind)]).append("\",");
  sluice::AppendJsonField(out, "store", operation.store);
  out->push_back(',');
  sluice::AppendJsonField(out, "key", operation.key);
  if (operation.value) {
    out->push_back(',');
    sluice::AppendJsonField(out, "value", *operation.value);
  } else if (operation.kind == OperationKind::kRequire) {
    out->append(",\"value\":null");
  }
  out->push_back('}');
}

std::string Write(const Block& block) {
  std::string out = "{";
  if (block.height) out += "\"height\":" + std::to_string(block.height->value()) + ",";
  out += "\"time\":\"" + sluice::FormatTime(block.time_unix_nanos) + "\",\"txs\":[";
  for (size_t t = 0; t < block.transactions.size(); ++t) {
    out += t == 0 ? "{\"ops\":[" : ",{\"ops\":[";
    const auto& operations = block.transactions[t].operations;
    for (size_t o = 0; o < operations.size(); ++o) {
      if (o > 0) out += ',';
      WriteOperation(operations[o], &out);
    }
    out += "]}";
  }
  return out + "]}";
}

void Try(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  Outcome outcome = Parse(line, '"');
  Outcome again = Parse(line, '}');
  SLUICE_CHECK(outcome.error.has_value() == again.error.has_value(),
               "bytes behind a line decide whether it is accepted");
  if (outcome.error) {
    SLUICE_CHECK(outcome.error->column == again.error->column,
                 "bytes behind a line move its error");
    SLUICE_CHECK(outcome.error->column >= 1 && outcome.error->column <= line.size() + 1,
                 "an error outside of its line");
    return;
  }
  SLUICE_CHECK(!sluice::ScanJsonLine(line), "an accepted line is not JSON");
  std::string written = Write(outcome.block);
  Outcome reread = Parse(written, ' ');
  SLUICE_CHECK(!reread.error, "what was understood cannot be read again");
  SLUICE_CHECK(Write(reread.block) == written, "what was understood is understood differently");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // An input may hold several lines; the parser is used for one after another, as by the driver.
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty()) {
    size_t end = text.find('\n');
    Try(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return 0;
}
