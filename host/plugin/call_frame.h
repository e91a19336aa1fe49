// SPDX-License-Identifier: Apache-2.0
//
// A call into a plugin that is running on this thread: what the host functions that the plugin
// calls meanwhile need to know of it. `fail` inside a call belongs to that call on that thread, and
// batch_retain is legal for the batch that is being delivered on that thread only.
//
// Threading: each frame belongs to the thread that made it. Lifetime: the call's; frames nest.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "sluice/plugin.h"

namespace sluice {

class BatchView;
class HostHandle;

class CallFrame {
 public:
  // `batch`: what is being delivered, or null in any other call.
  explicit CallFrame(const HostHandle* handle, const std::shared_ptr<BatchView>* batch = nullptr);
  CallFrame(const CallFrame&) = delete;
  CallFrame& operator=(const CallFrame&) = delete;
  ~CallFrame();

  // The innermost call of `handle`'s instance on this thread, or null.
  static CallFrame* Find(const HostHandle* handle);

  const std::shared_ptr<BatchView>* batch() const { return batch_; }
  bool batch_retained() const { return batch_retained_; }
  void set_batch_retained() { batch_retained_ = true; }

  // The last reason given counts.
  void SetReason(std::string text) { reason_ = std::move(text); }

  // What a call that returned `abi_status` ended with: its code and the plugin's own text.
  Status Finish(int32_t abi_status);

 private:
  const HostHandle* handle_;
  const std::shared_ptr<BatchView>* batch_;
  CallFrame* outer_;
  bool batch_retained_ = false;
  std::string reason_;
};

// A plugin's text as the host keeps it: at most 4096 bytes, UTF-8 (other bytes become '?'), no line
// ends, so that it can stand in a log line and in JSON.
std::string CopyPluginText(const sluice_text& text);

}  // namespace sluice
