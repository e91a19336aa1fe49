// SPDX-License-Identifier: Apache-2.0
//
// A schema is a property table that arrived as JSON, so the checker of the node's own file does the
// work: same errors, same nearest keys, same units.
#include "config/settings_schema.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "config/checker.h"
#include "config/json_tree.h"
#include "config/units.h"
#include "config/value_check.h"

namespace sluice {

namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;

constexpr std::array<std::pair<std::string_view, PropertyType>, 9> kTypes = {{
    {"string", PropertyType::kString},
    {"bool", PropertyType::kBool},
    {"int", PropertyType::kInt},
    {"number", PropertyType::kNumber},
    {"duration", PropertyType::kDuration},
    {"size", PropertyType::kSize},
    {"enum", PropertyType::kEnum},
    {"list", PropertyType::kList},
    {"map", PropertyType::kMap},
}};

Status RowError(const std::string& name, std::string_view what) {
  return {StatusCode::kPlugin, fmt::format("settings schema: row {}: {}", name, what)};
}

// A default or bound as the table holds it: text in the type's own notation. Bare numbers mean what
// the plugin will be given: milliseconds and bytes.
std::string BoundText(PropertyType type, const ConfigNode& node) {
  if (node.is(NodeKind::kString)) return node.text;
  if (node.is(NodeKind::kInteger) && node.integer >= 0) {
    if (type == PropertyType::kDuration) return fmt::format("{}ms", node.integer);
    if (type == PropertyType::kSize) return FormatSize(node.integer);
  }
  return ToJson(node);
}

bool GetFlag(const ConfigNode& row, std::string_view key) {
  const ConfigNode* node = row.Find(key);
  return node != nullptr && node->is(NodeKind::kBool) && node->boolean;
}

bool HasValue(const ConfigNode* node) { return node != nullptr && !node->is(NodeKind::kNull); }

// What is wrong with `text` as a value of the row, or nothing.
std::string ValueFault(const Property& property, const std::string& text) {
  ConfigNode node = ConfigNode::String(text);
  node.untyped = true;
  if (property.type == PropertyType::kList || property.type == PropertyType::kMap) {
    Result<ConfigNode> parsed = FromJson(text);
    if (!parsed) return parsed.error().message();
    node = std::move(*parsed);
  }
  ConfigNode out;
  std::vector<Problem> problems;
  if (CheckValue(property, node, property.path, &out, &problems)) return {};
  return problems.front().text;
}

Result<Property> ParseRow(const ConfigNode& row) {
  const ConfigNode* name = row.Find("name");
  const ConfigNode* type = row.Find("type");
  if (name == nullptr || !name->is(NodeKind::kString) || name->text.empty()) {
    return Error(RowError("?", "has no \"name\""));
  }
  Property property;
  property.path = name->text;
  if (property.path.size() > 2 && property.path.compare(property.path.size() - 2, 2, ".*") == 0) {
    property.path.resize(property.path.size() - 2);
    property.type = PropertyType::kMap;
  } else {
    auto known = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& entry) {
      return type != nullptr && type->is(NodeKind::kString) && entry.first == type->text;
    });
    if (known == kTypes.end()) return Error(RowError(name->text, "has no known \"type\""));
    property.type = known->second;
  }
  bool bad_path = property.path.find('*') != std::string::npos || property.path.front() == '.' ||
                  property.path.back() == '.' || property.path.find("..") != std::string::npos;
  if (bad_path) return Error(RowError(name->text, "is no name of a setting"));

  if (const ConfigNode* text = row.Find("description")) property.description = text->text;
  property.secret = GetFlag(row, "secret");
  property.required = GetFlag(row, "required");
  if (const ConfigNode* values = row.Find("values")) {
    for (const ConfigNode& value : values->items) property.values.push_back(value.text);
  }
  if (property.type == PropertyType::kEnum && property.values.empty()) {
    return Error(RowError(name->text, "is an enum without \"values\""));
  }
  // Bounds are checked as values of the row before they bound it.
  std::string minimum;
  std::string maximum;
  if (HasValue(row.Find("min"))) minimum = BoundText(property.type, *row.Find("min"));
  if (HasValue(row.Find("max"))) maximum = BoundText(property.type, *row.Find("max"));
  for (const std::string* bound : {&minimum, &maximum}) {
    std::string fault = bound->empty() ? "" : ValueFault(property, *bound);
    if (!fault.empty()) return Error(RowError(name->text, "bad bound: " + fault));
  }
  property.minimum = std::move(minimum);
  property.maximum = std::move(maximum);
  const ConfigNode* fallback = row.Find("default");
  property.optional = !property.required && !HasValue(fallback);
  if (HasValue(fallback) && !property.required) {
    property.default_text = BoundText(property.type, *fallback);
    std::string fault = ValueFault(property, property.default_text);
    if (!fault.empty()) return Error(RowError(name->text, "bad default: " + fault));
  }
  return property;
}

// The node that `path` names below `root`, its tables made on the way.
ConfigNode* Reach(ConfigNode* root, std::string_view path, std::string* last) {
  ConfigNode* node = root;
  for (size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    std::string_view key = path.substr(0, dot);
    ConfigNode* child = node->Find(key);
    node = child != nullptr ? child : node->Set(key, {}, ConfigNode::Map());
    path.remove_prefix(dot + 1);
  }
  *last = path;
  return node;
}

ConfigNode ForPlugin(const CheckedValue& value) {
  ConfigNode node = value.node;
  if (value.property->type == PropertyType::kDuration) node.integer /= kNanosPerMilli;
  return node;
}

