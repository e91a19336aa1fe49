// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/sink_record.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;

// The seam at which the library's exceptions end is DecodeSinkRecord.
SinkRecord Read(const Json& json) {
  SinkRecord record;
  const auto state = [&](const char* key) {
    const std::string name = json.at(key);
    const std::optional<LifecycleState> found = LifecycleStateNamed(name);
    if (!found) throw std::invalid_argument(fmt::format("{} is '{}'", key, name));
    return *found;
  };
  record.name = json.at("name");
  record.state = state("state");
  const std::string reason = json.at("reason");
  const std::optional<SuspendReason> found = SuspendReasonNamed(reason);
  if (!found) throw std::invalid_argument(fmt::format("reason is '{}'", reason));
  record.reason = *found;
  if (json.contains("repair")) {
    const Json& repair = json.at("repair");
    const std::string origin = repair.at("origin");
    record.origin = LifecycleStateNamed(origin).value_or(LifecycleState::kInitializing);
    const StatusCode code = StatusCodeNamed(repair.at("code").get<std::string>());
    record.error = Status(code, repair.at("text").get<std::string>());
    record.error_at_unix_nanos = repair.at("error_at_unix_nanos");
    record.attempt = repair.at("attempt");
    record.next_at_unix_nanos = repair.at("next_at_unix_nanos");
  }
  record.suspended_by_operator = json.at("suspended_by_operator");
  record.deleted = json.at("deleted");
  record.plugin = json.at("plugin");
  record.library_sha256 = json.at("library_sha256");
  record.abi_minor = json.at("abi_minor");
  record.configuration = json.at("configuration");
  record.epoch = Epoch(json.at("epoch").get<uint64_t>());
  record.watermark = Height(json.at("watermark").get<uint64_t>());
  record.partial_after = Height(json.value("partial_after", uint64_t{0}));
  if (json.contains("task")) {
    record.task.id = json.at("task").at("id");
    record.task.begun_at_unix_nanos = json.at("task").at("begun_at_unix_nanos");
  }
  record.reset = json.value("reset", false);
  record.refused_epoch = Epoch(json.value("refused_epoch", uint64_t{0}));
  record.snapshot = json.value("snapshot", false);
  return record;
}

SinkState Broken(SinkState state, RecoverOnStart recover) {
  if (recover == RecoverOnStart::kNever) {
    state.state = LifecycleState::kSuspended;
    if (!IsFault(state.reason)) state.reason = SuspendReason::kExhausted;
    return state;
  }
  state.reason = SuspendReason::kNone;
  state.until_used = recover == RecoverOnStart::kOnFirstUse;
  return state;
}

}  // namespace

std::string EncodeSinkRecord(const SinkRecord& record) {
  Json json = {{"schema", kSchema},
               {"name", record.name},
               {"state", LifecycleStateName(record.state)},
               {"reason", SuspendReasonName(record.reason)}};
  if (record.attempt > 0 || !record.error.ok()) {
    json["repair"] = {{"origin", LifecycleStateName(record.origin)},
                      {"code", StatusCodeName(record.error.code())},
                      {"text", record.error.message()},
                      {"error_at_unix_nanos", record.error_at_unix_nanos},
                      {"attempt", record.attempt},
                      {"next_at_unix_nanos", record.next_at_unix_nanos}};
  }
  json["suspended_by_operator"] = record.suspended_by_operator;
  json["deleted"] = record.deleted;
  json["plugin"] = record.plugin;
  json["library_sha256"] = record.library_sha256;
  json["abi_minor"] = record.abi_minor;
  json["configuration"] = record.configuration;
  json["epoch"] = record.epoch.value();
  json["watermark"] = record.watermark.value();
  if (record.partial_after > Height()) json["partial_after"] = record.partial_after.value();
  if (!record.task.id.empty()) {
    json["task"] = {{"id", record.task.id},
                    {"begun_at_unix_nanos", record.task.begun_at_unix_nanos}};
  }
  if (record.reset) json["reset"] = true;
  if (record.refused_epoch > Epoch()) json["refused_epoch"] = record.refused_epoch.value();
  if (record.snapshot) json["snapshot"] = true;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<SinkRecord> DecodeSinkRecord(std::string_view bytes) {
  const Json json = Json::parse(bytes, nullptr, false);
  if (!json.is_object()) return Error(StatusCode::kCorruption, "it is no JSON object");
  try {
    const int schema = json.at("schema");
    if (schema != kSchema) {
      return Error(StatusCode::kCorruption,
                   fmt::format("it is of schema {}, this version knows {}", schema, kSchema));
    }
    return Read(json);
  } catch (const std::exception& wrong) {
    return Error(StatusCode::kCorruption, wrong.what());
  }
}

SinkState RestoreState(const SinkRecord& record, RecoverOnStart recover, TimePoint now,
                       int64_t wall_now_unix_nanos) {
  SinkState state;
  if (record.state == LifecycleState::kRepairing) {
    state.state = LifecycleState::kRepairing;
    state.origin = record.origin;
    state.error = record.error;
    state.attempt = record.attempt;
    // A clock that was set back does not make it wait longer than it was going to.
    const Duration left = std::chrono::nanoseconds(
        std::max<int64_t>(record.next_at_unix_nanos - wall_now_unix_nanos, 0));
    state.next_at = now + std::min<Duration>(left, std::chrono::hours(24));
    return Broken(std::move(state), recover);
  }
  if (record.state == LifecycleState::kSuspended && IsFault(record.reason)) {
    state.reason = record.reason;
    // Looked at once more, it begins afresh: what it met before is no error of this start.
    if (recover == RecoverOnStart::kNever) state.error = record.error;
    return Broken(std::move(state), recover);
  }
  return state;
}

}  // namespace sluice
