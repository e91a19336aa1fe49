// SPDX-License-Identifier: Apache-2.0
//
// What sinks_bench.py runs: the node's side of a measurement, and the printing of results.
//
// clang-format off
//   sink_bench rows FILE SHAPE            the rows of a shape, for the baselines (rows.h)
//   sink_bench run HOME PLUGINS SHAPE     feeds the blocks of a shape to the node of HOME
//   sink_bench hold HOME PLUGINS SHAPE SINK  the same; a line on standard input, and it waits for SINK
//   sink_bench settle HOME PLUGINS        a start of the node, until RocksDB has nothing more to do
//   sink_bench drain HOME PLUGINS SINK    what the journal of HOME holds, to SINK
//   sink_bench machine FOLDER             what the figures belong to, and what its disk allows
//   sink_bench report [--json]            outcomes, JSON objects on standard input, as people read them
// clang-format on
// SHAPE is blocks,changes,keys,bytes of a value. Times leave out the node's own start. Each command
// prints one JSON object, but for machine and report.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "bench/disk_bench.h"
#include "bench/report.h"
#include "bench/statistics.h"
#include "bench/workload.h"
#include "config/load.h"
#include "node/node.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

// A look at the status takes some time from the node that is measured; what this is late costs us.
constexpr std::chrono::milliseconds kLook{5};
constexpr std::chrono::minutes kPatience{10};

double SecondsSince(TimePoint begin) {
  return std::chrono::duration<double>(Now() - begin).count();
}

Result<Shape> ParseShape(const std::string& text) {
  Shape shape;
  if (std::sscanf(text.c_str(), "%lu,%lu,%lu,%lu", &shape.blocks, &shape.changes, &shape.keys,
                  &shape.value_bytes) != 4) {
    return Error(StatusCode::kInvalid, text + " is no shape: blocks,changes,keys,value bytes");
  }
  return shape;
}

Result<NodeOptions> Options(const std::string& home, const std::string& plugins) {
  LoadResult loaded = LoadConfig(home, {});
  SLUICE_RETURN_IF_ERROR(loaded.ToStatus());
  NodeOptions options;
  options.home = home;
  options.config = std::move(loaded.config);
  options.plugin_folders = {plugins};
  // What matters of a server that is stopped on purpose comes as a status.
  SLUICE_RETURN_IF_ERROR(InitLog("critical", LogFormat::kText));
  return options;
}

// With window 1 the node asks for a block once it has executed the one before, and takes it once
// that one is committed: from one call to the next is the time of a block from end to end.
class TimedDriver : public Driver {
 public:
  explicit TimedDriver(const Shape& shape) : driver_(shape, shape.total() <= 1'000'000) {}
  Status Begin(const DriverStart& start) override { return driver_.Begin(start); }
  Result<std::optional<Block>> Next() override {
    asked_.push_back(Now());
    return driver_.Next();
  }
  void Stop() override {}
  DriverProgress progress() const override { return {}; }

