// SPDX-License-Identifier: Apache-2.0
#include "config/json_tree.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace sluice {

namespace {

using Json = nlohmann::ordered_json;

Json Build(const ConfigNode& node, KeyOrder order) {
  switch (node.kind) {
    case NodeKind::kBool:
      return node.boolean;
    case NodeKind::kInteger:
      return node.integer;
    case NodeKind::kNumber:
      return node.number;
    case NodeKind::kOther:
    case NodeKind::kString:
      return node.text;
    case NodeKind::kList: {
      Json list = Json::array();
      for (const ConfigNode& item : node.items) list.push_back(Build(item, order));
      return list;
    }
    case NodeKind::kMap: {
      std::vector<const ConfigMember*> members;
      for (const ConfigMember& member : node.members) members.push_back(&member);
      if (order == KeyOrder::kSorted) {
        std::sort(members.begin(), members.end(),
                  [](const ConfigMember* a, const ConfigMember* b) { return a->key < b->key; });
      }
      Json map = Json::object();
      for (const ConfigMember* member : members) map[member->key] = Build(member->value, order);
      return map;
    }
    case NodeKind::kNull:
      break;
  }
  return nullptr;
}

// Builds the tree from the parser's events: nlohmann's own value type would let a second key of the
// same name silently replace the first.
class TreeSax : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return Add(ConfigNode::Null()); }
  bool boolean(bool value) override { return Add(ConfigNode::Bool(value)); }
  bool number_integer(number_integer_t value) override { return Add(ConfigNode::Integer(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Fail(fmt::format("the integer {} is too large", value));
    }
    return Add(ConfigNode::Integer(static_cast<int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override {
    if (!std::isfinite(value)) return Fail("a number is too large");
    return Add(ConfigNode::Number(value));
  }
  bool string(string_t& value) override { return Add(ConfigNode::String(value)); }
  bool binary(binary_t&) override { return Fail("binary values are not taken"); }
  bool start_object(size_t) override { return Open(ConfigNode::Map()); }
  bool key(string_t& value) override {
    if (open_.back().node.Find(value) != nullptr) {
      return Fail(fmt::format("the key \"{}\" is given twice", value));
    }
    open_.back().key = value;
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(ConfigNode::List()); }
  bool end_array() override { return Close(); }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    return Fail(fmt::format("bad JSON at byte {}", position));
  }

  const std::string& error() const { return error_; }
  ConfigNode TakeRoot() { return std::move(root_); }

 private:
  struct OpenNode {
    ConfigNode node;
    std::string key;
  };

  bool Fail(std::string text) {
    if (error_.empty()) error_ = std::move(text);
    return false;
  }
  bool Open(ConfigNode node) {
    if (static_cast<int>(open_.size()) >= kMaxTreeDepth) return Fail("nested too deeply");
    open_.push_back(OpenNode{std::move(node), {}});
    return true;
  }
  bool Close() {
    ConfigNode node = std::move(open_.back().node);
    open_.pop_back();
    return Add(std::move(node));
  }
  bool Add(ConfigNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (open_.back().node.is(NodeKind::kMap)) {
      open_.back().node.Set(open_.back().key, {}, std::move(node));
    } else {
      open_.back().node.items.push_back(std::move(node));
    }
    return true;
  }

  std::vector<OpenNode> open_;
  std::string error_;
  ConfigNode root_;
};

}  // namespace

std::string ToJson(const ConfigNode& node, KeyOrder order, JsonStyle style) {
  // `replace` instead of the default: what is no UTF-8 must not become an exception here.
  return Build(node, order)
      .dump(style == JsonStyle::kIndented ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

Result<ConfigNode> FromJson(std::string_view text) {
  TreeSax sax;
  if (!nlohmann::json::sax_parse(text, &sax)) return Error(StatusCode::kInvalid, sax.error());
  return sax.TakeRoot();
}

}  // namespace sluice
