// SPDX-License-Identifier: Apache-2.0
#include "config/initial_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "config/effective.h"
#include "config/json_tree.h"
#include "config/properties.h"
#include "config/value_check.h"

namespace sluice {

namespace {

constexpr size_t kWidth = 100;

constexpr std::string_view kHeader =
    "Sluice configuration. It runs as it is: one store, one file sink that must have each block on "
    "disk before the block commits.\n"
    "Text is behind \"# \"; a setting behind \"#\" alone is commented out and shows its default. "
    "`sluice config check` tells all that is "
    "wrong with this file, `sluice config show` what is in force, and where it came from.\n"
    "${NAME} in a text is an environment variable; { file = \"path\" } in its place is a file's "
    "content: both keep secrets out of this file.";

// The settings that are written and not commented out, as JSON.
const std::map<std::string, std::string, std::less<>>& ActiveSettings() {
  static const auto* const kActive = new std::map<std::string, std::string, std::less<>>{
      {"node.stream_id", R"("demo")"},
      {"stores.names", R"(["main"])"},
      {"driver.kind", R"("replay")"},
      {"commit.policy", R"("all")"},
      {"sinks.*.plugin", R"("file")"},
      {"sinks.*.settings", R"({"path": "data/stream", "fsync": true})"},
  };
  return *kActive;
}

// What stands for * in the file.
std::string_view ExampleName(std::string_view parent) {
  return parent == "sinks" ? "audit" : "kafka-eu";
}

class Writer {
 public:
  explicit Writer(ConfigFormat format) : yaml_(format == ConfigFormat::kYaml) {}

  std::string Run() {
    Comment(kHeader, 0);
    WriteLevel("", 0, false);
    return std::move(out_);
  }

 private:
  std::string Indent(int depth) const { return std::string(yaml_ ? depth * 2 : 0, ' '); }

  // Wrapped comment lines.
  void Comment(std::string_view text, int depth) {
    std::string start = Indent(depth) + "# ";
    std::string line;
    auto flush = [&] {
      if (!line.empty()) out_ += start + line + "\n";
      line.clear();
    };
    for (size_t at = 0; at < text.size();) {
      size_t end = std::min(text.find_first_of(" \n", at), text.size());
      std::string_view word = text.substr(at, end - at);
      if (!line.empty() && start.size() + line.size() + 1 + word.size() > kWidth) flush();
      line += (line.empty() ? "" : " ") + std::string(word);
      if (end < text.size() && text[end] == '\n') flush();
      at = end + 1;
    }
    flush();
  }

  static std::string Sentence(const Property& row) {
    std::string out = row.description;
    if (!row.default_note.empty()) {
      out += fmt::format(" Default: {}.", row.default_note);
    } else if (!row.required && !row.optional && row.type != PropertyType::kMap &&
               !row.default_text.empty()) {
      out += fmt::format(" Default: {}.", row.default_text);
    }
    if (!row.minimum.empty()) out += fmt::format(" At least {}.", row.minimum);
    if (!row.maximum.empty()) out += fmt::format(" At most {}.", row.maximum);
    if (row.type == PropertyType::kEnum) {
      out += " One of:";
      for (const std::string& value : row.values) out += " " + value;
      out += '.';
    }
    if (!row.unavailable.empty()) {
      out += " Not yet available in this version:";
      for (const std::string& value : row.unavailable) out += " " + value;
      out += '.';
    }
    if (row.secret) out += " Secret: better ${NAME} or { file = … } than the text itself.";
    return out;
  }

