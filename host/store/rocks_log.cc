// SPDX-License-Identifier: Apache-2.0
#include "store/rocks_log.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string_view>

#include "base/log.h"

namespace sluice {
namespace {

constexpr size_t kMaxLineBytes = 2048;  // longer lines are cut; the end is rarely what matters

// What RocksDB writes before it refuses a log file: "<file>: dropping <n> bytes; <why>".
constexpr std::string_view kDamage = ": dropping ";

}  // namespace

void RocksLog::Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) {
  if (level < GetInfoLogLevel() || level == rocksdb::InfoLogLevel::HEADER_LEVEL) return;
  const LogLevel ours = level == rocksdb::InfoLogLevel::WARN_LEVEL    ? LogLevel::kWarn
                        : level == rocksdb::InfoLogLevel::ERROR_LEVEL ? LogLevel::kError
                                                                      : LogLevel::kCritical;
  std::array<char, kMaxLineBytes> line;
  const int size = std::vsnprintf(line.data(), line.size(), format, arguments);
  if (size <= 0) return;
  std::string_view text(line.data(), std::min(static_cast<size_t>(size), line.size() - 1));
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (text.find(kDamage) != std::string_view::npos) {
    std::lock_guard lock(mutex_);
    damage_ = text;
  }
  if (LogEnabled(ours)) LogMessage(ours, "store", text);
}

std::string RocksLog::damage() const {
  std::lock_guard lock(mutex_);
  return damage_;
}

}  // namespace sluice
