// SPDX-License-Identifier: Apache-2.0
#include "config/checker.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/nearest.h"
#include "config/value_check.h"

namespace sluice {

namespace {

std::string Join(const std::string& parent, const std::string& child) {
  return parent.empty() ? child : parent + "." + child;
}

class Checker {
 public:
  Checker(const PropertyTable& table, const ReferenceResolver* resolver, std::string prefix)
      : table_(table), resolver_(resolver), prefix_(std::move(prefix)) {}

  CheckOutput Run(const ConfigNode& root) {
    CheckLevel(root, root.at, "", "");
    return std::move(out_);
  }

 private:
  std::string Shown(const std::string& path) const { return Join(prefix_, path); }

  void AddProblem(const SourcePosition& at, const std::string& path, std::string text,
                  std::string nearest = {}) {
    out_.problems.push_back(MakeProblem(at, Shown(path), std::move(text), std::move(nearest)));
  }

  // `at`: where the level's own key stands, for what is missing in it.
  void CheckLevel(const ConfigNode& node, const SourcePosition& at, const std::string& pattern,
                  const std::string& path) {
    static const ConfigNode kEmpty = ConfigNode::Map();
    bool map = node.is(NodeKind::kMap);
    if (!map && !node.is(NodeKind::kNull)) {
      AddProblem(node.at, path, fmt::format("expected a table, got {}", DescribeNode(node)));
    }
    const ConfigNode& level = map ? node : kEmpty;
    std::vector<std::string> children = table_.Children(pattern);
    if (children.size() == 1 && children[0] == "*") return CheckNames(level, pattern, path);

    CheckKeys(level, pattern, path, children);
    for (const std::string& child : children) {
      std::string child_pattern = Join(pattern, child);
      std::string child_path = Join(path, child);
      const ConfigMember* member = FindMember(level, child);
      if (const Property* property = table_.Find(child_pattern)) {
        CheckRow(*property, FindOlder(*property, level, member, child_path), at, child_path);
      } else {
        CheckLevel(member == nullptr ? kEmpty : member->value,
                   member == nullptr ? at : member->key_at, child_pattern, child_path);
      }
    }
  }

  void CheckNames(const ConfigNode& level, const std::string& pattern, const std::string& path) {
    for (const ConfigMember& member : level.members) {
      std::string child_path = Join(path, member.key);
      if (!IsName(member.key)) {
        AddProblem(member.key_at, child_path,
                   "expected a name of 1 to 63 characters a-z, 0-9, _ and -");
        continue;
      }
      out_.values.AddName(path, NamedPlace{member.key, member.key_at});
      CheckLevel(member.value, member.key_at, Join(pattern, "*"), child_path);
    }
  }

  void CheckKeys(const ConfigNode& level, const std::string& pattern, const std::string& path,
                 const std::vector<std::string>& children) {
    for (const ConfigMember& member : level.members) {
      if (std::find(children.begin(), children.end(), member.key) != children.end()) continue;
      if (OlderNameOf(pattern, member.key, children) != nullptr) continue;
      std::string nearest = NearestName(member.key, children);
      std::string text = "unknown key";
      if (nearest.empty() && !children.empty() && children.size() <= 12) {
        text += "; known here: ";
        for (const std::string& child : children) {
          if (&child != &children.front()) text += ", ";
          text += child;
        }
      }
      AddProblem(member.key_at, Join(path, member.key), std::move(text), std::move(nearest));
    }
  }

  const Property* OlderNameOf(const std::string& pattern, const std::string& key,
                              const std::vector<std::string>& children) const {
    for (const std::string& child : children) {
      const Property* row = table_.Find(Join(pattern, child));
      if (row == nullptr) continue;
      if (std::find(row->older_names.begin(), row->older_names.end(), key) !=
          row->older_names.end()) {
        return row;
      }
    }
    return nullptr;
  }

  // The member under the row's own name, else under an older one, with a warning.
  const ConfigMember* FindOlder(const Property& property, const ConfigNode& level,
                                const ConfigMember* member, const std::string& path) {
    for (const std::string& older : property.older_names) {
      const ConfigMember* old = FindMember(level, older);
      if (old == nullptr) continue;
      std::string old_path = path.substr(0, path.rfind('.') + 1) + older;
      if (member != nullptr) {
        AddProblem(old->key_at, old_path,
                   fmt::format("is the older name of {}, which is given too; remove this one",
                               Shown(path)));
        continue;
      }
      out_.warnings.push_back(MakeProblem(
          old->key_at, Shown(old_path),
          fmt::format("is the older name of {}, and will stop working with the next minor version; "
                      "rename it",
                      Shown(path))));
      member = old;
    }
    return member;
  }

