// SPDX-License-Identifier: Apache-2.0
//
// The property table: one row a setting. Parsing, checking, environment overrides, `config
// reference`, docs/configuration.md and the commented file of `sluice init` are all derived from
// it, so a setting exists when it has a row here and a line in bind.cc, and nowhere else.
//
// Threading: NodeProperties() is built once and immutable; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

enum class PropertyType {
  kString,
  kBool,
  kInt,
  kNumber,
  kDuration,  // text with a unit; nanoseconds once checked
  kSize,      // text with a unit; bytes once checked
  kEnum,
  kList,  // of text
  kMap,   // free-form: settings of a plugin
};

enum class ListRule {
  kAny,         // empty is a value like any other
  kAllOrNamed,  // ["*"] says all; empty is an error, because it could be meant to say all
  kNotEmpty,
};

// What a text, or each item of a list, must look like.
enum class TextRule {
  kAny,
  kNotEmpty,
  kName,        // [a-z0-9_-]{1,63}
  kNameOrStar,  // a name, or "*" alone
  kSha256,      // 64 hexadecimal digits, or empty
};

// Every field but the path has a default, so that a row names only what it needs.
struct Property {
  std::string path = {};  // "commit.ack_timeout", "sinks.*.queue_bytes"; * stands for a name
  PropertyType type = PropertyType::kString;
  // As one writes it in the file, without quotes; lists and maps as JSON.
  std::string default_text = {};
  std::string description = {};

  std::string minimum = {};  // in the text of the type ("1ms"); empty: none
  std::string maximum = {};
  std::vector<std::string> values = {};       // kEnum
  std::vector<std::string> unavailable = {};  // legal values that this version does not have yet
  std::string default_note = {};              // where the default follows from another setting
  std::vector<std::string> older_names = {};  // the last part of the path as it once was
  std::string example = {};  // for the commented file, where the default shows too little
  ListRule list_rule = ListRule::kAny;
  TextRule text_rule = TextRule::kAny;
  bool secret = false;
  bool required = false;
  bool optional = false;  // without a value there is none, not even a default
};

// "text", "duration", …: the name of a type as the reference shows it.
std::string_view PropertyTypeName(PropertyType type);

// Rows, and the levels that they form. Patterns are paths in which * stands for a name.
class PropertyTable {
 public:
  // Rows of "sinks.*" that "templates.*" lacks are copied there: a template may hold every setting
  // of a sink, optional and never required.
  explicit PropertyTable(std::vector<Property> rows);

  const std::vector<Property>& rows() const { return rows_; }
  const Property* Find(std::string_view pattern) const;
  // The names one level below `pattern` ("" is the top), in the order of the table; {"*"} where any
  // name may stand.
  std::vector<std::string> Children(std::string_view pattern) const;

 private:
  std::vector<Property> rows_;
  std::map<std::string, size_t, std::less<>> by_path_;
  std::map<std::string, std::vector<std::string>, std::less<>> children_;
};

// The table of the node's own configuration file.
const PropertyTable& NodeProperties();

// What the reference and the commented file say about a level: "commit" -> a sentence; may be
// empty.
std::string_view SectionDescription(std::string_view pattern);

}  // namespace sluice
