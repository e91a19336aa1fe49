// SPDX-License-Identifier: Apache-2.0
//
// Checks a tree against a property table: unknown keys, types, units, bounds, values. It reports
// all that is wrong and gives a value for every row, the default where the one given is wrong, so
// that later checks can go on. Threading: plain values; CheckTree is a pure function but for files
// that references name.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"
#include "config/properties.h"
#include "config/references.h"
#include "config/tree.h"

namespace sluice {

struct CheckedValue {
  const Property* property = nullptr;
  std::string path;  // "sinks.audit.queue_bytes"
  // Of the row's type: a duration is an integer of nanoseconds, a size one of bytes. Its place is
  // where it was written. kNull where the row is optional and nobody gave a value.
  ConfigNode node;
  SourcePosition key_at;  // of the key, or of the table that lacks it
  bool is_default = true;

  bool has_value() const { return !node.is(NodeKind::kNull); }
  bool secret() const { return property->secret || node.secret; }
};

struct NamedPlace {
  std::string name;
  SourcePosition at;
};

// What the table's rows came out as. The typed accessors end the process where the path is no row
// or of another type: that is a mistake in our own code.
class CheckedValues {
 public:
  const CheckedValue* Find(std::string_view path) const;
  const CheckedValue& At(std::string_view path) const;
  const std::string& Text(std::string_view path) const;
  bool Bool(std::string_view path) const;
  int64_t Integer(std::string_view path) const;  // int, duration (ns), size (bytes)
  double Number(std::string_view path) const;
  std::vector<std::string> List(std::string_view path) const;
  const ConfigNode& Map(std::string_view path) const;

  // In the order of the table, and of the file where names stand.
  const std::vector<CheckedValue>& all() const { return values_; }
  // The names below a level such as "sinks", in the order of the file.
  const std::vector<NamedPlace>& Names(std::string_view level) const;

  void Add(CheckedValue value);
  void AddName(std::string_view level, NamedPlace name);

 private:
  std::vector<CheckedValue> values_;
  std::map<std::string, size_t, std::less<>> by_path_;
  std::map<std::string, std::vector<NamedPlace>, std::less<>> names_;
};

struct CheckOutput {
  CheckedValues values;
  std::vector<Problem> problems;
  std::vector<Problem> warnings;  // keys of an older name
};

// `resolver` may be null: then texts are taken as they are. `path_prefix` ("sinks.audit.settings")
// is put before the paths in problems.
CheckOutput CheckTree(const PropertyTable& table, const ConfigNode& root,
                      const ReferenceResolver* resolver, const std::string& path_prefix = {});

// [a-z0-9_-]{1,63}: streams, stores, sinks, templates.
bool IsName(std::string_view text);

}  // namespace sluice
