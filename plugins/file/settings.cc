// SPDX-License-Identifier: Apache-2.0
#include "file/settings.h"

#include <nlohmann/json.hpp>
#include <string>

namespace sluice_file {
namespace {

using nlohmann::json;

Fault Wrong(const std::string& name, const std::string& what) {
  return {FaultKind::kInvalid, "setting " + name + ": " + what};
}

Fault ReadNumber(const json& object, const char* name, uint64_t* out) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (!found->is_number_unsigned()) return Wrong(name, "must be a number, 0 or above");
  *out = found->get<uint64_t>();
  return {};
}

Fault ReadText(const json& object, const char* name, std::string* out) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (!found->is_string()) return Wrong(name, "must be a text");
  *out = found->get<std::string>();
  return {};
}

}  // namespace

Fault ParseSettings(std::string_view text, std::string_view home, Settings* settings) {
  *settings = Settings();
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return {FaultKind::kInvalid, "the settings are not a JSON object"};

  std::string path;
  std::string format = "segments";
  std::string compression = "none";
  for (Fault fault : {ReadText(object, "path", &path), ReadText(object, "format", &format),
                      ReadText(object, "compression", &compression),
                      ReadNumber(object, "rotate_bytes", &settings->rotate_bytes),
                      ReadNumber(object, "rotate_interval", &settings->rotate_interval_ms),
                      ReadNumber(object, "retain_bytes", &settings->retain_bytes),
                      ReadNumber(object, "retain_blocks", &settings->retain_blocks)}) {
    if (!fault.ok()) return fault;
  }
  if (path.empty()) return Wrong("path", "names the folder to write to and must be given");
  settings->folder = (std::filesystem::path(home) / path).lexically_normal();
  if (format != "segments" && format != "jsonl") return Wrong("format", "segments or jsonl");
  settings->format = format == "jsonl" ? Format::kJsonl : Format::kSegments;
  if (compression != "none" && compression != "zstd") return Wrong("compression", "none or zstd");
  settings->zstd = compression == "zstd";
  if (settings->zstd && settings->format == Format::kJsonl) {
    return Wrong("compression", "zstd goes with format segments only; use none with jsonl");
  }
  if (const auto fsync = object.find("fsync"); fsync != object.end()) {
    if (!fsync->is_boolean()) return Wrong("fsync", "true or false");
    settings->fsync = fsync->get<bool>();
  }
  return {};
}

}  // namespace sluice_file
