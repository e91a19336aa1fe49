// SPDX-License-Identifier: Apache-2.0
//
// The numbers that a sink's plugin counts and measures itself (sluice.metrics/1), by name. One
// store a sink, over all its instances: counters go on, gauges end with their instance.
//
// Threading: any; held for as long as a map lookup takes. Ownership: shared by the sink's loop and
// the handles of its instances.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sluice {

class PluginMetrics {
 public:
  // Of one sink: a plugin that put a key or a height into a name would otherwise fill the memory.
  static constexpr uint32_t kNamesMax = 64;

  struct Value {
    std::string name;
    bool is_counter = false;
    int64_t value = 0;

    friend bool operator==(const Value&, const Value&) = default;
  };

  // kInvalid: no name by the rule of plugin.h, or one of the other kind; kNoMemory: too many names.
  StatusCode Set(std::string_view name, int64_t value);
  // Stays at the largest value where it would pass it.
  StatusCode Add(std::string_view name, uint64_t count);

  // The instance has ended. Their names stay taken.
  void ForgetGauges();

  // By name.
  std::vector<Value> values() const;

 private:
  struct Entry {
    bool is_counter = false;
    bool is_set = false;
    int64_t value = 0;
  };
  // Null with *code, where the name is not taken.
  Entry* Find(std::string_view name, bool is_counter, StatusCode* code);

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace sluice
