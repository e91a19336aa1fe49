// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace sluice {
namespace {

constexpr Duration kTerminalInterval = std::chrono::milliseconds(100);
constexpr Duration kPlainInterval = std::chrono::seconds(2);
constexpr int kBarWidth = 30;

}  // namespace

std::string ProgressBar(double fraction) {
  int filled = std::clamp(static_cast<int>(fraction * kBarWidth), 0, kBarWidth);
  return "[" + std::string(static_cast<size_t>(filled), '#') +
         std::string(static_cast<size_t>(kBarWidth - filled), '.') + "]";
}

Progress::Progress(bool shown, const Driver* driver, const Node* node)
    : driver_(driver), node_(node), terminal_(isatty(STDERR_FILENO) == 1), started_at_(Now()) {
  if (shown) thread_ = std::thread([this] { Run(); });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::string Progress::Line(TimePoint now) const {
  DriverProgress driver = driver_->progress();
  RunSummary summary = node_->summary();
  double seconds = std::chrono::duration<double>(now - started_at_).count();
  double rate = seconds > 0 ? static_cast<double>(summary.blocks) / seconds : 0;
  double megabytes = static_cast<double>(driver.bytes_read) / 1e6;
  std::string line;
  if (driver.bytes_total > 0) {
    double fraction =
        static_cast<double>(driver.bytes_read) / static_cast<double>(driver.bytes_total);
    line = fmt::format("{} {:3.0f} %  {:.1f} MB", ProgressBar(fraction), fraction * 100, megabytes);
    if (fraction > 0.01) {
      line += fmt::format("  eta {:.0f} s", seconds / fraction * (1 - fraction));
    }
  } else {
    line = fmt::format("{:.1f} MB", megabytes);
  }
  return line + fmt::format("  height {}  {} blocks  {:.0f} blocks/s", summary.height,
                            summary.blocks, rate);
}

void Progress::Run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    changed_.wait_for(lock, terminal_ ? kTerminalInterval : kPlainInterval,
                      [this] { return ending_; });
    if (terminal_) {
      std::fprintf(stderr, "\r\x1b[K%s%s", Line(Now()).c_str(), ending_ ? "\n" : "");
    } else if (!ending_) {
      std::fprintf(stderr, "%s\n", Line(Now()).c_str());
    }
    std::fflush(stderr);
  }
}

}  // namespace sluice
