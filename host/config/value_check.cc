// SPDX-License-Identifier: Apache-2.0
#include "config/value_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/nearest.h"
#include "config/checker.h"
#include "config/json_tree.h"
#include "config/units.h"

namespace sluice {

namespace {

std::string Quoted(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) {
    if (!out.empty()) out += ", ";
    out += fmt::format("\"{}\"", value);
  }
  return out;
}

template <typename T>
std::optional<T> FromText(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view Expected(PropertyType type) {
  switch (type) {
    case PropertyType::kString:
    case PropertyType::kEnum:
      return "text in quotes";
    case PropertyType::kBool:
      return "true or false";
    case PropertyType::kInt:
      return "a whole number";
    case PropertyType::kNumber:
      return "a number";
    case PropertyType::kDuration:
      return "a duration such as \"2s\"";
    case PropertyType::kSize:
      return "a size such as \"64MiB\"";
    case PropertyType::kList:
      return "a list of texts such as [\"a\", \"b\"]";
    case PropertyType::kMap:
      return "a table";
  }
  return "another value";
}

// What is wrong with a text that is of the right type, or nothing.
std::string TextFault(TextRule rule, const std::string& text) {
  switch (rule) {
    case TextRule::kAny:
      return {};
    case TextRule::kNotEmpty:
      return text.empty() ? "expected a text that is not empty" : "";
    case TextRule::kNameOrStar:
      if (text == "*") return {};
      [[fallthrough]];
    case TextRule::kName:
      if (IsName(text)) return {};
      return "expected a name of 1 to 63 characters a-z, 0-9, _ and -";
    case TextRule::kSha256:
      if (text.empty() || (text.size() == 64 && FromHex(text))) return {};
      return "expected the 64 hexadecimal digits of a SHA-256";
  }
  return {};
}

class ValueCheck {
 public:
  ValueCheck(const Property& property, const std::string& key, std::vector<Problem>* problems)
      : property_(property), key_(key), problems_(problems) {}

  bool Run(const ConfigNode& in, ConfigNode* out) {
    if (property_.type == PropertyType::kList) return CheckList(in, out);
    if (property_.type == PropertyType::kMap) return CheckMap(in, out);
    std::optional<ConfigNode> scalar = Scalar(in);
    if (!scalar) return Mismatch(in);
    if (!CheckBounds(in, *scalar) || !CheckText(in, *scalar) || !CheckAvailable(in, *scalar)) {
      return false;
    }
    *out = std::move(*scalar);
    return true;
  }

 private:
  bool Fail(const ConfigNode& at, std::string text, std::string nearest = {}) {
    problems_->push_back(MakeProblem(at.at, key_, std::move(text), std::move(nearest)));
    return false;
  }

  bool IsSecret(const ConfigNode& node) const { return property_.secret || node.secret; }

  std::string Got(const ConfigNode& node) const {
    return IsSecret(node) ? std::string(kSecretMask) : DescribeNode(node);
  }

  bool Mismatch(const ConfigNode& in) {
    if (in.is(NodeKind::kNull)) {
      return Fail(in, fmt::format("has no value; expected {}", Expected(property_.type)));
    }
    std::string text = fmt::format("expected {}, got {}", Expected(property_.type), Got(in));
    bool number = in.is(NodeKind::kInteger) || in.is(NodeKind::kNumber);
    if (number && !IsSecret(in)) {
      if (property_.type == PropertyType::kDuration) {
        text += fmt::format("; write the unit, for example \"{}s\" or \"{}ms\"", DescribeNode(in),
                            DescribeNode(in));
      } else if (property_.type == PropertyType::kSize) {
        text += fmt::format("; write the unit, for example \"{}MiB\" or \"{}KiB\"",
                            DescribeNode(in), DescribeNode(in));
      }
    }
    return Fail(in, std::move(text));
  }

  // The value in the form of the row's type, or nothing where it is of another.
  std::optional<ConfigNode> Scalar(const ConfigNode& in) const {
    ConfigNode out = in;
    out.untyped = false;
    bool text = in.is(NodeKind::kString);
    bool convert = text && in.untyped;
    auto as_integer = [&](std::optional<int64_t> value) -> std::optional<ConfigNode> {
      if (!value) return std::nullopt;
      out.kind = NodeKind::kInteger;
      out.integer = *value;
      return out;
    };
    switch (property_.type) {
      case PropertyType::kString:
      case PropertyType::kEnum:
        return text ? std::optional(out) : std::nullopt;
      case PropertyType::kBool:
        if (convert && (in.text == "true" || in.text == "false")) {
          out.kind = NodeKind::kBool;
          out.boolean = in.text == "true";
        }
        return out.is(NodeKind::kBool) ? std::optional(out) : std::nullopt;
      case PropertyType::kInt:
        if (in.is(NodeKind::kInteger)) return out;
        return convert ? as_integer(FromText<int64_t>(in.text)) : std::nullopt;
      case PropertyType::kNumber:
        return AsNumber(in, convert, out);
      case PropertyType::kDuration:
        return text ? as_integer(ParseDuration(in.text)) : std::nullopt;
      case PropertyType::kSize:
        return text ? as_integer(ParseSize(in.text)) : std::nullopt;
      case PropertyType::kList:
      case PropertyType::kMap:
        break;
    }
    return std::nullopt;
  }

  static std::optional<ConfigNode> AsNumber(const ConfigNode& in, bool convert, ConfigNode out) {
    out.kind = NodeKind::kNumber;
    if (in.is(NodeKind::kInteger)) {
      out.number = static_cast<double>(in.integer);
    } else if (convert) {
      std::optional<double> value = FromText<double>(in.text);
      if (!value) return std::nullopt;
      out.number = *value;
    } else if (!in.is(NodeKind::kNumber)) {
      return std::nullopt;
    }
    if (!std::isfinite(out.number)) return std::nullopt;
    return out;
  }

  // The bound as a value of the row's type.
  ConfigNode Bound(const std::string& text) const {
    ConfigNode node = ConfigNode::String(text);
    node.untyped = true;
    std::optional<ConfigNode> bound = Scalar(node);
    SLUICE_CHECK(bound.has_value(), "a bound in the property table is not of its row's type");
    return *bound;
  }

  bool CheckBounds(const ConfigNode& in, const ConfigNode& value) {
    bool ordered = value.is(NodeKind::kInteger) || value.is(NodeKind::kNumber);
    if (!ordered) return true;
    auto less = [](const ConfigNode& a, const ConfigNode& b) {
      return a.is(NodeKind::kInteger) ? a.integer < b.integer : a.number < b.number;
    };
    if (!property_.minimum.empty() && less(value, Bound(property_.minimum))) {
      return Fail(in, fmt::format("expected at least {}, got {}", property_.minimum, Got(in)));
    }
    if (!property_.maximum.empty() && less(Bound(property_.maximum), value)) {
      return Fail(in, fmt::format("expected at most {}, got {}", property_.maximum, Got(in)));
    }
    return true;
  }

  bool CheckText(const ConfigNode& in, const ConfigNode& value) {
    if (property_.type == PropertyType::kEnum) {
      if (std::find(property_.values.begin(), property_.values.end(), value.text) !=
          property_.values.end()) {
        return true;
      }
      return Fail(in, fmt::format("expected one of {}, got {}", Quoted(property_.values), Got(in)),
                  IsSecret(in) ? "" : NearestName(value.text, property_.values));
    }
    if (!value.is(NodeKind::kString)) return true;
    std::string fault = TextFault(property_.text_rule, value.text);
    return fault.empty() || Fail(in, fmt::format("{}, got {}", fault, Got(in)));
  }

  bool CheckAvailable(const ConfigNode& in, const ConfigNode& value) {
    std::string text = value.is(NodeKind::kBool) ? DescribeNode(value) : value.text;
    for (const std::string& missing : property_.unavailable) {
      if (text != missing) continue;
      std::string instead = value.is(NodeKind::kBool)
                                ? property_.default_text
                                : fmt::format("\"{}\"", property_.default_text);
      return Fail(in,
                  fmt::format("{} is not yet available in this version; use {}", Got(in), instead));
    }
    return true;
  }

  bool CheckList(const ConfigNode& in, ConfigNode* out) {
    if (!in.is(NodeKind::kList)) return Mismatch(in);
    if (in.items.empty() && property_.list_rule == ListRule::kAllOrNamed) {
      return Fail(in, "an empty list could mean all or none; write [\"*\"] for all");
    }
    if (in.items.empty() && property_.list_rule == ListRule::kNotEmpty) {
      return Fail(in, "expected at least one");
    }
    bool ok = true;
    for (size_t i = 0; i < in.items.size(); ++i) {
      const ConfigNode& item = in.items[i];
      if (!item.is(NodeKind::kString)) {
        ok = Fail(item,
                  fmt::format("expected {}, got {} in it", Expected(property_.type), Got(item)));
        continue;
      }
      std::string fault = TextFault(property_.text_rule, item.text);
      if (!fault.empty()) ok = Fail(item, fmt::format("{}, got {}", fault, Got(item)));
      bool twice = std::any_of(in.items.begin(), in.items.begin() + static_cast<ptrdiff_t>(i),
                               [&](const ConfigNode& other) { return other.text == item.text; });
      if (twice) ok = Fail(item, fmt::format("{} is in the list twice", Got(item)));
      if (item.text == "*" && property_.text_rule == TextRule::kNameOrStar && in.items.size() > 1) {
        ok = Fail(item, "\"*\" says all, so it stands alone");
      }
    }
    if (ok) *out = in;
    return ok;
  }

  // JSON, which plugins get, knows neither dates nor infinities.
  bool CheckPlain(const ConfigNode& node) {
    if (node.is(NodeKind::kOther)) {
      return Fail(node,
                  fmt::format("{} cannot be a setting; write it as text in quotes", node.text));
    }
    if (node.is(NodeKind::kNumber) && !std::isfinite(node.number)) {
      return Fail(node, "expected a finite number");
    }
    if (node.is(NodeKind::kString) && !IsUtf8(node.text)) return Fail(node, "expected UTF-8 text");
    bool ok = true;
    for (const ConfigNode& item : node.items) ok = CheckPlain(item) && ok;
    for (const ConfigMember& member : node.members) ok = CheckPlain(member.value) && ok;
    return ok;
  }

  bool CheckMap(const ConfigNode& in, ConfigNode* out) {
    if (in.is(NodeKind::kNull)) {
      *out = ConfigNode::Map(in.at);
      return true;
    }
    if (!in.is(NodeKind::kMap)) return Mismatch(in);
    if (!CheckPlain(in)) return false;
    *out = in;
    return true;
  }

  const Property& property_;
  const std::string& key_;
  std::vector<Problem>* problems_;
};

}  // namespace

bool CheckValue(const Property& property, const ConfigNode& in, const std::string& key,
                ConfigNode* out, std::vector<Problem>* problems) {
  return ValueCheck(property, key, problems).Run(in, out);
}

ConfigNode DefaultValue(const Property& property) {
  if (property.optional || property.required) return ConfigNode::Null();
  ConfigNode in = ConfigNode::String(property.default_text);
  in.untyped = true;
  if (property.type == PropertyType::kList || property.type == PropertyType::kMap) {
    Result<ConfigNode> parsed = FromJson(property.default_text);
    SLUICE_CHECK(parsed.has_value(), "a default in the property table is no JSON");
    in = std::move(*parsed);
  }
  ConfigNode out;
  std::vector<Problem> problems;
  SLUICE_CHECK(CheckValue(property, in, property.path, &out, &problems),
               "a default in the property table does not pass its own row");
  return out;
}

}  // namespace sluice