  // Seconds of the blocks, ordered. The first two calls come before anything has committed.
  std::vector<double> BlockSeconds() const {
    std::vector<double> out;
    for (size_t i = 2; i < asked_.size(); ++i) {
      out.push_back(std::chrono::duration<double>(asked_[i] - asked_[i - 1]).count());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  BenchDriver driver_;
  std::vector<TimePoint> asked_;
};

Status WriteRows(const std::string& path, const Shape& shape) {
  std::ofstream out(path, std::ios::binary);
  const auto number = [&out](uint64_t value) {
    const auto bytes = static_cast<uint32_t>(value);
    out.write(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
  };
  number(shape.blocks);
  number(shape.changes);
  for (uint64_t block = 0; block < shape.blocks; ++block) {
    for (const auto& [key, value] : BenchPuts(shape, block)) {
      number(key.size());
      out << key;
      number(value.size());
      out << value;
    }
  }
  out.close();
  return out ? Status::Ok() : Status(StatusCode::kIo, "cannot write " + path);
}

const SinkStatus* FindSink(const NodeStatus& status, const std::string& name) {
  for (const SinkStatus& sink : status.sinks) {
    if (sink.name == name) return &sink;
  }
  return nullptr;
}

// Looks at the sink until `ready`.
template <typename Ready>
Status WaitFor(const Node& node, const std::string& name, Ready ready) {
  const TimePoint give_up_at = Now() + kPatience;
  while (Now() < give_up_at) {
    const NodeStatus status = node.status();
    const SinkStatus* sink = FindSink(status, name);
    if (sink == nullptr) return Status(StatusCode::kInvalid, "there is no sink " + name);
    if (ready(*sink)) return Status::Ok();
    std::this_thread::sleep_for(kLook);
  }
  return Status(StatusCode::kTimeout, "sink " + name + " does not come on");
}

Status Run(const std::string& home, const std::string& plugins, const Shape& shape,
           const std::string& sink) {
  SLUICE_ASSIGN_OR_RETURN(NodeOptions options, Options(home, plugins));
  Node node(std::move(options));
  SLUICE_RETURN_IF_ERROR(node.Start());
  TimedDriver driver(shape);
  ResetPeakMemory();
  const TimePoint begin = Now();
  SLUICE_RETURN_IF_ERROR(node.Run(&driver));
  const double seconds = SecondsSince(begin);
  const NodeStatus status = node.status();
  const std::vector<double> blocks = driver.BlockSeconds();
  Json out = {{"seconds", seconds},
              {"height", status.height.value()},
              {"journal_bytes", status.journal_bytes},
              {"gate_p50_us", status.gate_p50_seconds * 1e6},
              {"block_p50_us", blocks.empty() ? 0 : blocks[blocks.size() / 2] * 1e6},
              {"peak_bytes", PeakMemoryBytes()}};
  if (!sink.empty()) {
    std::printf("%s\n", out.dump().c_str());
    std::fflush(stdout);
    std::string line;
    std::getline(std::cin, line);
    const TimePoint again = Now();
    SLUICE_RETURN_IF_ERROR(WaitFor(
        node, sink, [&](const SinkStatus& seen) { return seen.watermark == status.height; }));
    out = {{"seconds", SecondsSince(again)}, {"peak_bytes", PeakMemoryBytes()}};
  }
  std::printf("%s\n", out.dump().c_str());
  return node.Stop();
}

double CpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

// What a start makes RocksDB do (logs become files, files are merged) is no part of what is
// measured later.
Status Settle(const std::string& home, const std::string& plugins) {
  SLUICE_ASSIGN_OR_RETURN(NodeOptions options, Options(home, plugins));
  Node node(std::move(options));
  SLUICE_RETURN_IF_ERROR(node.Start());
  const TimePoint give_up_at = Now() + kPatience;
  for (int quiet = 0; quiet < 5 && Now() < give_up_at;) {
    const double before = CpuSeconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    quiet = CpuSeconds() - before < 0.005 ? quiet + 1 : 0;
  }
  return node.Stop();
}

// The clock runs from the moment in which the sink is attached until its last ack.
Status Drain(const std::string& home, const std::string& plugins, const std::string& sink) {
  SLUICE_ASSIGN_OR_RETURN(NodeOptions options, Options(home, plugins));
  Node node(std::move(options));
  SLUICE_RETURN_IF_ERROR(node.Open());
  const Height last = node.status().height;
  double seconds = 0;
  Status watched;
  std::thread watch([&] {
    watched = WaitFor(node, sink, [](const SinkStatus& s) { return s.lifecycle == "running"; });
    if (!watched.ok()) return;
    const TimePoint begin = Now();
    watched = WaitFor(node, sink, [&](const SinkStatus& s) { return s.watermark == last; });
    seconds = SecondsSince(begin);
  });
  const Status started = node.Start();
  if (!started.ok()) node.RequestStop();
  watch.join();
  SLUICE_RETURN_IF_ERROR(started);
  SLUICE_RETURN_IF_ERROR(watched);
  std::printf(
      "%s\n",
      Json({{"seconds", seconds}, {"heights", last.value()}, {"peak_bytes", PeakMemoryBytes()}})
          .dump()
          .c_str());
  return node.Stop();
}

Status PrintMachine(const std::string& folder) {
  SLUICE_ASSIGN_OR_RETURN(std::vector<double> seconds, TimeFdatasync(folder, 500));
  const Spread spread = SpreadOf(seconds);
  fmt::print("{}\nfdatasync of 4 KiB in {}: {:.2f} ms (min {:.2f}, max {:.2f})\n", MachineText(),
             folder, spread.median * 1e3, spread.minimum * 1e3, spread.maximum * 1e3);
  return Status::Ok();
}

Status Report(bool json) {
  std::string line;
  while (std::getline(std::cin, line)) {
    const Json in = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!in.is_object()) return Status(StatusCode::kInvalid, "no outcome: " + line);
    BenchOutcome outcome;
    outcome.name = in.value("name", "");
    outcome.unit = in.value("unit", "");
    outcome.sluice = in.value("sluice", std::vector<double>());
    outcome.baseline = in.value("baseline", std::vector<double>());
    outcome.baseline_is = in.value("baseline_is", "");
    outcome.note = in.value("note", "");
    fmt::print("{}\n", json ? OutcomeToJson(outcome) : OutcomeToText(outcome));
  }
  return Status::Ok();
}

Status Main(const std::vector<std::string>& words) {
  const std::string command = words.empty() ? "" : words[0];
  const size_t count = words.size();
  if (command == "rows" && count == 3) {
    SLUICE_ASSIGN_OR_RETURN(Shape shape, ParseShape(words[2]));
    return WriteRows(words[1], shape);
  }
  if ((command == "run" && count == 4) || (command == "hold" && count == 5)) {
    SLUICE_ASSIGN_OR_RETURN(Shape shape, ParseShape(words[3]));
    return Run(words[1], words[2], shape, count == 5 ? words[4] : "");
  }
  if (command == "settle" && count == 3) return Settle(words[1], words[2]);
  if (command == "drain" && count == 4) return Drain(words[1], words[2], words[3]);
  if (command == "machine" && count == 2) return PrintMachine(words[1]);
  if (command == "report") return Report(count == 2 && words[1] == "--json");
  return Status(StatusCode::kInvalid, "usage: see the head of sink_bench.cc");
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  const sluice::Status status = sluice::Main(std::vector<std::string>(argv + 1, argv + argc));
  if (status.ok()) return 0;
  std::fprintf(stderr, "sink_bench: %s\n", status.message().c_str());
  return 1;
}
