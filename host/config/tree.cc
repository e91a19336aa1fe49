// SPDX-License-Identifier: Apache-2.0
#include "config/tree.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace sluice {

namespace {

ConfigNode Make(NodeKind kind, SourcePosition at) {
  ConfigNode node;
  node.kind = kind;
  node.at = std::move(at);
  return node;
}

bool LooksLikeCredential(std::string_view key) {
  // key.pem, oauthbearer: librdkafka's ssl.key.pem, sasl.oauthbearer.config.
  static constexpr std::array<std::string_view, 11> kParts = {
      "password",   "passwd",  "passphrase",  "secret",  "token",      "conninfo",
      "credential", "api_key", "private_key", "key.pem", "oauthbearer"};
  std::string lower(key);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(kParts.begin(), kParts.end(),
                     [&](std::string_view part) { return lower.find(part) != std::string::npos; });
}

}  // namespace

ConfigNode ConfigNode::Null(SourcePosition at) { return Make(NodeKind::kNull, std::move(at)); }
ConfigNode ConfigNode::Bool(bool value, SourcePosition at) {
  ConfigNode node = Make(NodeKind::kBool, std::move(at));
  node.boolean = value;
  return node;
}
ConfigNode ConfigNode::Integer(int64_t value, SourcePosition at) {
  ConfigNode node = Make(NodeKind::kInteger, std::move(at));
  node.integer = value;
  return node;
}
ConfigNode ConfigNode::Number(double value, SourcePosition at) {
  ConfigNode node = Make(NodeKind::kNumber, std::move(at));
  node.number = value;
  return node;
}
ConfigNode ConfigNode::String(std::string value, SourcePosition at) {
  ConfigNode node = Make(NodeKind::kString, std::move(at));
  node.text = std::move(value);
  return node;
}
ConfigNode ConfigNode::List(SourcePosition at) { return Make(NodeKind::kList, std::move(at)); }
ConfigNode ConfigNode::Map(SourcePosition at) { return Make(NodeKind::kMap, std::move(at)); }

const ConfigNode* ConfigNode::Find(std::string_view key) const {
  for (const ConfigMember& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

ConfigNode* ConfigNode::Find(std::string_view key) {
  return const_cast<ConfigNode*>(static_cast<const ConfigNode*>(this)->Find(key));
}

ConfigNode* ConfigNode::Set(std::string_view key, const SourcePosition& key_at, ConfigNode value) {
  for (ConfigMember& member : members) {
    if (member.key == key) {
      member.key_at = key_at;
      member.value = std::move(value);
      return &member.value;
    }
  }
  members.push_back(ConfigMember{std::string(key), key_at, std::move(value)});
  return &members.back().value;
}

std::string ConfigNode::Origin() const {
  if (!at.written()) return "default";
  std::string place = at.line == 0 ? at.file : fmt::format("{}:{}", at.file, at.line);
  if (from_template.empty()) return place;
  return fmt::format("template {} ({})", from_template, place);
}

std::string DescribeNode(const ConfigNode& node) {
  if (node.secret) return std::string(kSecretMask);
  switch (node.kind) {
    case NodeKind::kNull:
      return "nothing";
    case NodeKind::kBool:
      return node.boolean ? "true" : "false";
    case NodeKind::kInteger:
      return fmt::format("{}", node.integer);
    case NodeKind::kNumber:
      return fmt::format("{}", node.number);
    case NodeKind::kString:
      return fmt::format("\"{}\"", node.text);
    case NodeKind::kList:
      return "a list";
    case NodeKind::kMap:
      return "a table";
    case NodeKind::kOther:
      return node.text;
  }
  return "an unknown kind of value";
}

void MarkTemplate(ConfigNode* node, const std::string& template_name) {
  node->from_template = template_name;
  for (ConfigNode& item : node->items) MarkTemplate(&item, template_name);
  for (ConfigMember& member : node->members) MarkTemplate(&member.value, template_name);
}

void MarkSecret(ConfigNode* node) {
  node->secret = true;
  for (ConfigNode& item : node->items) MarkSecret(&item);
  for (ConfigMember& member : node->members) MarkSecret(&member.value);
}

ConfigNode MaskedCopy(const ConfigNode& node) {
  ConfigNode copy = node;
  if (copy.secret) {
    bool empty = copy.is(NodeKind::kString) && copy.text.empty();
    return empty ? copy : ConfigNode::String(std::string(kSecretMask), copy.at);
  }
  for (ConfigNode& item : copy.items) item = MaskedCopy(item);
  for (ConfigMember& member : copy.members) {
    if (LooksLikeCredential(member.key)) MarkSecret(&member.value);
    member.value = MaskedCopy(member.value);
  }
  return copy;
}

}  // namespace sluice