  static const ConfigMember* FindMember(const ConfigNode& level, const std::string& key) {
    for (const ConfigMember& member : level.members) {
      if (member.key == key) return &member;
    }
    return nullptr;
  }

  void CheckRow(const Property& property, const ConfigMember* member, const SourcePosition& at,
                const std::string& path) {
    CheckedValue value;
    value.property = &property;
    value.path = path;
    value.key_at = member == nullptr ? at : member->key_at;
    if (member == nullptr) {
      if (property.required) {
        AddProblem(at, path, fmt::format("is missing; {}", property.description));
      }
      value.node = DefaultValue(property);
    } else {
      ConfigNode given = member->value;
      if (Resolve(property, &given, path) &&
          CheckValue(property, given, Shown(path), &value.node, &out_.problems)) {
        value.is_default = false;
      } else {
        value.node = DefaultValue(property);
      }
    }
    out_.values.Add(std::move(value));
  }

  bool Resolve(const Property& property, ConfigNode* node, const std::string& path) {
    if (resolver_ == nullptr) return true;
    bool nested = property.type == PropertyType::kMap || property.type == PropertyType::kList;
    if (nested) return resolver_->ResolveBelow(node, Shown(path), &out_.problems);
    return resolver_->Resolve(node, Shown(path), &out_.problems);
  }

  const PropertyTable& table_;
  const ReferenceResolver* resolver_;
  std::string prefix_;
  CheckOutput out_;
};

}  // namespace

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 63 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

const CheckedValue* CheckedValues::Find(std::string_view path) const {
  auto found = by_path_.find(path);
  return found == by_path_.end() ? nullptr : &values_[found->second];
}

const CheckedValue& CheckedValues::At(std::string_view path) const {
  const CheckedValue* value = Find(path);
  SLUICE_CHECK(value != nullptr, "a setting is read that has no row in the property table");
  return *value;
}

const std::string& CheckedValues::Text(std::string_view path) const {
  const ConfigNode& node = At(path).node;
  SLUICE_CHECK(node.is(NodeKind::kString) || node.is(NodeKind::kNull), "the setting is no text");
  return node.text;
}

bool CheckedValues::Bool(std::string_view path) const {
  const ConfigNode& node = At(path).node;
  SLUICE_CHECK(node.is(NodeKind::kBool), "the setting is no boolean");
  return node.boolean;
}

int64_t CheckedValues::Integer(std::string_view path) const {
  const ConfigNode& node = At(path).node;
  SLUICE_CHECK(node.is(NodeKind::kInteger), "the setting is no integer");
  return node.integer;
}

double CheckedValues::Number(std::string_view path) const {
  const ConfigNode& node = At(path).node;
  SLUICE_CHECK(node.is(NodeKind::kNumber), "the setting is no number");
  return node.number;
}

std::vector<std::string> CheckedValues::List(std::string_view path) const {
  const ConfigNode& node = At(path).node;
  SLUICE_CHECK(node.is(NodeKind::kList), "the setting is no list");
  std::vector<std::string> out;
  for (const ConfigNode& item : node.items) out.push_back(item.text);
  return out;
}

const ConfigNode& CheckedValues::Map(std::string_view path) const {
  const ConfigNode& node = At(path).node;
  SLUICE_CHECK(node.is(NodeKind::kMap), "the setting is no table");
  return node;
}

const std::vector<NamedPlace>& CheckedValues::Names(std::string_view level) const {
  static const std::vector<NamedPlace> kNone;
  auto found = names_.find(level);
  return found == names_.end() ? kNone : found->second;
}

void CheckedValues::Add(CheckedValue value) {
  bool added = by_path_.emplace(value.path, values_.size()).second;
  SLUICE_CHECK(added, "a setting is checked twice");
  values_.push_back(std::move(value));
}

void CheckedValues::AddName(std::string_view level, NamedPlace name) {
  names_[std::string(level)].push_back(std::move(name));
}

CheckOutput CheckTree(const PropertyTable& table, const ConfigNode& root,
                      const ReferenceResolver* resolver, const std::string& path_prefix) {
  return Checker(table, resolver, path_prefix).Run(root);
}

}  // namespace sluice
