// SPDX-License-Identifier: Apache-2.0
//
// What the plugin says of its settings, and what it does where they are wrong.
#include <fmt/core.h>

#include "config/json_tree.h"
#include "config/settings_schema.h"
#include "contract/check.h"

namespace sluice::contract {
namespace {

Status SchemaIsRead(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, context->Load());
  const PluginIdentity& identity = library->identity();
  if (identity.id.empty()) return Wrong("the identity has no id");
  if (identity.settings_schema.empty()) return Status::Ok();
  SLUICE_ASSIGN_OR_RETURN(const ConfigNode rows, FromJson(identity.settings_schema));
  for (const ConfigNode& row : rows.items) {
    const ConfigNode* description = row.Find("description");
    if (description == nullptr || description->text.empty()) {
      return Wrong("setting {} has no description", row.Find("name")->text);
    }
  }
  return Status::Ok();
}

// The map that holds the last part of a dotted name, or null.
ConfigNode* TableOf(ConfigNode* settings, std::string name, std::string* last) {
  ConfigNode* table = settings;
  for (size_t dot = 0; table != nullptr && (dot = name.find('.')) != std::string::npos;) {
    table = table->Find(name.substr(0, dot));
    name.erase(0, dot + 1);
  }
  *last = name;
  return table;
}

Status StartWithout(CheckContext* context, PluginLibrary* library, const std::string& name) {
  SinkPlace place = context->place();
  SLUICE_ASSIGN_OR_RETURN(ConfigNode settings, FromJson(place.settings_json));
  std::string last;
  ConfigNode* const table = TableOf(&settings, name, &last);
  if (table == nullptr || table->Find(last) == nullptr) {
    return Wrong("setting {} is required, and these settings do not have it", name);
  }
  std::erase_if(table->members, [&](const ConfigMember& member) { return member.key == last; });
  place.settings_json = ToJson(settings);

  SLUICE_ASSIGN_OR_RETURN(const SettingsSchema schema,
                          SettingsSchema::Parse(library->identity().settings_schema));
  if (schema.Check(place.settings_json, "settings").ok()) {
    return Wrong("setting {} is required, and the schema's check passes without it", name);
  }
  IncarnationOptions options;
  options.epoch = context->report()->NextEpoch();
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                          Incarnation::Create(library, place, options, context->report()));
  const Status status = sink->Start();
  if (status.code() != StatusCode::kInvalid) {
    return Wrong("start without the required setting {} answered {} ({}), not INVALID", name,
                 StatusCodeName(status.code()), status.message());
  }
  return status.message().find("(the plugin gave no reason)") == std::string::npos
             ? Status::Ok()
             : Wrong("start without the required setting {} gave no reason", name);
}

Status MissingRequiredIsInvalid(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, context->Load());
  bool any = false;
  if (!library->identity().settings_schema.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const ConfigNode rows, FromJson(library->identity().settings_schema));
    for (const ConfigNode& row : rows.items) {
      const ConfigNode* required = row.Find("required");
      if (required == nullptr || !required->boolean) continue;
      any = true;
      SLUICE_RETURN_IF_ERROR(StartWithout(context, library, row.Find("name")->text));
    }
  }
  if (!any) context->NotChecked("no setting is required");
  return Status::Ok();
}

}  // namespace

std::vector<Check> SettingsChecks() {
  return {
      {"settings.schema_is_read",
       "the node checks an operator's settings against the schema and shows its descriptions",
       "give each row of settings_schema a name, a type and a description", SchemaIsRead},
      {"settings.missing_required_is_invalid",
       "a mistake of the operator's has to be told from a failure that goes away by itself",
       "answer INVALID with a text that names the setting", MissingRequiredIsInvalid},
  };
}

}  // namespace sluice::contract
