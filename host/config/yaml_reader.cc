// SPDX-License-Identifier: Apache-2.0
//
// The tree is built from yaml-cpp's parser events, not from its Node: those keep no order of their
// own to rely on, drop the difference between 2 and "2" late, and let duplicate keys pass.
#include "config/yaml_reader.h"

#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

namespace {

// Aliases copy; this bounds what a small file can grow to.
constexpr size_t kMaxNodes = 100'000;

size_t CountNodes(const ConfigNode& node) {
  size_t count = 1;
  for (const ConfigNode& item : node.items) count += CountNodes(item);
  for (const ConfigMember& member : node.members) count += CountNodes(member.value);
  return count;
}

int Depth(const ConfigNode& node) {
  int deepest = 0;
  for (const ConfigNode& item : node.items) deepest = std::max(deepest, Depth(item));
  for (const ConfigMember& member : node.members) deepest = std::max(deepest, Depth(member.value));
  return deepest + 1;
}

std::optional<int64_t> CoreInteger(std::string_view text) {
  bool negative = !text.empty() && text[0] == '-';
  std::string_view digits = text;
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.substr(0, 2) == "0x") base = 16;
  if (digits.substr(0, 2) == "0o") base = 8;
  if (base != 10) digits.remove_prefix(2);
  if (digits.empty() || digits[0] == '-') return std::nullopt;
  std::string number = (negative ? "-" : "") + std::string(digits);
  int64_t value = 0;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value, base);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  return value;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
