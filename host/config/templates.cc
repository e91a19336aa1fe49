// SPDX-License-Identifier: Apache-2.0
#include "config/templates.h"

#include <fmt/core.h>

#include <string>
#include <utility>

#include "base/nearest.h"

namespace sluice {

namespace {

void Overlay(ConfigNode* base, const ConfigNode& over) {
  for (const ConfigMember& member : over.members) {
    ConfigNode* existing = base->Find(member.key);
    // In YAML a table whose lines are all commented out is null: it overrides nothing.
    if (existing != nullptr && existing->is(NodeKind::kMap) && member.value.is(NodeKind::kNull)) {
      continue;
    }
    if (existing != nullptr && existing->is(NodeKind::kMap) && member.value.is(NodeKind::kMap)) {
      existing->at = member.value.at;
      existing->from_template.clear();
      Overlay(existing, member.value);
    } else {
      base->Set(member.key, member.key_at, member.value);
    }
  }
}

}  // namespace

void ApplyTemplates(ConfigNode* root, std::vector<Problem>* problems) {
  ConfigNode* sinks = root->Find("sinks");
  if (sinks == nullptr) return;
  const ConfigNode* templates = static_cast<const ConfigNode*>(root)->Find("templates");
  for (ConfigMember& sink : sinks->members) {
    const ConfigNode* wanted = static_cast<const ConfigNode&>(sink.value).Find("template");
    // Of another type or empty: the checker says so, or there is none.
    if (wanted == nullptr || !wanted->is(NodeKind::kString) || wanted->text.empty()) continue;
    const ConfigNode* found = templates == nullptr ? nullptr : templates->Find(wanted->text);
    if (found == nullptr) {
      std::vector<std::string> known;
      if (templates != nullptr) {
        for (const ConfigMember& member : templates->members) known.push_back(member.key);
      }
      problems->push_back(MakeProblem(wanted->at, "sinks." + sink.key + ".template",
                                      fmt::format("there is no template \"{}\"; add [templates.{}]",
                                                  wanted->text, wanted->text),
                                      NearestName(wanted->text, known)));
      continue;
    }
    if (!found->is(NodeKind::kMap)) continue;
    ConfigNode merged = *found;
    MarkTemplate(&merged, wanted->text);
    merged.at = sink.value.at;
    merged.from_template.clear();
    Overlay(&merged, sink.value);
    sink.value = std::move(merged);
  }
}

}  // namespace sluice