  // What is shown as the value: the active one, an example, or the default.
  static ConfigNode ShownValue(const Property& row, bool active) {
    std::string json;
    if (active) json = ActiveSettings().find(row.path)->second;
    bool structured = row.type == PropertyType::kMap || row.type == PropertyType::kList;
    if (json.empty() && structured) json = row.example.empty() ? row.default_text : row.example;
    if (!json.empty()) {
      Result<ConfigNode> node = FromJson(json);
      SLUICE_CHECK(node.has_value(), "a value for the commented file is no JSON");
      return std::move(*node);
    }
    std::string text = row.example.empty() ? row.default_text : row.example;
    bool quoted = row.type == PropertyType::kString || row.type == PropertyType::kEnum ||
                  row.type == PropertyType::kDuration || row.type == PropertyType::kSize;
    if (quoted) return ConfigNode::String(text);
    // Booleans and numbers are written as they stand in the table.
    ConfigNode bare = ConfigNode::Null();
    bare.kind = NodeKind::kOther;
    bare.text = text;
    return bare;
  }

  std::string ValueText(const ConfigNode& node) const {
    if (node.is(NodeKind::kOther)) return node.text;
    return yaml_ ? YamlFlow(node) : ToTomlValue(node);
  }

  // YAML's notation on one line: JSON, with the spaces that people write.
  static std::string YamlFlow(const ConfigNode& node) {
    std::string out;
    if (node.is(NodeKind::kMap)) {
      for (const ConfigMember& member : node.members) {
        out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", member.key, YamlFlow(member.value));
      }
      return "{" + out + "}";
    }
    if (node.is(NodeKind::kList)) {
      for (const ConfigNode& item : node.items) {
        out += (out.empty() ? "" : ", ") + YamlFlow(item);
      }
      return "[" + out + "]";
    }
    return ToJson(node);
  }

  void WriteRow(const Property& row, const std::string& key, int depth, bool commented_level) {
    bool active = !commented_level && ActiveSettings().count(row.path) > 0;
    Comment(Sentence(row), depth);
    out_ += fmt::format("{}{}{}{}{}\n", Indent(depth), active ? "" : "#", key, yaml_ ? ": " : " = ",
                        ValueText(ShownValue(row, active)));
  }

  // `depth`: of the level's members. `commented`: the whole level is an example.
  void WriteLevel(const std::string& pattern, int depth, bool commented) {
    const PropertyTable& table = NodeProperties();
    std::vector<std::string> levels;
    for (const std::string& child : table.Children(pattern)) {
      std::string path = pattern.empty() ? child : pattern + "." + child;
      const Property* row = table.Find(path);
      if (row == nullptr) {
        levels.push_back(path);
      } else if (pattern != "templates.*" || child == "plugin" || child == "settings") {
        WriteRow(*row, child, depth, commented);
      }
    }
    // In TOML what follows a table's header belongs to it, so tables come after plain settings.
    for (const std::string& path : levels) {
      if (path == "templates.*.retry") continue;
      WriteHeader(path, depth, commented || path == "templates");
    }
  }

  void WriteHeader(const std::string& pattern, int depth, bool commented) {
    size_t dot = pattern.rfind('.');
    std::string parent = dot == std::string::npos ? "" : pattern.substr(0, dot);
    std::string name = dot == std::string::npos ? pattern : pattern.substr(dot + 1);
    if (name == "*") name = ExampleName(parent);
    std::string title = Title(pattern);
    bool named = NodeProperties().Children(pattern) == std::vector<std::string>{"*"};
    // A level that only holds names has no header of its own in TOML.
    if (yaml_ || !named) {
      out_ += '\n';
      std::string_view text = SectionDescription(pattern);
      if (!text.empty()) Comment(text, depth);
      std::string header = yaml_ ? name + ":" : "[" + title + "]";
      out_ += fmt::format("{}{}{}\n", Indent(depth), commented ? "#" : "", header);
    }
    WriteLevel(pattern, depth + 1, commented);
  }

  static std::string Title(const std::string& pattern) {
    size_t star = pattern.find('*');
    if (star == std::string::npos) return pattern;
    std::string title = pattern;
    return title.replace(star, 1, ExampleName(pattern.substr(0, star - 1)));
  }

  bool yaml_;
  std::string out_;
};

}  // namespace

std::string InitialConfigText(ConfigFormat format) { return Writer(format).Run(); }

}  // namespace sluice
