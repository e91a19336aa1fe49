// SPDX-License-Identifier: Apache-2.0
#include "node/node_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

Json ParseOr(const std::string& text, Json otherwise) {
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_discarded() ? std::move(otherwise) : std::move(parsed);
}

Json RangeToJson(const UnackedRange& range) {
  return {{"first", range.first.value()},
          {"last", range.last.value()},
          {"healed", range.healed},
          {"since", FormatTime(range.since_unix_nanos)},
          {"sinks", range.sinks}};
}

Json FilterToJson(const ChangeFilter& filter) {
  Json stores = filter.stores.empty() ? Json::array({"*"}) : Json(filter.stores);
  Json prefixes = Json::array();
  for (const std::string& prefix : filter.key_prefixes) {
    prefixes.push_back(IsUtf8(prefix) ? prefix : "base64:" + ToBase64(prefix));
  }
  return {{"stores", stores}, {"key_prefixes", prefixes}};
}

Json SnapshotToJson(const std::optional<SnapshotProgress>& copy) {
  if (!copy) return nullptr;
  return {{"height", copy->height.value()},
          {"rows", copy->rows},
          {"rows_about", copy->rows_about},
          {"bytes", copy->bytes},
          {"started", FormatTime(copy->started_unix_nanos)}};
}

Json SinkToJson(const SinkStatus& sink) {
  Json error = nullptr;
  if (sink.last_error.time_unix_nanos != 0) {
    error = {{"time", FormatTime(sink.last_error.time_unix_nanos)},
             {"code", sink.last_error.code},
             {"text", sink.last_error.text}};
  }
  Json out;
  out["name"] = sink.name;
  out["plugin"] = sink.plugin;
  out["plugin_version"] = sink.plugin_version;
  out["lifecycle"] = sink.lifecycle;
  out["reason"] = sink.reason;
  out["mode"] = sink.mode;
  out["snapshot"] = SnapshotToJson(sink.snapshot);
  out["counted"] = sink.counted;
  out["level"] = sink.level;
  out["at_least_once"] = sink.at_least_once ? Json(*sink.at_least_once) : Json(nullptr);
  out["watermark"] = sink.watermark.value();
  out["sink_height"] = sink.sink_height ? Json(sink.sink_height->value()) : Json(nullptr);
  out["lag_blocks"] = sink.lag_blocks;
  out["lag_bytes"] = sink.lag_bytes;
  out["lag_seconds"] = sink.lag_seconds;
  out["in_flight"] = sink.in_flight;
  out["queue_bytes"] = sink.queue_bytes;
  out["retries"] = sink.retries;
  out["attempt"] = sink.attempt;
  out["stale_acks"] = sink.stale_acks;
  out["next_retry_at"] = sink.next_retry_at_unix_nanos == 0
                             ? Json(nullptr)
                             : Json(FormatTime(sink.next_retry_at_unix_nanos));
  out["next_retry_seconds"] =
      sink.next_retry_at_unix_nanos == 0
          ? Json(nullptr)
          : Json(std::max<double>(
                0, static_cast<double>(sink.next_retry_at_unix_nanos - WallNanos()) / 1e9));
  out["last_error"] = std::move(error);
  out["filters"] = FilterToJson(sink.filter);
  out["settings"] = ParseOr(sink.settings_json, Json::object());
  Json& metrics = out["metrics"] = Json::object();
  for (const PluginMetrics::Value& metric : sink.metrics) metrics[metric.name] = metric.value;
  return out;
}

std::string Text(const Json& object, const char* key) {
  auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "-";
  if (found->is_string()) return found->get<std::string>();
  return found->dump();
}

// "repairing (connection refused; attempt 3; next in 1.6 s)".
std::string StateCell(const Json& sink) {
  std::string why = Text(sink, "reason");
  if (why == "-") why.clear();
  const std::string lifecycle = Text(sink, "lifecycle");
  if (lifecycle == "repairing") {
    why += fmt::format("; attempt {}", Text(sink, "attempt"));
    const auto left = sink.find("next_retry_seconds");
    if (left != sink.end() && left->is_number()) {
      why += fmt::format("; next in {:.1f} s", left->get<double>());
    }
  }
  return why.empty() ? lifecycle : fmt::format("{} ({})", lifecycle, why);
}

// To the second: enough for a table.
std::string ErrorCell(const Json& sink) {
  constexpr size_t kTimeLength = std::string_view("2026-01-31T12:00:00").size();
  auto error = sink.find("last_error");
  if (error == sink.end() || !error->is_object()) return "-";
  return Text(*error, "time").substr(0, kTimeLength) + "Z " + Text(*error, "text");
}

// Columns as wide as their widest cell.
std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

std::string SinkRows(const Json& sinks) {
  std::vector<std::vector<std::string>> rows = {
      {"SINK", "PLUGIN", "STATE", "MODE", "LEVEL", "WATERMARK", "LAG", "RETRIES", "LAST ERROR"}};
  for (const Json& sink : sinks) {
    rows.push_back({Text(sink, "name"), Text(sink, "plugin"), StateCell(sink), Text(sink, "mode"),
                    Text(sink, "level"), Text(sink, "watermark"), Text(sink, "lag_blocks"),
                    Text(sink, "retries"), ErrorCell(sink)});
  }
  return Table(rows);
}

}  // namespace

