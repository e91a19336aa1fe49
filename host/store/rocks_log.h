// SPDX-License-Identifier: Apache-2.0
//
// RocksDB's own log, as lines of ours, from warnings upwards. RocksDB's file logger is never used:
// on a full disk it aborts the process from inside.
// Threading: any thread.
#pragma once

#include <rocksdb/env.h>

#include <cstdarg>
#include <mutex>
#include <string>

namespace sluice {

class RocksLog : public rocksdb::Logger {
 public:
  RocksLog() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}

  using rocksdb::Logger::Logv;
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override;
  // The configuration of the database, line by line at each opening: nobody asked.
  void LogHeader(const char*, va_list) override {}

  // The last line about damage in a log file, or empty: RocksDB's status does not name the file.
  std::string damage() const;

 private:
  mutable std::mutex mutex_;
  std::string damage_;  // guarded by mutex_
};

}  // namespace sluice