ConfigNode ForPeople(const CheckedValue& value) {
  if (value.secret()) {
    bool empty = value.node.is(NodeKind::kString) && value.node.text.empty();
    return ConfigNode::String(empty ? "" : std::string(kSecretMask));
  }
  if (value.property->type == PropertyType::kDuration) {
    return ConfigNode::String(FormatDuration(value.node.integer));
  }
  if (value.property->type == PropertyType::kSize) {
    return ConfigNode::String(FormatSize(value.node.integer));
  }
  // A table that passes through may hold a credential that no schema names.
  return MaskedCopy(value.node);
}

}  // namespace

Result<SettingsSchema> SettingsSchema::Parse(std::string_view json) {
  if (json.empty()) return SettingsSchema(PropertyTable({}), {});
  Result<ConfigNode> root = FromJson(json);
  if (!root) return Error(root.error().WithContext("settings schema"));
  if (!root->is(NodeKind::kList)) {
    return Error(StatusCode::kPlugin, "settings schema: expected a JSON array of rows");
  }
  std::vector<Property> rows;
  std::set<std::string> names;
  LevelRules rules;
  for (const ConfigNode& row : root->items) {
    SLUICE_ASSIGN_OR_RETURN(Property property, ParseRow(row));
    if (!names.insert(property.path).second) {
      return Error(RowError(property.path, "is given twice"));
    }
    SLUICE_ASSIGN_OR_RETURN(auto rule, ParseLevelRule(row, property));
    if (!rule.empty()) rules.emplace(property.path, std::move(rule));
    rows.push_back(std::move(property));
  }
  // A setting is a value or a table of settings, never both.
  for (const std::string& name : names) {
    auto below = names.lower_bound(name + ".");
    if (below != names.end() && below->compare(0, name.size() + 1, name + ".") == 0) {
      return Error(RowError(name, fmt::format("is a value, and {} is below it", *below)));
    }
  }
  return SettingsSchema(PropertyTable(std::move(rows)), std::move(rules));
}

Result<std::map<std::string, AckLevel>> SettingsSchema::ParseLevelRule(const ConfigNode& row,
                                                                       const Property& property) {
  std::map<std::string, AckLevel> rule;
  const ConfigNode* levels = row.Find("highest_level");
  if (!HasValue(levels)) return rule;
  const bool takes_it =
      property.type == PropertyType::kBool || property.type == PropertyType::kEnum;
  if (!takes_it || !levels->is(NodeKind::kMap)) {
    return Error(RowError(property.path,
                          "\"highest_level\" is an object from values to levels, of a bool or an "
                          "enum"));
  }
  for (const ConfigMember& member : levels->members) {
    std::optional<AckLevel> level;
    for (AckLevel known : {AckLevel::kReceived, AckLevel::kDurable, AckLevel::kVisible}) {
      if (member.value.is(NodeKind::kString) && member.value.text == AckLevelName(known)) {
        level = known;
      }
    }
    std::string fault = ValueFault(property, member.key);
    if (fault.empty() && !level) fault = "expected received, durable or visible";
    if (!fault.empty()) return Error(RowError(property.path, "bad highest_level: " + fault));
    rule.emplace(member.key, *level);
  }
  return rule;
}

void SettingsSchema::ApplyLevelRule(const CheckedValue& value, const std::string& key,
                                    const SourcePosition& at, SettingsCheck* out) const {
  auto rule = level_rules_->find(value.path);
  if (rule == level_rules_->end()) return;
  const std::string text = value.node.is(NodeKind::kString) ? value.node.text : ToJson(value.node);
  auto level = rule->second.find(text);
  if (level == rule->second.end()) return;
  if (out->level_cap && out->level_cap->level <= level->second) return;
  out->level_cap = {level->second, key + "." + value.path, text,
                    value.node.at.written() ? value.node.at : at};
}

SettingsCheck SettingsSchema::Check(const ConfigNode& settings, const std::string& key,
                                    const SourcePosition& at) const {
  ConfigNode placed = settings;
  placed.at = at;
  CheckOutput checked = CheckTree(*table_, placed, nullptr, key);
  SettingsCheck out;
  out.problems = std::move(checked.problems);
  ConfigNode completed = ConfigNode::Map();
  ConfigNode masked = ConfigNode::Map();
  for (const CheckedValue& value : checked.values.all()) {
    if (!value.has_value()) continue;
    if (value.property->type == PropertyType::kDuration &&
        value.node.integer % kNanosPerMilli != 0) {
      const SourcePosition& place = value.node.at.written() ? value.node.at : at;
      out.problems.push_back(
          MakeProblem(place, key + "." + value.path, "expected whole milliseconds"));
    }
    ApplyLevelRule(value, key, at, &out);
    std::string last;
    Reach(&completed, value.path, &last)->Set(last, {}, ForPlugin(value));
    Reach(&masked, value.path, &last)->Set(last, {}, ForPeople(value));
  }
  SortAndDeduplicate(&out.problems);
  out.completed = ToJson(completed);
  out.masked = ToJson(masked);
  return out;
}

SettingsCheck SettingsSchema::Check(const SinkConfig& sink) const {
  const SourcePosition& at = sink.settings_at.written() ? sink.settings_at : sink.at;
  return Check(sink.settings_tree, "sinks." + sink.name.str() + ".settings", at);
}

SettingsCheck SettingsSchema::Check(std::string_view settings_json, const std::string& key) const {
  Result<ConfigNode> root = FromJson(settings_json);
  if (root && root->is(NodeKind::kMap)) return Check(*root, key, {});
  SettingsCheck out;
  out.problems.push_back(
      MakeProblem({}, key, root ? "expected a JSON object" : root.error().message()));
  return out;
}

}  // namespace sluice