std::string SinkTable(const std::string& sinks_json) {
  const Json sinks = ParseOr(sinks_json, Json::array());
  return sinks.empty() ? "there are no sinks\n" : SinkRows(sinks);
}

std::string SinkStateText(const std::string& sink_json) {
  return StateCell(ParseOr(sink_json, Json::object()));
}

std::string SinkJsonToText(const std::string& sink_json) {
  const Json sink = ParseOr(sink_json, Json::object());
  std::vector<std::vector<std::string>> rows = {{"state", StateCell(sink)}};
  for (const auto& [key, value] : sink.items()) {
    if (key == "lifecycle" || key == "reason" || key == "attempt" || value.is_null()) continue;
    if (key == "last_error") {
      rows.push_back({key, ErrorCell(sink)});
    } else if (value.is_object() && value.empty()) {
      continue;
    } else {
      rows.push_back({key, Text(sink, key.c_str())});
    }
  }
  return Table(rows);
}

std::string StatusToJson(const NodeStatus& status, int indent) {
  Json ranges = Json::array();
  for (const UnackedRange& range : status.unacked_ranges) ranges.push_back(RangeToJson(range));
  Json sinks = Json::array();
  for (const SinkStatus& sink : status.sinks) sinks.push_back(SinkToJson(sink));
  Json out;
  out["stream_id"] = status.stream_id;
  out["version"] = status.version;
  out["running"] = status.running;
  out["epoch"] = status.epoch.value();
  out["height"] = status.height.value();
  out["digest"] = status.digest.ToHex();
  out["journaled_height"] = status.journaled_height.value();
  out["uptime_seconds"] = status.uptime_seconds;
  out["degraded"] = status.degraded;
  out["sync"] = status.sync;
  out["blocked"] = status.blocked;
  out["ready"] = status.running && status.not_ready.empty();
  out["not_ready"] = status.not_ready;
  out["metrics_address"] = status.metrics_address;
  out["unacked_ranges"] = std::move(ranges);
  out["last_halt"] = status.last_halt.empty() ? Json(nullptr) : ParseOr(status.last_halt, nullptr);
  out["commit"] = {
      {"policy", status.policy},
      {"policy_text", status.policy_text},
      {"level", status.level},
      {"window", status.window},
      {"waiting_on", status.waiting_on},
      {"gate_seconds", {{"p50", status.gate_p50_seconds}, {"p99", status.gate_p99_seconds}}}};
  out["journal"] = {{"first", status.journal_first.value()},
                    {"last", status.journal_last.value()},
                    {"bytes", status.journal_bytes},
                    {"max_bytes", status.journal_max_bytes}};
  out["sinks"] = std::move(sinks);
  return out.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string StatusJsonToText(const std::string& json) {
  Json status = ParseOr(json, Json::object());
  Json commit = status.value("commit", Json::object());
  Json journal = status.value("journal", Json::object());
  const bool running = status.value("running", false);
  std::string out = fmt::format(
      "stream {}   {}   epoch {}\n"
      "height {}   journaled {}   digest {}\n"
      "policy {} (level {}, window {})\n",
      Text(status, "stream_id"), running ? "running" : "stopped", Text(status, "epoch"),
      Text(status, "height"), Text(status, "journaled_height"),
      Text(status, "digest").substr(0, 16), Text(commit, "policy"), Text(commit, "level"),
      Text(commit, "window"));
  if (!Text(commit, "policy_text").empty()) out += "       " + Text(commit, "policy_text") + "\n";
  std::string waiting;
  for (const Json& name : commit.value("waiting_on", Json::array())) {
    waiting += (waiting.empty() ? "" : ", ") + name.get<std::string>();
  }
  if (!waiting.empty()) out += "waiting on " + waiting + "\n";
  out += fmt::format("journal {} to {}, {} bytes of at most {}\n", Text(journal, "first"),
                     Text(journal, "last"), Text(journal, "bytes"), Text(journal, "max_bytes"));
  if (!status.value("sync", true)) out += "sync is off: a power cut may lose committed heights\n";
  if (std::string blocked = Text(status, "blocked"); !blocked.empty() && blocked != "-") {
    out += "no block is taken: " + blocked + "\n";
  }
  if (status.value("degraded", false)) out += "DEGRADED: heights commit without all acks\n";
  for (const Json& range : status.value("unacked_ranges", Json::array())) {
    out += fmt::format("unacked heights {} to {} ({})\n", Text(range, "first"), Text(range, "last"),
                       range.value("healed", false) ? "healed" : "not healed yet");
  }
  if (auto halt = status.find("last_halt"); halt != status.end() && halt->is_object()) {
    out += fmt::format("last halt {}: {}\n", Text(*halt, "time"), Text(*halt, "reason"));
  }
  const Json sinks = status.value("sinks", Json::array());
  if (!sinks.empty()) out += "\n" + SinkRows(sinks);
  for (const Json& sink : sinks) {
    if (Text(sink, "at_least_once") != "true") continue;
    out += fmt::format("{} is at least once: after a crash its readers may see heights again\n",
                       Text(sink, "name"));
  }
  return out;
}

}  // namespace sluice
