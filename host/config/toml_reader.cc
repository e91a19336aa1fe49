// SPDX-License-Identifier: Apache-2.0
#include "config/toml_reader.h"

#include <fmt/core.h>
#include <toml++/toml.h>

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

namespace sluice {

namespace {

class TomlConverter {
 public:
  explicit TomlConverter(std::string_view file) : file_(file) {}

  ConfigNode Convert(const toml::node& node, int depth) {
    SourcePosition at = Place(node.source());
    if (depth > kMaxTreeDepth) {
      if (!too_deep_.written()) too_deep_ = at;
      return ConfigNode::Null(at);
    }
    switch (node.type()) {
      case toml::node_type::string:
        return ConfigNode::String(**node.as_string(), at);
      case toml::node_type::integer:
        return ConfigNode::Integer(**node.as_integer(), at);
      case toml::node_type::floating_point:
        return ConfigNode::Number(**node.as_floating_point(), at);
      case toml::node_type::boolean:
        return ConfigNode::Bool(**node.as_boolean(), at);
      case toml::node_type::array:
        return ConvertList(*node.as_array(), at, depth);
      case toml::node_type::table:
        return ConvertMap(*node.as_table(), at, depth);
      default:
        break;
    }
    ConfigNode other = ConfigNode::Null(at);
    other.kind = NodeKind::kOther;
    other.text = "a date or time";
    return other;
  }

  const SourcePosition& too_deep() const { return too_deep_; }

 private:
  SourcePosition Place(const toml::source_region& region) const {
    return {file_, static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
  }

  ConfigNode ConvertList(const toml::array& array, const SourcePosition& at, int depth) {
    ConfigNode list = ConfigNode::List(at);
    for (const toml::node& item : array) list.items.push_back(Convert(item, depth + 1));
    return list;
  }

  ConfigNode ConvertMap(const toml::table& table, const SourcePosition& at, int depth) {
    ConfigNode map = ConfigNode::Map(at);
    for (auto&& [key, value] : table) {
      map.members.push_back(
          ConfigMember{std::string(key.str()), Place(key.source()), Convert(value, depth + 1)});
    }
    // toml++ keeps tables sorted by name; the order of the file is the order of sinks and of
    // errors.
    std::stable_sort(map.members.begin(), map.members.end(),
                     [](const ConfigMember& a, const ConfigMember& b) {
                       return std::pair(a.key_at.line, a.key_at.column) <
                              std::pair(b.key_at.line, b.key_at.column);
                     });
    return map;
  }

  std::string file_;
  SourcePosition too_deep_;
};

std::string_view LineOf(std::string_view text, const SourcePosition& at) {
  for (int line = 1; line < at.line; ++line) {
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  return text.substr(0, std::min(text.find_first_of("\r\n"), text.size()));
}

// The line as far as its value, which may be a secret.
std::string Shown(std::string_view line) {
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return std::string(line);
  return std::string(line.substr(0, equals + 1)) + " …";
}

// The library's words, but for the mistake that it has none for.
std::string Describe(std::string_view text, const SourcePosition& at, std::string_view said) {
  const std::string_view line = LineOf(text, at);
  const bool at_end = at.column > 0 && static_cast<size_t>(at.column) > line.size();
  const bool open_quote = at_end && said.find("parsing string") != std::string_view::npos;
  return fmt::format(
      "{}; the line is: {}",
      open_quote ? "the quote that begins the text on this line is not closed on it" : said,
      Shown(line));
}

}  // namespace

tl::expected<ConfigNode, Problem> ReadToml(std::string_view text, std::string_view file) {
  try {
    toml::table table = toml::parse(text, file);
    TomlConverter converter(file);
    ConfigNode root = converter.Convert(table, 0);
    if (converter.too_deep().written()) {
      return tl::unexpected(MakeProblem(converter.too_deep(), "", "nested too deeply"));
    }
    return root;
  } catch (const toml::parse_error& error) {
    SourcePosition at{std::string(file), static_cast<int>(error.source().begin.line),
                      static_cast<int>(error.source().begin.column)};
    return tl::unexpected(MakeProblem(at, "", Describe(text, at, error.description())));
  } catch (const std::exception& error) {
    return tl::unexpected(MakeProblem({std::string(file), 0, 0}, "", error.what()));
  }
}

}  // namespace sluice
