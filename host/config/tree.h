// SPDX-License-Identifier: Apache-2.0
//
// The neutral tree: what a TOML file, a YAML file, an environment variable or a JSON text say, with
// the place of each key and value. Readers fill it; one checker reads it. Nothing in it depends on
// the language that it was written in.
// Threading: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"

namespace sluice {

enum class NodeKind { kNull, kBool, kInteger, kNumber, kString, kList, kMap, kOther };

// Nesting beyond this is refused by every reader, so that walks of the tree may recurse.
inline constexpr int kMaxTreeDepth = 64;

struct ConfigMember;

struct ConfigNode {
  NodeKind kind = NodeKind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  std::string text;                   // kString: the value; kOther: how it was written (a date)
  std::vector<ConfigNode> items;      // kList
  std::vector<ConfigMember> members;  // kMap, in the order of the source

  SourcePosition at;
  std::string from_template;  // the template that a sink inherited this from, or empty
  // Text that may stand for another type, because its source knows only text: an environment
  // variable, `${NAME}`, `{ file = … }`.
  bool untyped = false;
  // Came from `${NAME}` or `{ file = … }`: masked in every output.
  bool secret = false;

  static ConfigNode Null(SourcePosition at = {});
  static ConfigNode Bool(bool value, SourcePosition at = {});
  static ConfigNode Integer(int64_t value, SourcePosition at = {});
  static ConfigNode Number(double value, SourcePosition at = {});
  static ConfigNode String(std::string value, SourcePosition at = {});
  static ConfigNode List(SourcePosition at = {});
  static ConfigNode Map(SourcePosition at = {});

  bool is(NodeKind k) const { return kind == k; }
  // The member of a map, or null.
  const ConfigNode* Find(std::string_view key) const;
  ConfigNode* Find(std::string_view key);
  // Replaces the member or appends it. Returns the node as it now stands in the map.
  ConfigNode* Set(std::string_view key, const SourcePosition& key_at, ConfigNode value);

  // What `config show` prints: "app.toml:12", "SLUICE_X", "template kafka-eu (app.toml:30)",
  // "default".
  std::string Origin() const;
};

struct ConfigMember {
  std::string key;
  SourcePosition key_at;
  ConfigNode value;
};

// How a value is quoted in an error: 2, true, "text", a list, a map; ******** where it is secret.
std::string DescribeNode(const ConfigNode& node);

// Marks the node and all below it as inherited from the template.
void MarkTemplate(ConfigNode* node, const std::string& template_name);

// Marks the node and all below it as secret.
void MarkSecret(ConfigNode* node);

inline constexpr std::string_view kSecretMask = "********";

// A copy in which secrets are masked: what is marked secret, and text whose key looks like a
// credential (password, token, secret, conninfo …), since a plugin's schema may not be at hand.
ConfigNode MaskedCopy(const ConfigNode& node);

}  // namespace sluice
