// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "cli/exit_code.h"
#include "cli/named_sink.h"
#include "cli/output.h"
#include "cli/read_home.h"
#include "cli/run_command.h"
#include "cli/store_reading.h"
#include "node/verify.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

// Examples are for people; a value of megabytes would hide the others.
constexpr size_t kShownBytes = 256;

const char* KindName(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::kMissing:
      return "missing";
    case DifferenceKind::kExtra:
      return "extra";
    case DifferenceKind::kDifferent:
      break;
  }
  return "different";
}

void AddBytes(Json* out, const std::string& name, const std::string& bytes) {
  std::string shown = bytes.substr(0, kShownBytes);
  if (IsUtf8(shown)) {
    (*out)[name] = shown;
  } else {
    (*out)[name + "_base64"] = ToBase64(shown);
  }
  if (shown.size() < bytes.size()) (*out)[name + "_bytes"] = bytes.size();
}

Json ExampleToJson(const Difference& difference) {
  Json out = {{"kind", KindName(difference.kind)}, {"store", difference.store}};
  AddBytes(&out, "key", difference.key);
  if (difference.expected) AddBytes(&out, "expected", *difference.expected);
  if (difference.found) AddBytes(&out, "found", *difference.found);
  return out;
}

std::string ReportToJson(const std::string& sink, const VerifyReport& report) {
  Json stores = Json::object();
  for (const StoreComparison& store : report.stores) {
    stores[store.store] = {{"keys", store.keys},
                           {"missing", store.missing},
                           {"extra", store.extra},
                           {"different", store.different}};
  }
  Json examples = Json::array();
  for (const Difference& difference : report.examples) {
    examples.push_back(ExampleToJson(difference));
  }
  Json out = {{"sink", sink},
              {"height", report.height.value()},
              {"digest", report.digest.ToHex()},
              {"equal", report.equal},
              {"sink_height", report.sink_height.value()},
              {"ahead", report.ahead},
              {"complete", report.complete},
              {"from", report.from.value()},
              {"from_snapshot", report.from_snapshot},
              {"digest_checked", report.digest_checked},
              {"stores", std::move(stores)},
              {"examples", std::move(examples)}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string Shown(const std::optional<std::string>& value) {
  if (!value) return "(absent)";
  return Printable(std::string_view(*value).substr(0, kShownBytes)) +
         (value->size() > kShownBytes ? fmt::format("… ({} bytes)", value->size()) : "");
}

std::string ReportToText(const std::string& sink, const VerifyReport& report) {
  uint64_t keys = 0;
  std::string text;
  for (const StoreComparison& store : report.stores) {
    keys += store.keys;
    text += fmt::format("store {}: {} keys compared, {} missing, {} extra, {} different\n",
                        store.store, store.keys, store.missing, store.extra, store.different);
  }
  for (const Difference& difference : report.examples) {
    text +=
        fmt::format("{} {} {}: store {}, sink {}\n", KindName(difference.kind), difference.store,
                    Printable(difference.key), Shown(difference.expected), Shown(difference.found));
  }
  text += fmt::format("sink {}: {} at height {}: {} keys compared", sink,
                      report.equal ? "equal" : "NOT EQUAL", report.height, keys);
  if (report.ahead) {
    text += fmt::format(
        "; the sink stands at {}, above the node: it holds heights that the node "
        "does not have",
        report.sink_height);
  }
  if (report.from_snapshot) text += fmt::format(", from a snapshot at {}", report.from);
  if (report.digest_checked) text += ", every digest computed again";
  if (!report.complete) {
    text += fmt::format("; not complete: the sink is filtered or holds heights from {} only",
                        report.from);
  }
  return text + "\n";
}

Result<VerifyReport> Verify(const CommandLine& line) {
  SLUICE_ASSIGN_OR_RETURN(const NamedSink named, LoadNamedSink(line.home, line.sink));
  const Config& config = named.config;
  const PreparedSink& sink = named.sink;

  // The stores first: a sink of a running node is then at their height or above it.
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                          OpenDatabaseToRead(config, line.home));
  const std::shared_ptr<const StateSnapshot> snapshot = database->Snapshot();
  VerifyOptions options;
  options.stream_id = config.node.stream_id;
  options.stores = database->stores();
  options.filter = sink.settings.filter;
  options.journaled = [&]() -> Result<Height> {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Database> now,
                            OpenDatabaseToRead(config, line.home));
    return now->journaled_height();
  };
  options.digest_at = [&](Height height) -> std::optional<Digest> {
    const Result<Digest> digest = database->JournalDigest(height);
    return digest ? std::optional<Digest>(*digest) : std::nullopt;
  };
  ReadbackArgs args;
  args.settings_json = sink.settings.settings_json;
  args.stream_id = config.node.stream_id;
  args.sink = sink.settings.name;
  args.home = line.home;
  args.last_height = snapshot->height();
  return VerifySink(
      *snapshot, [&] { return sink.library->OpenReadback(args); }, options);
}

}  // namespace

int RunVerify(const CommandLine& line) {
  Result<VerifyReport> report = Verify(line);
  if (!report) {
    const StatusCode code = report.error().code();
    const bool names_it = code == StatusCode::kConfiguration || code == StatusCode::kPlugin;
    return Fail(names_it ? report.error()
                         : report.error().WithContext("verify: sink " + line.sink));
  }
  PrintBytes(line.json ? ReportToJson(line.sink, *report) : ReportToText(line.sink, *report));
  return report->equal ? kExitDone : kExitFailed;
}

}  // namespace sluice
