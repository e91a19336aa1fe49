// SPDX-License-Identifier: Apache-2.0
//
// One thing that is wrong in a configuration, and where. Checks collect them, so that an operator
// sees all of them at once. Later checks (the policy's names, a plugin's settings) make their own
// from the positions that Config carries. Threading: plain values.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace sluice {

// Where a value or key stands. Line and column count from 1; line 0 means the source has no lines
// (an environment variable, whose name is then in `file`) or, with an empty file, that nobody wrote
// the value: it is a default.
struct SourcePosition {
  std::string file;
  int line = 0;
  int column = 0;

  bool written() const { return !file.empty(); }
  // "app.toml:12:3", "SLUICE_COMMIT__WINDOW" or "default".
  std::string ToString() const;
  friend bool operator==(const SourcePosition&, const SourcePosition&) = default;
};

struct Problem {
  std::string file;
  int line = 0;
  int column = 0;
  std::string key;   // full path, "commit.ack_timeout"; empty where the file cannot be read at all
  std::string text;  // what was expected and what to do; never holds a secret
  std::string nearest;  // the nearest known key or name, or empty

  // app.toml:12:3: commit.ack_timeout: expected a duration such as "2s", got 2
  std::string ToString() const;
  friend bool operator==(const Problem&, const Problem&) = default;
};

Problem MakeProblem(const SourcePosition& at, std::string key, std::string text,
                    std::string nearest = {});

// One problem a line, no newline at the end.
std::string FormatProblems(const std::vector<Problem>& problems);

// By place; what says the same about the same place is kept once (a template's fault would
// otherwise be told again for each sink that inherits it).
void SortAndDeduplicate(std::vector<Problem>* problems);

std::ostream& operator<<(std::ostream& out, const Problem& problem);

}  // namespace sluice
