// SPDX-License-Identifier: Apache-2.0
#include "node/sink_notes.h"

#include <nlohmann/json.hpp>

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kRunning[] = "running";

bool IsWorthNoting(const SinkStatus& sink) {
  if (sink.reason == SuspendReasonName(SuspendReason::kDisabled)) return false;
  return sink.lifecycle != kRunning || sink.mode == "lost" || sink.last_error.time_unix_nanos != 0;
}

Json NoteOf(const SinkStatus& sink) {
  Json note = {{"name", sink.name},
               {"lifecycle", sink.lifecycle},
               {"reason", sink.reason},
               {"mode", sink.mode}};
  if (sink.sink_height) note["sink_height"] = sink.sink_height->value();
  if (sink.last_error.time_unix_nanos != 0) {
    note["error"] = {{"time_unix_nanos", sink.last_error.time_unix_nanos},
                     {"code", sink.last_error.code},
                     {"text", sink.last_error.text}};
  }
  return note;
}

// A state that passes says nothing of a node that has ended; its mode may.
std::string ReasonOf(const Json& note) {
  const std::string lifecycle = note.at("lifecycle");
  if (lifecycle == "suspended" || note.at("mode") == "ahead") return note.at("reason");
  return lifecycle == "repairing" ? lifecycle : "";
}

void Apply(const Json& note, SinkStatus* sink) {
  sink->reason = ReasonOf(note);
  if (note.at("mode") == "ahead" || note.at("mode") == "lost") sink->mode = note.at("mode");
  if (note.contains("sink_height")) {
    sink->sink_height = Height(note.at("sink_height").get<uint64_t>());
  }
  if (note.contains("error")) {
    const Json& error = note.at("error");
    sink->last_error = {error.at("time_unix_nanos"), error.at("code"), error.at("text")};
  }
}

}  // namespace

std::string EncodeSinkNotes(const std::vector<SinkStatus>& sinks) {
  Json notes = Json::array();
  for (const SinkStatus& sink : sinks) {
    if (IsWorthNoting(sink)) notes.push_back(NoteOf(sink));
  }
  return notes.empty() ? "" : notes.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void ApplySinkNotes(const std::string& record, SinkStatus* sink) {
  const Json notes = Json::parse(record, nullptr, false);
  if (!notes.is_array()) return;
  for (const Json& note : notes) {
    SinkStatus noted = *sink;
    // The seam at which the library's exceptions end: a note of another shape is no note.
    try {
      if (note.at("name") != sink->name) continue;
      Apply(note, &noted);
    } catch (const Json::exception&) {
      continue;
    }
    *sink = std::move(noted);
    return;
  }
}

}  // namespace sluice
