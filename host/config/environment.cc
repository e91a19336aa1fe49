// SPDX-License-Identifier: Apache-2.0
#include "config/environment.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "base/nearest.h"
#include "config/json_tree.h"

namespace sluice {

namespace {

constexpr std::string_view kPrefix = "SLUICE_";

bool IsReserved(std::string_view name) {
  return name == "SLUICE_HOME" || name.rfind("SLUICE_TEST_", 0) == 0 ||
         name.rfind("SLUICE_FAILPOINT", 0) == 0;
}

// The form in which names are compared.
std::string Folded(std::string_view name) {
  std::string out;
  for (char c : name) {
    out += c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

// Levels of "COMMIT__ACK_TIMEOUT", folded.
std::vector<std::string> SplitLevels(std::string_view text) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t at = text.find("__"); at != std::string_view::npos; at = text.find("__", start)) {
    parts.push_back(Folded(text.substr(start, at - start)));
    start = at + 2;
  }
  parts.push_back(Folded(text.substr(start)));
  return parts;
}

std::vector<std::string> KeysOf(const ConfigNode& map) {
  std::vector<std::string> keys;
  for (const ConfigMember& member : map.members) keys.push_back(member.key);
  return keys;
}

// The key among `known` that is `folded` once folded itself, or empty.
std::string Unfold(const std::string& folded, const std::vector<std::string>& known) {
  for (const std::string& key : known) {
    if (Folded(key) == folded) return key;
  }
  return {};
}

std::string Join(const std::string& parent, const std::string& child) {
  return parent.empty() ? child : parent + "." + child;
}

ConfigNode ListFrom(const std::string& text, const SourcePosition& at) {
  ConfigNode list = ConfigNode::List(at);
  for (size_t start = 0; start < text.size();) {
    size_t comma = std::min(text.find(',', start), text.size());
    std::string item = text.substr(start, comma - start);
    item.erase(0, item.find_first_not_of(' '));
    item.erase(item.find_last_not_of(' ') + 1);
    ConfigNode node = ConfigNode::String(std::move(item), at);
    node.untyped = true;
    list.items.push_back(std::move(node));
    start = comma + 1;
  }
  return list;
}

void Place(ConfigNode* node, const SourcePosition& at) {
  node->at = at;
  // ${…} of an override is the shell's business, not ours.
  node->untyped = node->is(NodeKind::kString);
  for (ConfigNode& item : node->items) Place(&item, at);
  for (ConfigMember& member : node->members) {
    member.key_at = at;
    Place(&member.value, at);
  }
}

ConfigNode ValueFrom(const Property* property, const std::string& text, const SourcePosition& at) {
  bool list = property != nullptr && property->type == PropertyType::kList;
  bool map = property != nullptr && property->type == PropertyType::kMap;
  // Inside settings the type is not known here, so that a JSON list or table may stand there as
  // well.
  bool structured =
      (list || map || property == nullptr) && !text.empty() && (text[0] == '[' || text[0] == '{');
  if (structured) {
    if (Result<ConfigNode> parsed = FromJson(text)) {
      ConfigNode node = std::move(*parsed);
      Place(&node, at);
      return node;
    }
  }
  if (list) return ListFrom(text, at);
  ConfigNode node = ConfigNode::String(text, at);
  node.untyped = true;
  return node;
}

class Override {
 public:
  Override(const PropertyTable& table, const std::string& name, const std::string& value,
           std::vector<Problem>* problems)
      : table_(table), value_(value), at_{name, 0, 0}, problems_(problems) {}

  void Apply(ConfigNode* root) {
    std::vector<std::string> parts = SplitLevels(std::string_view(at_.file).substr(kPrefix.size()));
    ConfigNode* node = root;
    std::string pattern;
    std::string path;
    for (size_t i = 0; i < parts.size(); ++i) {
      std::vector<std::string> children = table_.Children(pattern);
      bool wildcard = children.size() == 1 && children[0] == "*";
      std::vector<std::string> known = wildcard ? KeysOf(*node) : children;
      std::string key = Unfold(parts[i], known);
      if (key.empty()) return Unknown(Join(path, parts[i]), wildcard, parts[i], known);
      pattern = Join(pattern, wildcard ? "*" : key);
      path = Join(path, key);
      if (const Property* property = table_.Find(pattern)) {
        return SetProperty(*property, node, key, path, parts, i + 1);
      }
      node = Descend(node, key);
    }
    problems_->push_back(MakeProblem(at_, path, "is a table; name one key of it"));
  }

 private:
  void Unknown(const std::string& path, bool wildcard, const std::string& part,
               const std::vector<std::string>& known) {
    std::string text = wildcard
                           ? "no such name in the configuration file; an override cannot add one"
                           : "unknown key";
    problems_->push_back(MakeProblem(at_, path, std::move(text), NearestName(part, known)));
  }

  // The map under `key`, made where there is none. What is no map is reported by the checker.
  ConfigNode* Descend(ConfigNode* node, const std::string& key) {
    ConfigNode* child = node->Find(key);
    if (child == nullptr || child->is(NodeKind::kNull)) {
      child = node->Set(key, at_, ConfigNode::Map(at_));
    }
    return child;
  }

  void SetProperty(const Property& property, ConfigNode* node, const std::string& key,
                   const std::string& path, const std::vector<std::string>& parts, size_t next) {
    if (next == parts.size()) {
      node->Set(key, at_, ValueFrom(&property, value_, at_));
      return;
    }
    if (property.type != PropertyType::kMap) {
      problems_->push_back(MakeProblem(at_, path, "is one value, there is nothing below it"));
      return;
    }
    ConfigNode* map = Descend(node, key);
    for (; next < parts.size(); ++next) {
      std::string existing = Unfold(parts[next], KeysOf(*map));
      std::string name = existing.empty() ? parts[next] : existing;
      if (next + 1 == parts.size()) {
        map->Set(name, at_, ValueFrom(nullptr, value_, at_));
      } else {
        map = Descend(map, name);
      }
    }
  }

  const PropertyTable& table_;
  const std::string& value_;
  SourcePosition at_;
  std::vector<Problem>* problems_;
};

}  // namespace

Environment ProcessEnvironment() {
  Environment out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text(*entry);
    size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

std::string OverrideName(std::string_view path) {
  std::string out(kPrefix);
  for (char c : path) {
    if (c == '.') {
      out += "__";
    } else {
      out += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

void ApplyEnvironment(const PropertyTable& table, const Environment& environment, ConfigNode* root,
                      std::vector<Problem>* problems, std::vector<Problem>* warnings) {
  for (const auto& entry : environment) {
    const std::string& name = entry.first;
    if (name.rfind(kPrefix, 0) != 0 || IsReserved(name)) continue;
    if (name.find("__") != std::string::npos) {
      Override(table, name, entry.second, problems).Apply(root);
      continue;
    }
    for (const Property& row : table.rows()) {
      std::string right = OverrideName(row.path);
      std::string single = right;
      for (size_t at = single.find("__"); at != std::string::npos; at = single.find("__")) {
        single.erase(at, 1);
      }
      if (single == name) {
        warnings->push_back(MakeProblem(
            {name, 0, 0}, row.path,
            fmt::format("is not taken from this variable; an override is written {}", right)));
      }
    }
  }
}

}  // namespace sluice
