// SPDX-License-Identifier: Apache-2.0
#include "config/effective.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "config/json_tree.h"
#include "config/units.h"

namespace sluice {

namespace {

bool IsBareKey(std::string_view key) {
  return !key.empty() && key.find_first_not_of(
                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                             std::string_view::npos;
}

// A JSON string is a TOML basic string as well, but for U+007F, which TOML wants escaped.
std::string TomlString(const std::string& text) {
  std::string json = ToJson(ConfigNode::String(text));
  std::string out;
  for (char c : json) {
    if (c == '\x7f') {
      out += "\\u007F";
    } else {
      out += c;
    }
  }
  return out;
}

std::string TomlKey(const std::string& key) { return IsBareKey(key) ? key : TomlString(key); }

// As a person writes it: units back on durations and sizes, secrets masked.
ConfigNode Shown(const CheckedValue& value, const CheckedValues& values) {
  const Property& property = *value.property;
  const ConfigNode& node = value.node;
  if (value.secret()) {
    // An empty secret is none, and that is worth seeing.
    bool empty = node.is(NodeKind::kString) && node.text.empty();
    return ConfigNode::String(empty ? "" : std::string(kSecretMask));
  }
  if (node.is(NodeKind::kInteger) && property.type == PropertyType::kDuration) {
    return ConfigNode::String(FormatDuration(node.integer));
  }
  if (node.is(NodeKind::kInteger) && property.type == PropertyType::kSize) {
    return ConfigNode::String(FormatSize(node.integer));
  }
  if (!value.has_value() && property.path == "sinks.*.ack_timeout") {
    return ConfigNode::String(FormatDuration(values.Integer("commit.ack_timeout") * 3 / 4));
  }
  if (!value.has_value()) return ConfigNode::String("");
  return MaskedCopy(node);
}

// The levels of a path and its last part.
std::pair<std::string, std::string> SplitPath(const std::string& path) {
  size_t dot = path.rfind('.');
  if (dot == std::string::npos) return {"", path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

void SetNested(ConfigNode* root, const std::string& path, const ConfigNode& value) {
  ConfigNode* node = root;
  size_t start = 0;
  for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', start)) {
    std::string key = path.substr(start, dot - start);
    ConfigNode* child = node->Find(key);
    node = child != nullptr ? child : node->Set(key, {}, ConfigNode::Map());
    start = dot + 1;
  }
  node->Set(path.substr(start), {}, value);
}

}  // namespace

std::string ToTomlValue(const ConfigNode& node) {
  std::string out;
  switch (node.kind) {
    case NodeKind::kList:
      for (const ConfigNode& item : node.items) {
        out += (out.empty() ? "" : ", ") + ToTomlValue(item);
      }
      return "[" + out + "]";
    case NodeKind::kMap:
      for (const ConfigMember& member : node.members) {
        out += (out.empty() ? "" : ", ") + TomlKey(member.key) + " = " + ToTomlValue(member.value);
      }
      return out.empty() ? "{}" : "{ " + out + " }";
    case NodeKind::kNumber:
      return ToJson(node);
    case NodeKind::kBool:
      return node.boolean ? "true" : "false";
    case NodeKind::kInteger:
      return fmt::format("{}", node.integer);
    case NodeKind::kNull:
    case NodeKind::kOther:
    case NodeKind::kString:
      break;
  }
  return TomlString(node.text);
}

std::vector<EffectiveValue> EffectiveValues(const CheckedValues& values) {
  std::vector<EffectiveValue> out;
  for (const CheckedValue& value : values.all()) {
    if (value.path.rfind("templates.", 0) == 0) continue;
    EffectiveValue effective;
    effective.path = value.path;
    effective.node = Shown(value, values);
    effective.text = ToTomlValue(effective.node);
    effective.origin = value.is_default ? "default" : value.node.Origin();
    out.push_back(std::move(effective));
  }
  return out;
}

std::string EffectiveText(const std::vector<EffectiveValue>& values) {
  std::string out;
  std::string section;
  for (const EffectiveValue& value : values) {
    auto [level, key] = SplitPath(value.path);
    if (level != section) {
      out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", level);
      section = level;
    }
    std::string line = fmt::format("{} = {}", key, value.text);
    out += fmt::format("{:<40} # {}\n", line, value.origin);
  }
  return out;
}

std::string EffectiveJson(const std::vector<EffectiveValue>& values) {
  ConfigNode settings = ConfigNode::Map();
  ConfigNode origins = ConfigNode::Map();
  for (const EffectiveValue& value : values) {
    SetNested(&settings, value.path, value.node);
    origins.Set(value.path, {}, ConfigNode::String(value.origin));
  }
  ConfigNode root = ConfigNode::Map();
  root.Set("values", {}, std::move(settings));
  root.Set("origins", {}, std::move(origins));
  return ToJson(root, KeyOrder::kAsWritten, JsonStyle::kIndented);
}

}  // namespace sluice
