// SPDX-License-Identifier: Apache-2.0
#include "bench/report.h"

#include <fmt/core.h>
#include <sys/utsname.h>

#include <fstream>
#include <thread>

#include "base/json_text.h"
#include "base/version.h"
#include "bench/statistics.h"

namespace sluice {
namespace {

std::vector<double> Ratios(const BenchOutcome& outcome) {
  std::vector<double> ratios;
  for (size_t i = 0; i < outcome.sluice.size(); ++i) {
    ratios.push_back(outcome.sluice[i] / outcome.baseline[i]);
  }
  return ratios;
}

std::string FirstLineWith(const std::string& path, const std::string& key) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.rfind(key, 0) != 0) continue;
    size_t colon = line.find(": ");
    return colon == std::string::npos ? line : line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

std::string OutcomeToText(const BenchOutcome& outcome) {
  Spread sluice = SpreadOf(outcome.sluice);
  Spread baseline = SpreadOf(outcome.baseline);
  std::vector<double> ratios = Ratios(outcome);
  MedianInterval interval = MedianIntervalOf(ratios);
  return fmt::format(
      "{}\n  sluice    {:.6g} {} (min {:.6g}, max {:.6g})\n  baseline  {:.6g} {} (min {:.6g}, max "
      "{:.6g}): {}\n  ratio     {:.3f}, median of {} pairs; {:.1f} % interval {:.3f} to {:.3f}{}\n",
      outcome.name, sluice.median, outcome.unit, sluice.minimum, sluice.maximum, baseline.median,
      outcome.unit, baseline.minimum, baseline.maximum, outcome.baseline_is,
      SpreadOf(ratios).median, ratios.size(), interval.coverage * 100, interval.low, interval.high,
      outcome.note.empty() ? "" : "\n  " + outcome.note);
}

std::string OutcomeToJson(const BenchOutcome& outcome) {
  Spread sluice = SpreadOf(outcome.sluice);
  Spread baseline = SpreadOf(outcome.baseline);
  std::vector<double> ratios = Ratios(outcome);
  MedianInterval interval = MedianIntervalOf(ratios);
  std::string out = "{\"name\":";
  AppendJsonString(&out, outcome.name);
  out += ",\"unit\":";
  AppendJsonString(&out, outcome.unit);
  out += fmt::format(",\"sluice\":{},\"baseline\":{},\"ratio\":{},\"baseline_is\":", sluice.median,
                     baseline.median, SpreadOf(ratios).median);
  AppendJsonString(&out, outcome.baseline_is);
  out += fmt::format(
      ",\"pairs\":{},\"sluice_min\":{},\"sluice_max\":{},\"baseline_min\":{},\"baseline_max\":{},"
      "\"ratio_low\":{},\"ratio_high\":{},\"ratio_coverage\":{},\"note\":",
      ratios.size(), sluice.minimum, sluice.maximum, baseline.minimum, baseline.maximum,
      interval.low, interval.high, interval.coverage);
  AppendJsonString(&out, outcome.note);
  return out + "}";
}

std::string MachineText() {
  utsname system{};
  uname(&system);
  std::ifstream load_file("/proc/loadavg");
  std::string load;
  std::getline(load_file, load);
  return fmt::format("sluice {}; {}; {} hardware threads; {} {}; load {}", SluiceVersion(),
                     FirstLineWith("/proc/cpuinfo", "model name"),
                     std::thread::hardware_concurrency(), system.sysname, system.release, load);
}

}  // namespace sluice
