// SPDX-License-Identifier: Apache-2.0
//
// The sink's settings, as the host has checked and completed them (settings_schema.h), and what a
// single row cannot say about them. Threading: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "postgres/fault.h"

namespace sluice_postgres {

enum class ValueForm { kBytes, kText, kJsonb };
enum class OnBadValue { kHalt, kNull, kSkip };
enum class ReadbackSource { kBoth, kChanges, kState };

struct Settings {
  std::string conninfo;
  std::string schema = "sluice";
  bool changes = true;
  bool state = true;
  std::string changes_table = "changes";
  std::string state_table = "state";
  bool table_per_store = false;
  bool create = true;
  uint64_t batch_blocks = 256;
  uint64_t batch_bytes = 8 * 1024 * 1024;
  std::chrono::milliseconds linger{100};
  std::string synchronous_commit = "on";
  std::chrono::milliseconds lock_timeout{1000};
  std::chrono::milliseconds idle_in_transaction_timeout{10'000};
  std::map<std::string, ValueForm, std::less<>> value_as;
  OnBadValue on_bad_value = OnBadValue::kHalt;
  ReadbackSource readback = ReadbackSource::kBoth;
  uint64_t connections = 1;  // that write; above 1 heights are taken side by side

  // The level that a commit with these settings gives.
  int32_t level() const;
  ValueForm form_of(std::string_view store) const;
};

// No text of a fault holds the conninfo.
Fault ParseSettings(std::string_view text, Settings* settings);

}  // namespace sluice_postgres
