// SPDX-License-Identifier: Apache-2.0
//
// A plugin's settings schema, and the check of a sink's settings against it.
//
// The schema is a JSON array of rows:
//   {"name":"rotate_bytes","type":"size","default":"64MiB","min":"1KiB","max":"1TiB",
//    "secret":false,"description":"…"}
// type: string, bool, int, duration, size, enum, map, list. An enum row has "values": ["a","b"]. A
// row without "default" is optional, or with "required": true must be given. min and max are whole
// numbers or texts with a unit. A name with dots ("batch.bytes") is a setting in a table; one that
// ends in ".*" is a table whose content is handed to the plugin as it is.
//
// Threading: immutable once parsed. Ownership: a value, keeps nothing of the text.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/config.h"
#include "config/problem.h"
#include "config/properties.h"

namespace sluice {

struct SettingsCheck {
  // What `start` is given: defaults filled in, durations as whole milliseconds, sizes as bytes. A
  // JSON object; meaningful only where there are no problems.
  std::string completed;
  std::string masked;  // the same for `status` and logs: units as text, secrets masked
  std::vector<Problem> problems;

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
  explicit SettingsSchema(PropertyTable table)
      : table_(std::make_shared<const PropertyTable>(std::move(table))) {}

  std::shared_ptr<const PropertyTable> table_;
};

}  // namespace sluice
