// SPDX-License-Identifier: Apache-2.0
#include "commit/policy.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/nearest.h"

namespace sluice {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Reads the grammar in policy.h from left to right; `position_` is a byte offset.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<PolicyText> Parse() {
    PolicyText policy;
    if (Word() == "fire-and-forget") {
      Take("fire-and-forget");
      SLUICE_RETURN_IF_ERROR(ExpectEnd());
      policy.fire_and_forget = true;
      return policy;
    }
    for (;;) {
      SLUICE_ASSIGN_OR_RETURN(PolicyTerm term, ParseTerm());
      policy.terms.push_back(std::move(term));
      if (Word() != "and") break;
      Take("and");
    }
    SLUICE_RETURN_IF_ERROR(ExpectEnd());
    return policy;
  }

 private:
  Result<PolicyTerm> ParseTerm() {
    PolicyTerm term;
    std::string_view word = Word();
    if (word == "all") {
      Take(word);
      SkipSpace();
      if (!AtCharacter('(')) {
        term.every_counting_sink = true;
        return term;
      }
      term.all_listed = true;
      SLUICE_RETURN_IF_ERROR(ParseNames(&term.sinks));
      return term;
    }
    bool number =
        !word.empty() && word.size() <= 4 &&
        std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number) return Error(Wrong("'fire-and-forget', 'all', 'all(…)' or 'N of (…)'"));
    for (char c : word) term.needed = term.needed * 10 + static_cast<size_t>(c - '0');
    Take(word);
    if (Word() != "of") return Error(Wrong("'of' after the number"));
    Take("of");
    SLUICE_RETURN_IF_ERROR(ParseNames(&term.sinks));
    return term;
  }

  Status ParseNames(std::vector<SinkName>* names) {
    SkipSpace();
    if (!AtCharacter('(')) return Wrong("'(' and sink names");
    ++position_;
    for (;;) {
      std::string_view name = Word();
      if (name.empty()) return Wrong("a sink's name");
      names->emplace_back(std::string(name));
      Take(name);
      SkipSpace();
      if (AtCharacter(',')) {
        ++position_;
        continue;
      }
      if (AtCharacter(')')) {
        ++position_;
        return Status::Ok();
      }
      return Wrong("',' or ')'");
    }
  }

  Status ExpectEnd() {
    SkipSpace();
    if (position_ == text_.size()) return Status::Ok();
    return Wrong("'and' or the end");
  }

  void SkipSpace() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t')) {
      ++position_;
    }
  }
  bool AtCharacter(char c) const { return position_ < text_.size() && text_[position_] == c; }

  // The word ahead, not yet taken.
  std::string_view Word() {
    SkipSpace();
    size_t end = position_;
    while (end < text_.size() && IsNameCharacter(text_[end])) ++end;
    return text_.substr(position_, end - position_);
  }
  void Take(std::string_view word) { position_ += word.size(); }

  Status Wrong(std::string_view expected) {
    SkipSpace();
    std::string found =
        position_ == text_.size() ? "the end" : fmt::format("'{}'", text_.substr(position_, 20));
    return Status(StatusCode::kConfiguration,
                  fmt::format("policy \"{}\": column {}: expected {}, found {}; write for example "
                              "\"all\", \"2 of (a, b, c)\" or \"all(a) and 1 of (b, c)\"",
                              text_, position_ + 1, expected, found));
  }

  std::string_view text_;
  size_t position_ = 0;
};

// What to do about a name that no sink has.
std::string AdviceOn(const SinkName& unknown, const std::vector<PolicySink>& sinks) {
  std::vector<std::string> known;
  known.reserve(sinks.size());
  for (const PolicySink& sink : sinks) known.push_back(sink.name.str());
  const std::string nearest = NearestName(unknown.str(), known);
  if (nearest.empty()) return "name a table [sinks.NAME] of the configuration";
  return fmt::format("did you mean '{}'?", nearest);
}

}  // namespace

Result<PolicyText> ParsePolicy(std::string_view text) { return Parser(text).Parse(); }

bool Policy::Involves(size_t sink) const {
  return std::any_of(terms.begin(), terms.end(), [sink](const Term& term) {
    return std::find(term.sinks.begin(), term.sinks.end(), sink) != term.sinks.end();
  });
}

Result<Policy> ResolvePolicy(std::string_view text, const std::vector<PolicySink>& sinks) {
  SLUICE_ASSIGN_OR_RETURN(PolicyText parsed, ParsePolicy(text));
  auto wrong = [&](std::string what) {
    return Error(StatusCode::kConfiguration, fmt::format("policy \"{}\": {}", text, what));
  };
  Policy policy;
  policy.text = std::string(text);
  policy.fire_and_forget = parsed.fire_and_forget;
  for (const PolicyTerm& written : parsed.terms) {
    Policy::Term term;
    if (written.every_counting_sink) {
      for (size_t i = 0; i < sinks.size(); ++i) {
        if (sinks[i].counted && sinks[i].enabled) term.sinks.push_back(i);
      }
      if (term.sinks.empty()) {
        return wrong(
            "'all' has no sink to wait for: no enabled sink has ack = true; add one, or use "
            "fire-and-forget");
      }
    }
    std::set<SinkName> seen;
    for (const SinkName& name : written.sinks) {
      auto found = std::find_if(sinks.begin(), sinks.end(),
                                [&](const PolicySink& sink) { return sink.name == name; });
      if (found == sinks.end()) {
        return wrong(fmt::format("there is no sink '{}'; {}", name, AdviceOn(name, sinks)));
      }
      if (!seen.insert(name).second) {
        return wrong(fmt::format("sink '{}' stands twice in one list", name));
      }
      if (!found->counted) {
        return wrong(fmt::format("sink '{}' has ack = false and can never count", name));
      }
      if (!found->enabled) {
        return wrong(fmt::format("sink '{}' has enabled = false and can never count", name));
      }
      term.sinks.push_back(static_cast<size_t>(found - sinks.begin()));
    }
    bool every = written.every_counting_sink || written.all_listed;
    term.needed = every ? term.sinks.size() : written.needed;
    if (term.needed == 0) return wrong("0 of a list is always true; use fire-and-forget");
    if (term.needed > term.sinks.size()) {
      return wrong(
          fmt::format("{} of a list of {} can never hold", term.needed, term.sinks.size()));
    }
    policy.terms.push_back(std::move(term));
  }
  return policy;
}

std::string DescribePolicy(const Policy& policy, const std::vector<PolicySink>& sinks,
                           AckLevel level) {
  if (policy.fire_and_forget) {
    return "a height commits at once; sinks get it afterwards and are never waited for";
  }
  std::string out = "a height commits when ";
  bool first_term = true;
  for (const Policy::Term& term : policy.terms) {
    if (!first_term) out += ", and ";
    first_term = false;
    std::string names;
    for (size_t i = 0; i < term.sinks.size(); ++i) {
      if (i > 0) names += i + 1 == term.sinks.size() ? " and " : ", ";
      names += sinks[term.sinks[i]].name.str();
    }
    if (term.needed == term.sinks.size()) {
      out += fmt::format("{} {} acked it", names, term.sinks.size() == 1 ? "has" : "have");
    } else {
      out += fmt::format("at least {} of {} {} acked it", term.needed, names,
                         term.needed == 1 ? "has" : "have");
    }
  }
  return out + fmt::format(" (level {})", AckLevelName(level));
}

}  // namespace sluice
