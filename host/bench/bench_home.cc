// SPDX-License-Identifier: Apache-2.0
#include "bench/bench_home.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/clock.h"
#include "config/load.h"
#include "node/node_setup.h"
#include "store/baseline.h"
#include "store/database.h"

namespace sluice {
namespace {

double SecondsSince(TimePoint begin) {
  return std::chrono::duration<double>(Now() - begin).count();
}

// Of processor, of all threads.
double ProcessSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

BenchHome::BenchHome(const BenchContext& context) : context_(context) {
  static std::atomic<int> count{0};
  path_ = context.folder / fmt::format("sluice-bench-{}-{}", getpid(), count++);
  std::filesystem::create_directories(path_);
}

BenchHome::~BenchHome() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<std::unique_ptr<Node>> BenchHome::MakeNode(const std::string& toml) {
  LoadResult loaded = LoadConfigText(toml, ConfigFormat::kToml, "bench", path_, {});
  SLUICE_RETURN_IF_ERROR(loaded.ToStatus());
  NodeOptions options;
  options.home = path_.string();
  options.config = std::move(loaded.config);
  options.plugin_folders = context_.plugin_folders;
  return std::make_unique<Node>(std::move(options));
}

Result<BenchHome::NodeTimes> BenchHome::RunNode(const std::string& toml, Driver* driver,
                                                const std::function<void(const Node&)>& beside) {
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Node> node, MakeNode(toml));
  NodeTimes times;
  const TimePoint started = Now();
  SLUICE_RETURN_IF_ERROR(node->Start());
  std::atomic<bool> fed{false};
  std::thread other([&] {
    TimePoint next = Now();
    while (beside && !fed.load()) {
      if (Now() >= next) {
        next += std::chrono::seconds(1);
        beside(*node);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  const TimePoint begin = Now();
  const Status ran = node->Run(driver);
  times.seconds = SecondsSince(begin);
  fed.store(true);
  other.join();
  SLUICE_RETURN_IF_ERROR(ran);
  NodeStatus status = node->status();
  times.gate_p50_seconds = status.gate_p50_seconds;
  times.gate_p99_seconds = status.gate_p99_seconds;
  SLUICE_RETURN_IF_ERROR(node->WaitForSinks(std::chrono::seconds(60)));
  times.sinks_seconds = SecondsSince(started);
  times.level_seconds = SecondsSince(begin);
  SLUICE_RETURN_IF_ERROR(node->Stop());
  return times;
}

Result<BenchHome::IdleTimes> BenchHome::RunIdle(const std::string& toml, Duration idle) {
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Node> node, MakeNode(toml));
  IdleTimes times;
  const TimePoint started = Now();
  SLUICE_RETURN_IF_ERROR(node->Start());
  const auto all_run = [&] {
    const std::vector<SinkStatus> sinks = node->status().sinks;
    return std::all_of(sinks.begin(), sinks.end(),
                       [](const SinkStatus& sink) { return sink.lifecycle == "running"; });
  };
  while (!all_run()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  times.start_seconds = SecondsSince(started);
  const double before = ProcessSeconds();
  std::this_thread::sleep_for(idle);
  times.core_share = (ProcessSeconds() - before) / std::chrono::duration<double>(idle).count();
  SLUICE_RETURN_IF_ERROR(node->Stop());
  return times;
}

void BenchHome::CopyOf(const BenchHome& other) {
  std::filesystem::copy(
      other.path_, path_,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
}

Result<double> BenchHome::RunScanAndWrite(const std::string& toml, uint64_t* rows) {
  LoadResult loaded = LoadConfigText(toml, ConfigFormat::kToml, "bench", path_, {});
  SLUICE_RETURN_IF_ERROR(loaded.ToStatus());
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                          Database::Open(MakeDatabaseOptions(loaded.config, path_.string())));
  const std::string path = (path_ / "scan").string();
  const TimePoint begin = Now();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  std::string buffer;
  bool written = fd >= 0;
  const auto flush = [&] {
    written =
        written && ::write(fd, buffer.data(), buffer.size()) == static_cast<ssize_t>(buffer.size());
    buffer.clear();
  };
  *rows = 0;
  for (const std::string& name : database->stores()) {
    SLUICE_ASSIGN_OR_RETURN(const auto store, database->CommittedView(name));
    for (auto at = store->Iterate(KeyRange(), false); at->Valid(); at->Next(), ++*rows) {
      buffer.append(at->key()).append(at->value());
      if (buffer.size() >= (size_t{1} << 20)) flush();
    }
  }
  flush();
  written = written && ::fdatasync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!written) return Error(StatusCode::kIo, fmt::format("bench: cannot write {}", path));
  return SecondsSince(begin);
}

Result<double> BenchHome::RunBaseline(const Shape& shape) {
  std::vector<std::vector<std::pair<std::string, std::string>>> blocks;
  for (uint64_t i = 0; i < shape.blocks; ++i) blocks.push_back(BenchPuts(shape, i));
  SLUICE_ASSIGN_OR_RETURN(auto baseline, Baseline::Create((path_ / "plain").string()));
  TimePoint begin = Now();
  for (const auto& puts : blocks) SLUICE_RETURN_IF_ERROR(baseline->Write(puts, /*sync=*/true));
  return SecondsSince(begin);
}

}  // namespace sluice
