// SPDX-License-Identifier: Apache-2.0
#include "config/problem.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace sluice {

std::string SourcePosition::ToString() const {
  if (file.empty()) return "default";
  if (line == 0) return file;
  return fmt::format("{}:{}:{}", file, line, column);
}

std::string Problem::ToString() const {
  std::string out;
  if (!file.empty()) out = SourcePosition{file, line, column}.ToString() + ": ";
  if (!key.empty()) out += key + ": ";
  out += text;
  if (!nearest.empty()) out += fmt::format("; did you mean \"{}\"?", nearest);
  return out;
}

Problem MakeProblem(const SourcePosition& at, std::string key, std::string text,
                    std::string nearest) {
  return Problem{at.file, at.line, at.column, std::move(key), std::move(text), std::move(nearest)};
}

std::string FormatProblems(const std::vector<Problem>& problems) {
  std::string out;
  for (const Problem& problem : problems) {
    if (!out.empty()) out += '\n';
    out += problem.ToString();
  }
  return out;
}

void SortAndDeduplicate(std::vector<Problem>* problems) {
  auto place = [](const Problem& p) { return std::tie(p.file, p.line, p.column); };
  std::stable_sort(problems->begin(), problems->end(),
                   [&](const Problem& a, const Problem& b) { return place(a) < place(b); });
  std::vector<Problem> kept;
  for (Problem& problem : *problems) {
    bool known = std::any_of(kept.begin(), kept.end(), [&](const Problem& other) {
      return problem.line > 0 && place(other) == place(problem) && other.text == problem.text;
    });
    if (!known) kept.push_back(std::move(problem));
  }
  *problems = std::move(kept);
}

std::ostream& operator<<(std::ostream& out, const Problem& problem) {
  return out << problem.ToString();
}

}  // namespace sluice
