// SPDX-License-Identifier: Apache-2.0
//
// The host's side of one instance: the function table that the plugin is given, and the handle
// behind its context. A plugin may keep both and call them at any time, even after destroy has
// returned: the memory of a handle is therefore never freed (some hundred bytes for each start of
// an instance), and a call that comes too late is counted and does nothing.
//
// Threading: the table's functions on any thread; Close, Abandon and the accessors on the owner's.
// A callback in progress holds the handle open: Close waits for it, and callbacks never wait for
// anything long. Ownership: handles belong to the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "plugin/batch_view.h"
#include "plugin/plugin_library.h"
#include "plugin/plugin_metrics.h"
#include "sluice/plugin.h"

namespace sluice {

class HostHandle {
 public:
  // `listener` must live until Close has returned.
  static HostHandle* Create(const InstanceOptions& options, InstanceListener* listener);

  HostHandle(const HostHandle&) = delete;
  HostHandle& operator=(const HostHandle&) = delete;

  const sluice_host* table() const { return &table_; }

  // After it no call reaches the listener. Batches that the plugin still retains are let go:
  // destroy has promised that no thread of it is left.
  void Close();
  // The same for an instance that was never destroyed: its threads may still read the batches that
  // they retain, so these are kept for ever.
  void Abandon();

 private:
  HostHandle(const InstanceOptions& options, InstanceListener* listener);

  // One call of the plugin: holds the handle open while it lives.
  class Call;
  struct RetainedBatch {
    std::shared_ptr<BatchView> view;
    uint64_t retains = 0;
    uint64_t bytes = 0;
  };

  // The table. Never throws: an exception must not run through a plugin's frames.
  static void Ack(void* context, const sluice_ack* ack) noexcept;
  static void Nack(void* context, const sluice_nack* nack) noexcept;
  static void Ready(void* context) noexcept;
  static int32_t BatchRetain(void* context, const sluice_batch* batch) noexcept;
  static void BatchRelease(void* context, const sluice_batch* batch) noexcept;
  static void Log(void* context, int32_t level, sluice_text text) noexcept;
  static void Fail(void* context, int32_t code, sluice_text text) noexcept;
  static const void* GetExtension(void* context, const char* id) noexcept;
  static int32_t SetGauge(void* context, sluice_text name, int64_t value) noexcept;
  static int32_t AddToCounter(void* context, sluice_text name, uint64_t count) noexcept;
  static const sluice_metrics_v1 kMetrics;

  // Turns away calls to come and waits for those in progress.
  void Shut();
  void Broken(std::string text);
  // Passes the answer on; the first refusal is logged.
  int32_t MetricTaken(StatusCode code, sluice_text name);

  // Set in the constructor.
  sluice_host table_{};
  const std::string component_;  // "sink orders"
  const uint64_t retained_bytes_max_;
  InstanceListener* const listener_;
  const std::shared_ptr<PluginMetrics> metrics_;  // may be null

  // Calls in progress, and whether the handle is closed.
  std::atomic<uint32_t> calls_{0};
  std::atomic<bool> metric_refused_{false};

  std::mutex mutex_;  // guards what follows
  std::map<const sluice_batch*, RetainedBatch> retained_;
  uint64_t retained_bytes_ = 0;
};

}  // namespace sluice
