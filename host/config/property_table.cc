// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "config/properties.h"

namespace sluice {

namespace {

constexpr std::string_view kSinks = "sinks.*.";
constexpr std::string_view kTemplates = "templates.*.";

std::string Join(std::string_view parent, std::string_view child) {
  if (parent.empty()) return std::string(child);
  return std::string(parent) + "." + std::string(child);
}

}  // namespace

std::string_view PropertyTypeName(PropertyType type) {
  switch (type) {
    case PropertyType::kString:
      return "text";
    case PropertyType::kBool:
      return "true or false";
    case PropertyType::kInt:
      return "integer";
    case PropertyType::kNumber:
      return "number";
    case PropertyType::kDuration:
      return "duration";
    case PropertyType::kSize:
      return "size";
    case PropertyType::kEnum:
      return "one of";
    case PropertyType::kList:
      return "list of text";
    case PropertyType::kMap:
      return "table";
  }
  return "unknown";
}

PropertyTable::PropertyTable(std::vector<Property> rows) : rows_(std::move(rows)) {
  std::vector<Property> inherited;
  for (const Property& row : rows_) {
    if (row.path.rfind(kSinks, 0) != 0) continue;
    std::string name = row.path.substr(kSinks.size());
    std::string path = std::string(kTemplates) + name;
    bool known = std::any_of(rows_.begin(), rows_.end(),
                             [&](const Property& other) { return other.path == path; });
    // A template has no template: what a sink is made of is then seen in one place.
    if (known || name == "template") continue;
    Property copy = row;
    copy.path = std::move(path);
    copy.required = false;
    copy.optional = true;
    inherited.push_back(std::move(copy));
  }
  rows_.insert(rows_.end(), inherited.begin(), inherited.end());

  for (size_t i = 0; i < rows_.size(); ++i) {
    const std::string& path = rows_[i].path;
    SLUICE_CHECK(by_path_.emplace(path, i).second, "a property has two rows");
    std::string parent;
    for (size_t start = 0; start <= path.size();) {
      size_t dot = std::min(path.find('.', start), path.size());
      std::string child = path.substr(start, dot - start);
      std::vector<std::string>& siblings = children_[parent];
      if (std::find(siblings.begin(), siblings.end(), child) == siblings.end()) {
        siblings.push_back(child);
      }
      parent = Join(parent, child);
      start = dot + 1;
    }
  }
}

const Property* PropertyTable::Find(std::string_view pattern) const {
  auto found = by_path_.find(pattern);
  return found == by_path_.end() ? nullptr : &rows_[found->second];
}

std::vector<std::string> PropertyTable::Children(std::string_view pattern) const {
  auto found = children_.find(pattern);
  return found == children_.end() ? std::vector<std::string>{} : found->second;
}

}  // namespace sluice
