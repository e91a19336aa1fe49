// SPDX-License-Identifier: Apache-2.0
#include "plugin/plugin_metrics.h"

#include <algorithm>
#include <limits>

namespace sluice {
namespace {

constexpr size_t kNameBytesMax = 63;

bool IsName(std::string_view name) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  if (name.empty() || name.size() > kNameBytesMax || !is_letter(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

PluginMetrics::Entry* PluginMetrics::Find(std::string_view name, bool is_counter,
                                          StatusCode* code) {
  *code = StatusCode::kOk;
  if (const auto known = entries_.find(name); known != entries_.end()) {
    if (known->second.is_counter == is_counter) return &known->second;
    *code = StatusCode::kInvalid;
    return nullptr;
  }
  if (!IsName(name)) {
    *code = StatusCode::kInvalid;
    return nullptr;
  }
  if (entries_.size() >= kNamesMax) {
    *code = StatusCode::kNoMemory;
    return nullptr;
  }
  Entry& made = entries_[std::string(name)];
  made.is_counter = is_counter;
  return &made;
}

StatusCode PluginMetrics::Set(std::string_view name, int64_t value) {
  const std::lock_guard<std::mutex> lock(mutex_);
  StatusCode code;
  if (Entry* const entry = Find(name, /*is_counter=*/false, &code); entry != nullptr) {
    entry->value = value;
    entry->is_set = true;
  }
  return code;
}

StatusCode PluginMetrics::Add(std::string_view name, uint64_t count) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const std::lock_guard<std::mutex> lock(mutex_);
  StatusCode code;
  if (Entry* const entry = Find(name, /*is_counter=*/true, &code); entry != nullptr) {
    const auto left = static_cast<uint64_t>(kMax - entry->value);
    entry->value = count > left ? kMax : entry->value + static_cast<int64_t>(count);
    entry->is_set = true;
  }
  return code;
}

void PluginMetrics::ForgetGauges() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [name, entry] : entries_) entry.is_set = entry.is_set && entry.is_counter;
}

std::vector<PluginMetrics::Value> PluginMetrics::values() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Value> out;
  for (const auto& [name, entry] : entries_) {
    if (entry.is_set) out.push_back({name, entry.is_counter, entry.value});
  }
  return out;
}

}  // namespace sluice
