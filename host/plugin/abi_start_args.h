// SPDX-License-Identifier: Apache-2.0
//
// StartArgs as the C ABI takes them: a view, valid as long as what it was made of.
// Threading: plain values.
#pragma once

#include <string>
#include <vector>

#include "plugin/abi_text.h"
#include "plugin/sink_instance.h"
#include "sluice/plugin.h"

namespace sluice {

class AbiStartArgs {
 public:
  explicit AbiStartArgs(const StartArgs& args) {
    for (const std::string& store : args.filter.stores) stores_.push_back(ToText(store));
    for (const std::string& prefix : args.filter.key_prefixes) {
      prefixes_.push_back(ToBytes(prefix));
    }
    args_.struct_size = sizeof(args_);
    args_.settings = ToText(args.settings_json);
    args_.stream_id = ToText(args.stream_id);
    args_.sink_name = ToText(args.sink.str());
    args_.home = ToText(args.home);
    args_.epoch = args.epoch.value();
    const int64_t nanos = args.deadline.count();
    args_.deadline_nanos = nanos > 0 ? static_cast<uint64_t>(nanos) : 0;
    args_.stores = stores_.data();
    args_.store_count = stores_.size();
    args_.key_prefixes = prefixes_.data();
    args_.key_prefix_count = prefixes_.size();
  }
  AbiStartArgs(const AbiStartArgs&) = delete;
  AbiStartArgs& operator=(const AbiStartArgs&) = delete;

  const sluice_start_args* get() const { return &args_; }

 private:
  std::vector<sluice_text> stores_;
  std::vector<sluice_bytes> prefixes_;
  sluice_start_args args_{};
};

}  // namespace sluice
