// SPDX-License-Identifier: Apache-2.0
#include "failpoint_rules.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failpoint.h"

namespace sluice {
namespace {

enum class Action { kKill, kPause };

struct Rule {
  std::string name;
  std::optional<uint64_t> height;
  uint64_t hits_left = 1;
  Action action = Action::kKill;
};

struct Rules {
  std::mutex mutex;
  std::vector<Rule> rules;
  int log = -1;
};

// Never destroyed: threads may still come by while the process ends.
Rules* g_rules = nullptr;

[[noreturn]] void Refuse(std::string_view what, std::string_view text) {
  std::fprintf(stderr, "sluice-failpoints: %.*s: '%.*s'\n", static_cast<int>(what.size()),
               what.data(), static_cast<int>(text.size()), text.data());
  _exit(125);
}

uint64_t ParseNumber(std::string_view text, std::string_view rule) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) Refuse("no number in", rule);
  return number;
}

// What follows `mark` in `*text`, which is cut off there.
std::optional<std::string_view> CutAt(std::string_view* text, char mark) {
  const size_t at = text->rfind(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view after = text->substr(at + 1);
  *text = text->substr(0, at);
  return after;
}

Rule ParseRule(const std::string_view text) {
  std::string_view rest = text;
  Rule rule;
  const std::optional<std::string_view> action = CutAt(&rest, ':');
  if (action == "kill") {
    rule.action = Action::kKill;
  } else if (action == "pause") {
    rule.action = Action::kPause;
  } else {
    Refuse("neither :kill nor :pause at the end of", text);
  }
  if (auto hits = CutAt(&rest, '#')) rule.hits_left = ParseNumber(*hits, text);
  if (auto height = CutAt(&rest, '@')) rule.height = ParseNumber(*height, text);
  if (rest.empty() || rule.hits_left == 0) Refuse("no rule", text);
  rule.name = std::string(rest);
  return rule;
}

std::string Line(const char* before, const char* name, uint64_t height) {
  return std::string(before) + name + " " + std::to_string(height) + "\n";
}

void WriteLine(int file, const std::string& line) {
  if (write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    Refuse("cannot write", line);
  }
}

void OnFailpoint(const char* name, uint64_t height) {
  std::optional<Action> action;
  {
    std::lock_guard lock(g_rules->mutex);
    if (g_rules->log >= 0) WriteLine(g_rules->log, Line("", name, height));
    for (Rule& rule : g_rules->rules) {
      if (rule.hits_left == 0 || rule.name != name || rule.height.value_or(height) != height) {
        continue;
      }
      if (--rule.hits_left == 0) action = rule.action;
    }
    // Under the lock: no other thread is to come further than the log says.
    if (action == Action::kKill) kill(getpid(), SIGKILL);
  }
  if (!action) return;
  WriteLine(STDERR_FILENO, Line("paused at ", name, height));
  for (;;) pause();
}

}  // namespace

void InstallFailpointRules() {
  const char* rules = std::getenv("SLUICE_FAILPOINT");
  const char* log = std::getenv("SLUICE_FAILPOINT_LOG");
  if (rules == nullptr && log == nullptr) return;
  g_rules = new Rules;
  for (std::string_view rest = rules == nullptr ? "" : rules; !rest.empty();) {
    const size_t comma = rest.find(',');
    g_rules->rules.push_back(ParseRule(rest.substr(0, comma)));
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
  }
  if (log != nullptr) {
    g_rules->log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (g_rules->log < 0) Refuse("cannot open the log", log);
  }
  SetFailpointHandler(&OnFailpoint);
}

}  // namespace sluice
