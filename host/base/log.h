// SPDX-License-Identifier: Apache-2.0
//
// Logging: lines to standard error, as text or JSON. spdlog does the work and stays behind this
// header.
//
//   LogInfo("sink audit", "resumed at height {}", height);
//
// `component` names who speaks ("node", "store", "sink orders"); it is a field of its own in JSON.
// Threading: any thread, after InitLog (before it: text, level info).
#pragma once

#include <fmt/core.h>

#include <string_view>

#include "base/status.h"

namespace sluice {

enum class LogLevel { kTrace = 0, kDebug = 1, kInfo = 2, kWarn = 3, kError = 4, kCritical = 5 };
enum class LogFormat { kText, kJson };

// `level`: trace, debug, info, warn, error, critical, off.
Status InitLog(std::string_view level, LogFormat format);

bool LogEnabled(LogLevel level);
void LogMessage(LogLevel level, std::string_view component, std::string_view message);

template <typename... Args>
void LogAt(LogLevel level, std::string_view component, fmt::format_string<Args...> format,
           Args&&... args) {
  if (LogEnabled(level))
    LogMessage(level, component, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogDebug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  LogAt(LogLevel::kDebug, component, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogInfo(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  LogAt(LogLevel::kInfo, component, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogWarn(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  LogAt(LogLevel::kWarn, component, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogError(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  LogAt(LogLevel::kError, component, format, std::forward<Args>(args)...);
}

// RFC 3339 in UTC with nanoseconds trimmed to what is not zero: "2026-01-31T12:00:00Z".
std::string FormatTime(int64_t unix_nanos);
// The same cut off to milliseconds, always three digits, so that log lines stand in columns:
// "2026-01-31T12:00:00.000Z".
std::string FormatTimeMillis(int64_t unix_nanos);

}  // namespace sluice
