// SPDX-License-Identifier: Apache-2.0
#include "config/reference.h"

#include <fmt/core.h>

#include <string_view>
#include <utility>
#include <vector>

#include "config/environment.h"
#include "config/json_tree.h"

namespace sluice {

namespace {

constexpr std::string_view kIntroduction =
    R"(<!-- Generated from the property table by `sluice config reference`; do not edit. -->
# Configuration reference

A node reads `config/app.toml` below its home, or `config/app.yaml` with the same keys; both at once is an
error. `sluice init` writes a commented file that runs as it is, `sluice config check` reports everything
that is wrong with it at once, and `sluice config show` prints every value with where it came from.

- **Durations** are text with a unit: `"200ms"`, `"2s"`, `"1m30s"` (ns, us, ms, s, m, h, d). **Sizes** are
  text with a unit: `"64MiB"` (B, KiB, MiB, GiB, TiB; KB, MB, GB, TB are powers of 1000). A bare number is
  an error.
- **Names** of streams, stores, sinks and templates are 1 to 63 characters a-z, 0-9, _ and -.
- **Lists**: `["*"]` says all. Where all could be meant, an empty list is an error.
- **Relative paths** resolve against the home.
- **Environment overrides**: `SLUICE_COMMIT__ACK_TIMEOUT=5s` sets `commit.ack_timeout`: `SLUICE_`, then the
  path in capitals, two underscores a level, `_` for `-`. A list is separated by commas or is JSON, a table
  is JSON; `SLUICE_SINKS__AUDIT__SETTINGS__PATH=…` sets one key of a table. A sink or template must be in
  the file to be overridden. `SLUICE_HOME`, and names that begin with `SLUICE_TEST_` or
  `SLUICE_FAILPOINT`, are no overrides.
- **Secrets**: `${NAME}` in any text is that environment variable, `{ file = "path" }` in the place of any
  text is that file's content without its last newline; `$${` is a literal `${`. What came from either is
  masked in every output, as are settings whose name looks like a credential. A table inside a plugin's
  settings whose one key is `file` is always such a reference.
- **Templates**: a sink with `template = "name"` takes everything from `[templates.name]` and lays its own
  keys over it; `settings` and `retry` are merged key by key, at every depth.
- An **unknown key** is an error. A key of an older name works for one minor version, with a warning.
)";

std::string Escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string TypeText(const Property& row) {
  std::string out;
  if (row.type == PropertyType::kEnum) {
    for (const std::string& value : row.values) {
      out += fmt::format("{}`{}`", out.empty() ? "" : ", ", value);
    }
    return out;
  }
  out = PropertyTypeName(row.type);
  if (!row.minimum.empty() && !row.maximum.empty()) {
    out += fmt::format(", {} to {}", row.minimum, row.maximum);
  } else if (!row.minimum.empty()) {
    out += fmt::format(", at least {}", row.minimum);
  } else if (!row.maximum.empty()) {
    out += fmt::format(", at most {}", row.maximum);
  }
  return out;
}

std::string DefaultText(const Property& row) {
  if (!row.default_note.empty()) return row.default_note;
  if (row.required) return "required";
  if (row.optional) return "none";
  bool text = row.type == PropertyType::kString || row.type == PropertyType::kEnum ||
              row.type == PropertyType::kDuration || row.type == PropertyType::kSize;
  return text ? fmt::format("`\"{}\"`", row.default_text) : fmt::format("`{}`", row.default_text);
}

std::string DescriptionText(const Property& row) {
  std::string out = row.description;
  if (row.secret) out += " Secret.";
  if (!row.unavailable.empty()) {
    out += " Not yet available in this version: ";
    for (const std::string& value : row.unavailable) {
      out += fmt::format("{}`{}`", &value == &row.unavailable.front() ? "" : ", ", value);
    }
    out += '.';
  }
  for (const std::string& older : row.older_names) out += fmt::format(" Older name: `{}`.", older);
  return out;
}

// A template's copies of a sink's rows are described once, in the section's text.
bool IsCopy(const PropertyTable& table, const Property& row) {
  static constexpr std::string_view kTemplates = "templates.*.";
  if (row.path.rfind(kTemplates, 0) != 0) return false;
  std::string name = row.path.substr(kTemplates.size());
  const Property* sinks = table.Find("sinks.*." + name);
  return sinks != nullptr && sinks->description == row.description;
}

std::string SectionTitle(std::string_view level) {
  std::string out(level);
  size_t star = out.find('*');
  if (star != std::string::npos) out.replace(star, 1, "NAME");
  return "[" + out + "]";
}

ConfigNode TextOrNull(const std::string& text) {
  return text.empty() ? ConfigNode::Null() : ConfigNode::String(text);
}

ConfigNode TextList(const std::vector<std::string>& texts) {
  ConfigNode list = ConfigNode::List();
  for (const std::string& text : texts) list.items.push_back(ConfigNode::String(text));
  return list;
}

}  // namespace

std::string ReferenceMarkdown(const PropertyTable& table) {
  std::string out(kIntroduction);
  std::string section;
  for (const Property& row : table.rows()) {
    if (IsCopy(table, row)) continue;
    size_t dot = row.path.rfind('.');
    std::string level = dot == std::string::npos ? "" : row.path.substr(0, dot);
    if (level != section) {
      section = level;
      out += fmt::format("\n## `{}`\n\n", SectionTitle(level));
      std::string_view text = SectionDescription(level);
      if (!text.empty()) out += fmt::format("{}\n\n", text);
      out += "| key | type | default | what it does |\n|---|---|---|---|\n";
    }
    out +=
        fmt::format("| `{}` | {} | {} | {} |\n", row.path.substr(dot + 1), Escaped(TypeText(row)),
                    Escaped(DefaultText(row)), Escaped(DescriptionText(row)));
  }
  return out;
}

std::string ReferenceJson(const PropertyTable& table) {
  ConfigNode list = ConfigNode::List();
  for (const Property& row : table.rows()) {
    if (IsCopy(table, row)) continue;
    ConfigNode entry = ConfigNode::Map();
    auto set = [&](std::string_view key, ConfigNode node) { entry.Set(key, {}, std::move(node)); };
    bool has_default = !row.optional && !row.required;
    set("key", ConfigNode::String(row.path));
    set("type", ConfigNode::String(row.type == PropertyType::kEnum
                                       ? "enum"
                                       : std::string(PropertyTypeName(row.type))));
    set("default", has_default ? ConfigNode::String(row.default_text) : ConfigNode::Null());
    if (!row.default_note.empty()) set("default_is", ConfigNode::String(row.default_note));
    set("min", TextOrNull(row.minimum));
    set("max", TextOrNull(row.maximum));
    set("values", TextList(row.values));
    set("not_yet_available", TextList(row.unavailable));
    set("required", ConfigNode::Bool(row.required));
    set("secret", ConfigNode::Bool(row.secret));
    set("environment", ConfigNode::String(OverrideName(row.path)));
    set("description", ConfigNode::String(row.description));
    list.items.push_back(std::move(entry));
  }
  return ToJson(list, KeyOrder::kAsWritten, JsonStyle::kIndented);
}

}  // namespace sluice
