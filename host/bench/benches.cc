// SPDX-License-Identifier: Apache-2.0
#include "bench/benches.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>

#include "base/bytes.h"
#include "bench/disk_bench.h"
#include "bench/listener_bench.h"
#include "bench/statistics.h"
#include "bench/workload.h"
#include "driver/replay/replay_driver.h"
#include "node/node_status.h"

namespace sluice {
namespace {

using Outcomes = Result<std::vector<BenchOutcome>>;

constexpr int kPairs = 5;
// Where the difference that is asked about is under 15 %.
constexpr int kManyPairs = 11;
constexpr char kBaselineIs[] = "plain RocksDB, one synced batch a block";

constexpr char kNullSink[] = "[sinks.null]\nplugin = \"null\"\nack = true\n";
constexpr char kFileSink[] =
    "[sinks.audit]\nplugin = \"file\"\nsettings = { path = \"stream\", fsync = true }\n";

std::string NodeToml(const std::string& policy, int window, const std::string& sinks,
                     bool sync = true) {
  return fmt::format(
      "[node]\nstream_id = \"bench\"\n[stores]\nnames = [\"{}\"]\n[driver]\nkind = \"replay\"\n"
      "[commit]\npolicy = \"{}\"\nwindow = {}\nsync = {}\nack_timeout = \"60s\"\n"
      "[journal]\ndisk_reserve = \"0B\"\n[log]\nlevel = \"error\"\n{}",
      kBenchStore, policy, window, sync, sinks);
}

// Runs `sluice` and `baseline` in turns, the order changing with each pair, so that a drift of the
// machine meets both.
Result<BenchOutcome> Pairs(BenchOutcome outcome, int pairs,
                           const std::function<Result<double>()>& sluice,
                           const std::function<Result<double>()>& baseline) {
  for (int i = 0; i < pairs; ++i) {
    for (int turn = 0; turn < 2; ++turn) {
      const bool ours = (i + turn) % 2 == 0;
      SLUICE_ASSIGN_OR_RETURN(double value, ours ? sluice() : baseline());
      (ours ? outcome.sluice : outcome.baseline).push_back(value);
    }
  }
  return outcome;
}

// Changes per second of a node with this configuration, against plain RocksDB.
Outcomes CommitBench(const BenchContext& context, const std::string& name, const std::string& toml,
                     const Shape& shape, int pairs) {
  BenchOutcome outcome;
  outcome.name = name;
  outcome.unit = "changes/s";
  outcome.baseline_is = kBaselineIs;
  auto rate = [&](double seconds) { return static_cast<double>(shape.total()) / seconds; };
  SLUICE_ASSIGN_OR_RETURN(outcome, Pairs(
                                       std::move(outcome), pairs,
                                       [&]() -> Result<double> {
                                         BenchHome home(context);
                                         BenchDriver driver(shape, /*ahead=*/true);
                                         SLUICE_ASSIGN_OR_RETURN(BenchHome::NodeTimes times,
                                                                 home.RunNode(toml, &driver));
                                         return rate(times.seconds);
                                       },
                                       [&]() -> Result<double> {
                                         BenchHome home(context);
                                         SLUICE_ASSIGN_OR_RETURN(double seconds,
                                                                 home.RunBaseline(shape));
                                         return rate(seconds);
                                       }));
  return std::vector<BenchOutcome>{std::move(outcome)};
}

Bench Commit(const std::string& name, const std::string& what, const std::string& policy,
             int window, const std::string& sinks, Shape shape, int pairs) {
  return {name, what, [=](const BenchContext& context) {
            return CommitBench(context, name, NodeToml(policy, window, sinks), shape, pairs);
          }};
}

Outcomes RunFdatasync(const BenchContext& context) {
  SLUICE_ASSIGN_OR_RETURN(std::vector<double> seconds, TimeFdatasync(context.folder, 500));
  BenchOutcome outcome;
  outcome.name = "fdatasync";
  outcome.unit = "us";
  for (double& value : seconds) value *= 1e6;
  outcome.sluice = seconds;
  outcome.baseline = seconds;
  outcome.baseline_is = "itself: one fdatasync of 4 KiB appended, what the disk allows";
  return std::vector<BenchOutcome>{std::move(outcome)};
}

Outcomes RunGate(const BenchContext& context) {
  BenchOutcome p50;
  p50.name = "gate_p50";
  p50.unit = "us";
  p50.baseline_is = "the limit asked for: 50 us at the median";
  BenchOutcome p99 = p50;
  p99.name = "gate_p99";
  p99.baseline_is = "the limit asked for: 500 us at the 99th percentile";
  for (int i = 0; i < kPairs; ++i) {
    BenchHome home(context);
    BenchDriver driver({2000, 100}, /*ahead=*/true);
    SLUICE_ASSIGN_OR_RETURN(BenchHome::NodeTimes times,
                            home.RunNode(NodeToml("all", 1, kNullSink), &driver));
    p50.sluice.push_back(times.gate_p50_seconds * 1e6);
    p50.baseline.push_back(50);
    p99.sluice.push_back(times.gate_p99_seconds * 1e6);
    p99.baseline.push_back(500);
  }
  p50.note = p99.note =
      "from delivered to decided, the batches themselves not counted; a ratio below 1 is within";
  return std::vector<BenchOutcome>{std::move(p50), std::move(p99)};
}

Outcomes RunListener(const BenchContext&) {
  BenchOutcome outcome;
  outcome.name = "listener";
  outcome.unit = "ns/change";
  outcome.baseline_is = "the overlay without a listener";
  std::vector<double> extra;
  for (int i = 0; i < kManyPairs; ++i) {
    ListenerTimes times = TimeListener(100, 1000);
    outcome.sluice.push_back(times.with_ns);
    outcome.baseline.push_back(times.without_ns);
    extra.push_back(times.with_ns - times.without_ns);
  }
  outcome.note =
      fmt::format("the listener adds {:.0f} ns a change (median)", SpreadOf(extra).median);
  return std::vector<BenchOutcome>{std::move(outcome)};
}

Outcomes RunSlowBesideFast(const BenchContext& context) {
  const Shape shape{3000, 100};
  const std::string fast = "[sinks.fast]\nplugin = \"null\"\n";
  const std::string slow = "[sinks.slow]\nplugin = \"null\"\nsettings = { delay = \"1ms\" }\n";
  BenchOutcome outcome;
  outcome.name = "slow_beside_fast";
  outcome.unit = "changes/s";
  outcome.baseline_is = "the same node with the fast sink alone";
  auto run = [&](const std::string& toml) -> Result<double> {
    BenchHome home(context);
    BenchDriver driver(shape, /*ahead=*/true);
    SLUICE_ASSIGN_OR_RETURN(BenchHome::NodeTimes times, home.RunNode(toml, &driver));
    return static_cast<double>(shape.total()) / times.seconds;
  };
  SLUICE_ASSIGN_OR_RETURN(outcome,
                          Pairs(
                              std::move(outcome), kManyPairs,
                              [&] { return run(NodeToml("1 of (fast, slow)", 8, fast + slow)); },
                              [&] { return run(NodeToml("1 of (fast)", 8, fast)); }));
  return std::vector<BenchOutcome>{std::move(outcome)};
}

Outcomes RunBacklog(const BenchContext& context) {
  const Shape shape{890'000, 1};
  BenchHome home(context);
  const std::string off = std::string(kNullSink) + "enabled = false\n";
  {
    BenchDriver driver(shape, /*ahead=*/false);
    SLUICE_ASSIGN_OR_RETURN(
        BenchHome::NodeTimes filled,
        home.RunNode(NodeToml("fire-and-forget", 64, off, /*sync=*/false), &driver));
    (void)filled;
  }
  ResetPeakMemory();
  BenchDriver nothing(shape, /*ahead=*/false);
  SLUICE_ASSIGN_OR_RETURN(BenchHome::NodeTimes times,
                          home.RunNode(NodeToml("fire-and-forget", 8, kNullSink), &nothing));
  BenchOutcome time;
  time.name = "backlog_seconds";
  time.unit = "s";
  time.sluice = {times.sinks_seconds};
  time.baseline = {60};
  time.baseline_is = "the limit asked for: 60 s for 890,000 small heights";
  BenchOutcome memory;
  memory.name = "backlog_memory";
  memory.unit = "MiB";
  memory.sluice = {static_cast<double>(PeakMemoryBytes()) / (1 << 20)};
  memory.baseline = {350};
  memory.baseline_is = "the limit asked for: 350 MiB at the peak";
  return std::vector<BenchOutcome>{std::move(time), std::move(memory)};
}

// Heights per second of a sink that takes 2 ms for each, on 8 workers and one after another.
Outcomes RunParallel(const BenchContext& context) {
  std::vector<BenchOutcome> outcomes;
  for (const bool disjoint : {true, false}) {
    const Shape shape{1000, 5, disjoint ? uint64_t{1} << 60U : 1};
    auto run = [&](bool parallel) -> Result<double> {
      BenchHome home(context);
      BenchDriver driver(shape, /*ahead=*/true);
      const std::string sink = fmt::format(
          "[sinks.slow]\nplugin = \"null\"\nworkers = 8\nsettings = {{ delay = \"2ms\", "
          "parallel = {} }}\n",
          parallel);
      SLUICE_ASSIGN_OR_RETURN(
          BenchHome::NodeTimes times,
          home.RunNode(NodeToml("fire-and-forget", 64, sink, /*sync=*/false), &driver));
      return static_cast<double>(shape.blocks) / times.level_seconds;
    };
    BenchOutcome outcome;
    outcome.name = disjoint ? "parallel_disjoint" : "parallel_conflicting";
    outcome.unit = "heights/s";
    outcome.baseline_is = "the same sink, one height after another";
    outcome.note = disjoint ? "asked for: 6 times as many" : "asked for: 0.95 of it at least";
    SLUICE_ASSIGN_OR_RETURN(outcome, Pairs(
                                         std::move(outcome), disjoint ? kPairs : kManyPairs,
                                         [&] { return run(true); }, [&] { return run(false); }));
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

Outcomes RunManySinks(const BenchContext& context) {
  constexpr int kSinks = 100;
  std::string sinks;
  for (int i = 0; i < kSinks; ++i) {
    sinks += fmt::format("[sinks.s{}]\nplugin = \"null\"\nack = false\n", i);
  }
  BenchOutcome start;
  start.name = "sinks_100_start";
  start.unit = "s";
  start.baseline_is = "the limit asked for: 2 s until 100 sinks of one library run";
  BenchOutcome idle;
  idle.name = "sinks_100_idle";
  idle.unit = "% of a core";
  idle.baseline_is = "the limit asked for: 1 % of a core";
  for (int i = 0; i < kPairs; ++i) {
    BenchHome home(context);
    SLUICE_ASSIGN_OR_RETURN(
        BenchHome::IdleTimes times,
        home.RunIdle(NodeToml("fire-and-forget", 8, sinks), std::chrono::seconds(5)));
    start.sluice.push_back(times.start_seconds);
    start.baseline.push_back(2);
    idle.sluice.push_back(times.core_share * 100);
    idle.baseline.push_back(1);
  }
  start.note = idle.note = "a ratio below 1 is within";
  return std::vector<BenchOutcome>{std::move(start), std::move(idle)};
}

// A status a second, as `sluice status --watch` asks for it, and what it costs the commits.
Outcomes RunStatus(const BenchContext& context) {
  const Shape shape{4000, 100};
  BenchOutcome rate;
  rate.name = "status_commit_rate";
  rate.unit = "changes/s";
  rate.baseline_is = "the same node that nobody asks";
  rate.note = "asked for: 0.95 of it at least";
  std::vector<double> milliseconds;
  auto run = [&](bool watched) -> Result<double> {
    BenchHome home(context);
    BenchDriver driver(shape, /*ahead=*/true);
    const auto ask = [&](const Node& node) {
      const TimePoint begun_at = Now();
      const std::string document = StatusToJson(node.status());
      milliseconds.push_back(std::chrono::duration<double, std::milli>(Now() - begun_at).count());
    };
    SLUICE_ASSIGN_OR_RETURN(BenchHome::NodeTimes times,
                            home.RunNode(NodeToml("all", 8, kFileSink), &driver,
                                         watched ? ask : std::function<void(const Node&)>()));
    return static_cast<double>(shape.total()) / times.seconds;
  };
  SLUICE_ASSIGN_OR_RETURN(rate, Pairs(
                                    std::move(rate), kManyPairs, [&] { return run(true); },
                                    [&] { return run(false); }));
  BenchOutcome longest;
  longest.name = "status_longest";
  longest.unit = "ms";
  longest.sluice = {*std::max_element(milliseconds.begin(), milliseconds.end())};
  longest.baseline = {20};
  longest.baseline_is = "the limit asked for: 20 ms at the 99th percentile";
  longest.note = fmt::format("the longest of {} on a node at full load; a ratio below 1 is within",
                             milliseconds.size());
  return std::vector<BenchOutcome>{std::move(rate), std::move(longest)};
}

// What a copy of the state costs the commits beside it, and how fast it is on a node at rest.
Outcomes RunSnapshot(const BenchContext& context) {
  const Shape filled{5000, 100};
  const Shape more{filled.blocks + 1500, filled.changes};
  const auto toml = [](const std::string& late) {
    return NodeToml("all(audit)", 8, kFileSink + late);
  };
  const auto late = [](const char* start) {
    return fmt::format(
        "[sinks.late]\nplugin = \"file\"\nack = false\nstart = \"{}\"\n"
        "settings = {{ path = \"late\", fsync = true }}\n",
        start);
  };
  BenchHome model(context);
  {
    BenchDriver driver(filled, /*ahead=*/false);
    SLUICE_ASSIGN_OR_RETURN(
        const BenchHome::NodeTimes times,
        model.RunNode(NodeToml("all(audit)", 64, kFileSink, /*sync=*/false), &driver));
    (void)times;
  }
  BenchOutcome commits;
  commits.name = "snapshot_commit_rate";
  commits.unit = "changes/s";
  commits.baseline_is = "the same node, whose new sink begins with the next height";
  commits.note = "asked for: 0.9 of it at least";
  auto rate = [&](const char* start) -> Result<double> {
    BenchHome home(context);
    home.CopyOf(model);
    BenchDriver driver(more, /*ahead=*/true);
    SLUICE_ASSIGN_OR_RETURN(BenchHome::NodeTimes times, home.RunNode(toml(late(start)), &driver));
    return static_cast<double>(more.total() - filled.total()) / times.seconds;
  };
  SLUICE_ASSIGN_OR_RETURN(commits,
                          Pairs(
                              std::move(commits), kManyPairs, [&] { return rate("snapshot"); },
                              [&] { return rate("latest"); }));
  BenchOutcome copy;
  copy.name = "snapshot_rows";
  copy.unit = "rows/s";
  copy.baseline_is = "reading all rows and writing them to a file, one fdatasync";
  copy.note = "from the node's start until the sink runs; asked for: 0.5 of it at least";
  uint64_t rows = 0;
  SLUICE_ASSIGN_OR_RETURN(
      copy,
      Pairs(
          std::move(copy), kPairs,
          [&]() -> Result<double> {
            BenchHome home(context);
            home.CopyOf(model);
            if (rows == 0) {
              SLUICE_ASSIGN_OR_RETURN(const double ignored, home.RunScanAndWrite(toml(""), &rows));
              (void)ignored;
            }
            SLUICE_ASSIGN_OR_RETURN(
                BenchHome::IdleTimes times,
                home.RunIdle(toml(late("snapshot")), std::chrono::milliseconds(1)));
            return static_cast<double>(rows) / times.start_seconds;
          },
          [&]() -> Result<double> {
            BenchHome home(context);
            home.CopyOf(model);
            SLUICE_ASSIGN_OR_RETURN(const double seconds, home.RunScanAndWrite(toml(""), &rows));
            return static_cast<double>(rows) / seconds;
          }));
  return std::vector<BenchOutcome>{std::move(commits), std::move(copy)};
}

// One operation a line, so that the driver puts the blocks together too.
Status WriteJsonLines(const std::filesystem::path& path, const Shape& shape) {
  std::ofstream out(path, std::ios::binary);
  for (uint64_t i = 0; i < shape.blocks; ++i) {
    for (const auto& [key, value] : BenchPuts(shape, i)) {
      out << R"({"op":"set","store":")" << kBenchStore << R"(","key":")" << key << R"(","value":")"
          << value << "\"}\n";
    }
  }
  out.close();
  if (!out) return Status(StatusCode::kIo, fmt::format("bench: cannot write {}", path.string()));
  return Status::Ok();
}

Outcomes RunReplay(const BenchContext& context) {
  const Shape shape{10'000, 100};
  BenchHome input(context);
  const std::filesystem::path lines = input.path() / "blocks.jsonl";
  SLUICE_RETURN_IF_ERROR(WriteJsonLines(lines, shape));
  BenchOutcome outcome;
  outcome.name = "replay_jsonl";
  outcome.unit = "changes/s";
  outcome.baseline_is = kBaselineIs;
  SLUICE_ASSIGN_OR_RETURN(
      outcome, Pairs(
                   std::move(outcome), kPairs,
                   [&]() -> Result<double> {
                     BenchHome home(context);
                     ReplayOptions options;
                     options.path = lines.string();
                     ReplayDriver driver(options);
                     SLUICE_ASSIGN_OR_RETURN(
                         BenchHome::NodeTimes times,
                         home.RunNode(NodeToml("fire-and-forget", 8, kNullSink), &driver));
                     return static_cast<double>(shape.total()) / times.seconds;
                   },
                   [&]() -> Result<double> {
                     BenchHome home(context);
                     SLUICE_ASSIGN_OR_RETURN(double seconds, home.RunBaseline(shape));
                     return static_cast<double>(shape.total()) / seconds;
                   }));
  return std::vector<BenchOutcome>{std::move(outcome)};
}

}  // namespace

const std::vector<Bench>& AllBenches() {
  static const std::vector<Bench> benches = {
      {"fdatasync", "one fdatasync of 4 KiB", RunFdatasync},
      Commit("commit_fire_and_forget_100", "fire-and-forget, null sink, window 1",
             "fire-and-forget", 1, kNullSink, {1500, 100}, kManyPairs),
      Commit("commit_fire_and_forget_1000", "the same with 1,000 changes a block",
             "fire-and-forget", 1, kNullSink, {250, 1000}, kManyPairs),
      Commit("commit_all_file_window_1", "all, fsynced file sink, one block strictly after another",
             "all", 1, kFileSink, {1500, 100}, kPairs),
      Commit("commit_all_file_window_8", "all, fsynced file sink, 8 blocks at once", "all", 8,
             kFileSink, {2500, 100}, kManyPairs),
      Commit("commit_all_file_window_8_1000", "the same with 1,000 changes a block", "all", 8,
             kFileSink, {300, 1000}, kManyPairs),
      Commit("commit_all_file_window_8_1", "the same with 1 change a block", "all", 8, kFileSink,
             {5000, 1}, kPairs),
      {"gate", "delivered to decided, a sink that acks at once", RunGate},
      {"listener", "recording a change", RunListener},
      {"slow_beside_fast", "1 of (fast, slow), the slow one takes 1 ms a block", RunSlowBesideFast},
      {"backlog", "890,000 small heights to a sink that was down", RunBacklog},
      {"parallel", "2 ms a height on 8 workers, disjoint and conflicting keys", RunParallel},
      {"sinks_100", "100 sinks of one library: until they run, and at rest", RunManySinks},
      {"status", "a status a second on a node at full load", RunStatus},
      {"snapshot", "a copy of the state into a new sink, beside commits and alone", RunSnapshot},
      {"replay_jsonl", "1,000,000 changes in JSON Lines, end to end", RunReplay},
  };
  return benches;
}

}  // namespace sluice