std::optional<double> CoreNumber(std::string_view text) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  std::string_view unsigned_text = text;
  if (!unsigned_text.empty() && unsigned_text[0] == '-') unsigned_text.remove_prefix(1);
  if (unsigned_text.empty() ||
      unsigned_text.find_first_not_of("0123456789.eE+-") != std::string_view::npos) {
    return std::nullopt;
  }
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string_view file) : file_(file) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      Fail(Place(mark), "", "a second document; a configuration is one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(ConfigNode::Null(Place(mark)), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      Fail(Place(mark), "", "an alias of something that is not complete yet");
      Add(ConfigNode::Null(Place(mark)), 0);
      return;
    }
    nodes_ += CountNodes(found->second);
    if (nodes_ > kMaxNodes ||
        static_cast<int>(open_.size()) + Depth(found->second) > kMaxTreeDepth) {
      Fail(Place(mark), "", "aliases make this file too large");
      Add(ConfigNode::Null(Place(mark)), 0);
      return;
    }
    Add(found->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    CheckTag(mark, tag);
    bool plain = tag.empty() || tag == "?";
    // A key is text, whatever it looks like.
    if (WantsKey()) {
      Add(ConfigNode::String(value, Place(mark)), anchor);
      return;
    }
    Add(plain ? Typed(value, Place(mark)) : ConfigNode::String(value, Place(mark)), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Open(ConfigNode::List(Place(mark)), anchor);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Open(ConfigNode::Map(Place(mark)), anchor);
  }
  void OnMapEnd() override { Close(); }

  const std::optional<Problem>& problem() const { return problem_; }
  ConfigNode TakeRoot() { return std::move(root_); }

 private:
  struct OpenNode {
    ConfigNode node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key;
    SourcePosition key_at;
  };

  SourcePosition Place(const YAML::Mark& mark) const {
    return {file_, mark.line + 1, mark.column + 1};
  }

  void Fail(const SourcePosition& at, std::string key, std::string text) {
    if (!problem_) problem_ = MakeProblem(at, std::move(key), std::move(text));
  }

  // "?" and "!" are yaml-cpp's marks for plain and for quoted scalars.
  void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    bool known = tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:str" ||
                 tag == "tag:yaml.org,2002:map" || tag == "tag:yaml.org,2002:seq";
    if (!known) Fail(Place(mark), "", fmt::format("unknown tag {}; write the value plainly", tag));
  }

  static ConfigNode Typed(const std::string& value, SourcePosition at) {
    if (value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL") {
      return ConfigNode::Null(std::move(at));
    }
    if (value == "true" || value == "True" || value == "TRUE") {
      return ConfigNode::Bool(true, std::move(at));
    }
    if (value == "false" || value == "False" || value == "FALSE") {
      return ConfigNode::Bool(false, std::move(at));
    }
    if (std::optional<int64_t> integer = CoreInteger(value)) {
      return ConfigNode::Integer(*integer, std::move(at));
    }
    if (std::optional<double> number = CoreNumber(value)) {
      return ConfigNode::Number(*number, std::move(at));
    }
    return ConfigNode::String(value, std::move(at));
  }

  bool WantsKey() const {
    return !open_.empty() && open_.back().node.is(NodeKind::kMap) && !open_.back().has_key;
  }

  void Open(ConfigNode node, YAML::anchor_t anchor) {
    if (static_cast<int>(open_.size()) >= kMaxTreeDepth) Fail(node.at, "", "nested too deeply");
    if (WantsKey()) Fail(node.at, "", "a key must be text, not a list or a map");
    OpenNode open;
    open.node = std::move(node);
    open.anchor = anchor;
    open_.push_back(std::move(open));
  }

  void Close() {
    OpenNode closed = std::move(open_.back());
    open_.pop_back();
    Add(std::move(closed.node), closed.anchor);
  }

  std::string PathTo(const std::string& key) const {
    std::string path;
    for (const OpenNode& open : open_) {
      if (&open != &open_.back() && open.has_key) path += open.key + ".";
    }
    return path + key;
  }

  void AddKey(const ConfigNode& node) {
    OpenNode& map = open_.back();
    std::string key = node.is(NodeKind::kString) ? node.text : std::string("?");
    if (node.is(NodeKind::kNull)) Fail(node.at, "", "a key must be text, not empty");
    if (key == "<<")
      Fail(node.at, "", "merge keys are not taken; use [templates] for what sinks share");
    if (const ConfigMember* first = FindMember(map.node, key)) {
      Fail(node.at, PathTo(key),
           fmt::format("given twice; the first is in line {}", first->key_at.line));
    }
    map.key = std::move(key);
    map.key_at = node.at;
    map.has_key = true;
  }

  static const ConfigMember* FindMember(const ConfigNode& map, const std::string& key) {
    for (const ConfigMember& member : map.members) {
      if (member.key == key) return &member;
    }
    return nullptr;
  }

  void Add(ConfigNode node, YAML::anchor_t anchor) {
    if (++nodes_ > kMaxNodes) Fail(node.at, "", "too large for a configuration");
    if (problem_) {
      // What follows is read to its end but not kept: one broken place must not grow the tree.
      if (!open_.empty() && open_.back().node.is(NodeKind::kMap)) {
        open_.back().has_key = !open_.back().has_key;
      }
      return;
    }
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (WantsKey()) {
      AddKey(node);
    } else if (open_.back().node.is(NodeKind::kMap)) {
      OpenNode& map = open_.back();
      map.has_key = false;
      map.node.members.push_back(ConfigMember{map.key, map.key_at, std::move(node)});
    } else {
      open_.back().node.items.push_back(std::move(node));
    }
  }

  std::string file_;
  int documents_ = 0;
  size_t nodes_ = 0;
  std::vector<OpenNode> open_;
  std::map<YAML::anchor_t, ConfigNode> anchors_;
  std::optional<Problem> problem_;
  ConfigNode root_;
};

}  // namespace

tl::expected<ConfigNode, Problem> ReadYaml(std::string_view text, std::string_view file) {
  SourcePosition start{std::string(file), 1, 1};
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    TreeBuilder builder(file);
    while (!builder.problem() && parser.HandleNextDocument(builder)) {
    }
    if (builder.problem()) return tl::unexpected(*builder.problem());
    ConfigNode root = builder.TakeRoot();
    if (root.is(NodeKind::kNull)) root = ConfigNode::Map(start);
    return root;
  } catch (const YAML::Exception& error) {
    SourcePosition at = start;
    if (!error.mark.is_null()) at = {std::string(file), error.mark.line + 1, error.mark.column + 1};
    return tl::unexpected(MakeProblem(at, "", error.msg));
  } catch (const std::exception& error) {
    return tl::unexpected(MakeProblem(start, "", error.what()));
  }
}

}  // namespace sluice
