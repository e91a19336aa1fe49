// SPDX-License-Identifier: Apache-2.0
//
// How a bench's outcome is printed: a line for people, or one JSON object a line.
// Threading: one thread.
#pragma once

#include <string>
#include <vector>

namespace sluice {

struct BenchOutcome {
  std::string name;
  std::string unit;
  std::vector<double> sluice;    // one value a pair
  std::vector<double> baseline;  // as many
  std::string baseline_is;
  std::string note;  // what the number asked for is, or what else was seen
};

std::string OutcomeToText(const BenchOutcome& outcome);
std::string OutcomeToJson(const BenchOutcome& outcome);

// Processor, kernel, load, library versions: what the figures belong to.
std::string MachineText();

}  // namespace sluice
