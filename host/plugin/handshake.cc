// SPDX-License-Identifier: Apache-2.0
#include "plugin/handshake.h"

#include <fmt/core.h>

#include <string_view>

#include "base/bytes.h"

namespace sluice {
namespace {

// Through `create` and `destroy`: the fields that version 1.0 made mandatory.
constexpr size_t kPluginTableSize = offsetof(sluice_plugin, create) + sizeof(sluice_plugin::create);
constexpr size_t kInstanceTableSize =
    offsetof(sluice_instance, destroy) + sizeof(sluice_instance::destroy);

tl::unexpected<Status> Refuse(std::string text) {
  return Error(StatusCode::kPlugin, std::move(text));
}

bool IsUsableText(const sluice_text& text) {
  return text.size > 0 && text.data != nullptr && IsUtf8({text.data, text.size});
}

}  // namespace

Result<PluginIdentity> CheckPluginTable(const sluice_plugin* table) {
  if (table == nullptr) {
    return Refuse("its entry function returned no table: ask its author for a fixed build");
  }
  if (table->struct_size < kPluginTableSize) {
    return Refuse(
        fmt::format("its table has {} bytes, this node needs at least {}: build it again with "
                    "sluice/plugin.h of version {}.{}",
                    table->struct_size, kPluginTableSize, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR));
  }
  const std::string_view tag = table->build_tag == nullptr ? "" : table->build_tag;
  if (tag != SLUICE_ABI_BUILD_TAG) {
    return Refuse(
        fmt::format("built against the ABI draft \"{}\", this node has \"{}\": build it again with "
                    "this node's sluice/plugin.h",
                    tag, SLUICE_ABI_BUILD_TAG));
  }
  if (!IsUsableText(table->id)) {
    return Refuse("its id is empty or not UTF-8: ask its author for a fixed build");
  }
  if (!IsUsableText(table->version)) {
    return Refuse("its version is empty or not UTF-8: ask its author for a fixed build");
  }
  if (table->highest_level < SLUICE_LEVEL_RECEIVED || table->highest_level > SLUICE_LEVEL_VISIBLE) {
    return Refuse(
        fmt::format("its highest ack level is {}, which is none of 1, 2, 3: ask its author for a "
                    "fixed build",
                    table->highest_level));
  }
  if (table->settings_schema.size > 0 && !IsUsableText(table->settings_schema)) {
    return Refuse("its settings schema is not UTF-8: ask its author for a fixed build");
  }
  if (table->create == nullptr) {
    return Refuse("its table has no create function: ask its author for a fixed build");
  }
  PluginIdentity identity;
  identity.id.assign(table->id.data, table->id.size);
  identity.version.assign(table->version.data, table->version.size);
  identity.abi_minor = table->abi_minor;
  identity.build_tag = tag;
  identity.capabilities = table->capabilities;
  identity.highest_level = static_cast<AckLevel>(table->highest_level);
  if (table->settings_schema.size > 0) {
    identity.settings_schema.assign(table->settings_schema.data, table->settings_schema.size);
  }
  return identity;
}

Status CheckInstanceTable(const sluice_instance* table) {
  if (table->struct_size < kInstanceTableSize) {
    return {
        StatusCode::kPlugin,
        fmt::format("its instance table has {} bytes, this node needs at least {}: build it "
                    "again with sluice/plugin.h of version {}.{}",
                    table->struct_size, kInstanceTableSize, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR)};
  }
  const char* missing = table->start == nullptr     ? "start"
                        : table->deliver == nullptr ? "deliver"
                        : table->destroy == nullptr ? "destroy"
                                                    : nullptr;
  if (missing != nullptr) {
    return {StatusCode::kPlugin,
            fmt::format("its instance table has no {} function: ask its author for a fixed build",
                        missing)};
  }
  return Status::Ok();
}

}  // namespace sluice
