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

class RocksLog : public rocksdb::Logger {
 public:
  RocksLog() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}

  using rocksdb::Logger::Logv;
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < GetInfoLogLevel() || level == rocksdb::InfoLogLevel::HEADER_LEVEL) return;
    const LogLevel ours = level == rocksdb::InfoLogLevel::WARN_LEVEL    ? LogLevel::kWarn
                          : level == rocksdb::InfoLogLevel::ERROR_LEVEL ? LogLevel::kError
                                                                        : LogLevel::kCritical;
    if (!LogEnabled(ours)) return;
    std::array<char, kMaxLineBytes> line;
    const int size = std::vsnprintf(line.data(), line.size(), format, arguments);
    if (size <= 0) return;
    std::string_view text(line.data(), std::min(static_cast<size_t>(size), line.size() - 1));
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    LogMessage(ours, "store", text);
  }
  // The configuration of the database, line by line at each opening: nobody asked.
  void LogHeader(const char*, va_list) override {}
};

}  // namespace

std::shared_ptr<rocksdb::Logger> MakeRocksLog() { return std::make_shared<RocksLog>(); }

}  // namespace sluice
