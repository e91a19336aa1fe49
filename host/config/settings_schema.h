// SPDX-License-Identifier: Apache-2.0
//
// A plugin's settings schema, and the check of a sink's settings against it.
//
// The schema is a JSON array of rows:
//   {"name":"rotate_bytes","type":"size","default":"64MiB","min":"1KiB","max":"1TiB",
//    "secret":false,"description":"…"}
// type: string, bool, int, duration, size, enum, map, list. An enum row has "values": ["a","b"]. A
// row without "default" is optional, or with "required": true must be given. min and max are whole
// numbers or texts with a unit. A bool or enum row may say which of its values lowers the ack level
// that the sink can give: "highest_level":{"false":"received"}. A name with dots ("batch.bytes") is
// a setting in a table; one that ends in ".*" is a table whose content is handed to the plugin as
// it is.
//
// Threading: immutable once parsed. Ownership: a value, keeps nothing of the text.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "config/config.h"
#include "config/problem.h"
#include "config/properties.h"

namespace sluice {

struct CheckedValue;

// A setting because of which the sink gives less than its plugin can.
struct LevelCap {
  AckLevel level = AckLevel::kReceived;
  std::string key;    // "sinks.audit.settings.fsync"
  std::string value;  // "false"
  SourcePosition at;
};

struct SettingsCheck {
  // What `start` is given: defaults filled in, durations as whole milliseconds, sizes as bytes. A
  // JSON object; meaningful only where there are no problems.
  std::string completed;
  std::string masked;  // the same for `status` and logs: units as text, secrets masked
  std::vector<Problem> problems;
  std::optional<LevelCap> level_cap;  // the lowest, where there are several

  bool ok() const { return problems.empty(); }
};

class SettingsSchema {
 public:
  // Error kPlugin: what is wrong with the schema; it is the plugin author's mistake. An empty text
  // is an empty schema: the plugin takes no settings.
  static Result<SettingsSchema> Parse(std::string_view json);

  // `settings` with places (SinkConfig::settings_tree); `key` ("sinks.audit.settings") begins the
  // paths in problems, `at` is where a setting that is missing is reported.
  SettingsCheck Check(const ConfigNode& settings, const std::string& key,
                      const SourcePosition& at) const;
  // The settings of a sink.
  SettingsCheck Check(const SinkConfig& sink) const;
  // A JSON object, without places.
  SettingsCheck Check(std::string_view settings_json, const std::string& key) const;

 private:
  // By name of the row and value.
  using LevelRules = std::map<std::string, std::map<std::string, AckLevel>, std::less<>>;

  SettingsSchema(PropertyTable table, LevelRules rules)
      : table_(std::make_shared<const PropertyTable>(std::move(table))),
        level_rules_(std::make_shared<const LevelRules>(std::move(rules))) {}
  static Result<std::map<std::string, AckLevel>> ParseLevelRule(const ConfigNode& row,
                                                                const Property& property);
  void ApplyLevelRule(const CheckedValue& value, const std::string& key, const SourcePosition& at,
                      SettingsCheck* out) const;

  std::shared_ptr<const PropertyTable> table_;
  std::shared_ptr<const LevelRules> level_rules_;
};

}  // namespace sluice
