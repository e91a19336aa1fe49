// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/log_file.h"

namespace sluice {
namespace {

std::atomic<bool> g_json{false};

spdlog::logger& Logger() {
  // Never destroyed: a plugin's thread may log while the process ends.
  static spdlog::logger* logger = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto* made = new spdlog::logger("sluice", std::move(sink));
    made->set_pattern("%v");
    made->set_level(spdlog::level::info);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return "trace";
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kCritical:
      return "critical";
  }
  return "info";
}

struct SplitTime {
  std::string seconds;  // "2026-01-31T12:00:00"
  int64_t nanos = 0;    // 0 to 999,999,999
};

SplitTime Split(int64_t unix_nanos) {
  int64_t seconds = unix_nanos / 1'000'000'000;
  int64_t nanos = unix_nanos % 1'000'000'000;
  if (nanos < 0) {
    nanos += 1'000'000'000;
    --seconds;
  }
  std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return {fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                      parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec),
          nanos};
}

}  // namespace

Status InitLog(std::string_view level, LogFormat format) {
  spdlog::level::level_enum parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off") {
    return Status(
        StatusCode::kConfiguration,
        fmt::format("log level '{}' is none of trace, debug, info, warn, error, critical, off",
                    level));
  }
  Logger().set_level(parsed);
  g_json.store(format == LogFormat::kJson);
  return Status::Ok();
}

bool LogEnabled(LogLevel level) {
  return Logger().should_log(static_cast<spdlog::level::level_enum>(level));
}

void LogMessage(LogLevel level, std::string_view component, std::string_view message) {
  std::string line;
  std::string time = FormatTimeMillis(WallNanos());
  if (g_json.load(std::memory_order_relaxed)) {
    line = fmt::format(R"({{"time":"{}","level":"{}","component":)", time, LevelName(level));
    AppendJsonString(&line, component);
    line += ",\"message\":";
    AppendJsonString(&line, message);
    line += "}";
  } else {
    line = fmt::format("{} {:<5} {}: {}", time, LevelName(level), component, message);
  }
  if (AppendToLogFile(line)) return;
  Logger().log(static_cast<spdlog::level::level_enum>(level),
               spdlog::string_view_t(line.data(), line.size()));
}

std::string FormatTime(int64_t unix_nanos) {
  const SplitTime time = Split(unix_nanos);
  if (time.nanos == 0) return time.seconds + "Z";
  std::string fraction = fmt::format("{:09}", time.nanos);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return fmt::format("{}.{}Z", time.seconds, fraction);
}

std::string FormatTimeMillis(int64_t unix_nanos) {
  const SplitTime time = Split(unix_nanos);
  return fmt::format("{}.{:03}Z", time.seconds, time.nanos / 1'000'000);
}

}  // namespace sluice
