// SPDX-License-Identifier: Apache-2.0
#include "plugin/host_table.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "plugin/call_frame.h"

namespace sluice {
namespace {

constexpr uint32_t kClosed = 1U << 31U;

std::atomic<uint64_t> g_late_calls{0};

Duration ToDuration(uint64_t nanos) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  return Duration(static_cast<int64_t>(std::min(nanos, kMax)));
}

std::string_view ToView(sluice_text text) {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}

// A nack says why a height was not taken; a code that means "taken" makes no sense there.
StatusCode NackCode(int32_t code) {
  switch (code) {
    case SLUICE_RETRY:
    case SLUICE_REJECT:
    case SLUICE_UNSUPPORTED:
    case SLUICE_FENCED:
      return static_cast<StatusCode>(code);
    default:
      return StatusCode::kFatal;
  }
}

}  // namespace

uint64_t LateHostCallCount() { return g_late_calls.load(std::memory_order_relaxed); }

class HostHandle::Call {
 public:
  explicit Call(void* context) : handle_(static_cast<HostHandle*>(context)) {
    if ((handle_->calls_.fetch_add(1, std::memory_order_acq_rel) & kClosed) != 0) {
      Leave();
      handle_ = nullptr;
      g_late_calls.fetch_add(1, std::memory_order_relaxed);
    }
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    if (handle_ != nullptr) Leave();
  }
  // Null where the handle is closed.
  HostHandle* handle() const { return handle_; }

 private:
  void Leave() {
    if (handle_->calls_.fetch_sub(1, std::memory_order_acq_rel) == (kClosed | 1U)) {
      handle_->calls_.notify_all();
    }
  }
  HostHandle* handle_;
};

HostHandle* HostHandle::Create(const InstanceOptions& options, InstanceListener* listener) {
  // Reachable for ever, and so no leak to a leak checker either.
  static std::mutex mutex;
  static auto* const handles = new std::vector<HostHandle*>;
  auto* handle = new HostHandle(options, listener);
  const std::lock_guard<std::mutex> lock(mutex);
  handles->push_back(handle);
  return handle;
}

HostHandle::HostHandle(const InstanceOptions& options, InstanceListener* listener)
    : component_("sink " + options.sink.str()),
      retained_bytes_max_(options.retained_bytes_max),
      listener_(listener),
      metrics_(options.metrics) {
  table_.struct_size = sizeof(table_);
  table_.abi_minor = SLUICE_ABI_MINOR;
  table_.context = this;
  table_.ack = &HostHandle::Ack;
  table_.nack = &HostHandle::Nack;
  table_.ready = &HostHandle::Ready;
  table_.batch_retain = &HostHandle::BatchRetain;
  table_.batch_release = &HostHandle::BatchRelease;
  table_.log = &HostHandle::Log;
  table_.fail = &HostHandle::Fail;
  table_.get_extension = &HostHandle::GetExtension;
}

void HostHandle::Shut() {
  uint32_t calls = calls_.fetch_or(kClosed, std::memory_order_acq_rel) | kClosed;
  while (calls != kClosed) {
    calls_.wait(calls, std::memory_order_acquire);
    calls = calls_.load(std::memory_order_acquire);
  }
  if (metrics_ != nullptr) metrics_->ForgetGauges();
}

void HostHandle::Close() {
  Shut();
  std::map<const sluice_batch*, RetainedBatch> left;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    left.swap(retained_);
    retained_bytes_ = 0;
  }
  if (!left.empty()) {
    LogWarn(component_, "the plugin still retained {} batches when it was destroyed; let go",
            left.size());
  }
}

void HostHandle::Abandon() { Shut(); }

void HostHandle::Broken(std::string text) {
  LogError(component_, "the plugin broke the ABI: {}", text);
  listener_->OnFailed(Status(StatusCode::kFatal, "the plugin broke the ABI: " + std::move(text)));
}

void HostHandle::Ack(void* context, const sluice_ack* ack) noexcept {
  const Call call(context);
  HostHandle* const handle = call.handle();
  if (handle == nullptr) return;
  if (ack == nullptr || !SLUICE_HAS(ack, sluice_ack, last_height)) {
    return handle->Broken("an ack that is too short");
  }
  if (ack->level < SLUICE_LEVEL_RECEIVED || ack->level > SLUICE_LEVEL_VISIBLE) {
    return handle->Broken(
        fmt::format("an ack for height {} at level {}", ack->last_height, ack->level));
  }
  if (ack->first_height > ack->last_height) {
    return handle->Broken(fmt::format("an ack for heights {} to {}, which is no range",
                                      ack->first_height, ack->last_height));
  }
  handle->listener_->OnAck({Epoch(ack->epoch), Attempt(ack->attempt), Height(ack->first_height),
                            Height(ack->last_height), static_cast<AckLevel>(ack->level)});
}

void HostHandle::Nack(void* context, const sluice_nack* nack) noexcept {
  const Call call(context);
  HostHandle* const handle = call.handle();
  if (handle == nullptr) return;
  if (nack == nullptr || !SLUICE_HAS(nack, sluice_nack, height)) {
    return handle->Broken("a nack that is too short");
  }
  NackReport report;
  report.epoch = Epoch(nack->epoch);
  report.attempt = Attempt(nack->attempt);
  report.height = Height(nack->height);
  report.code = NackCode(nack->code);
  if (SLUICE_HAS(nack, sluice_nack, retry_after_nanos)) {
    report.retry_after = ToDuration(nack->retry_after_nanos);
  }
  if (SLUICE_HAS(nack, sluice_nack, text)) report.text = CopyPluginText(nack->text);
  if (report.text.empty()) report.text = "(the plugin gave no reason)";
  handle->listener_->OnNack(report);
}

void HostHandle::Ready(void* context) noexcept {
  const Call call(context);
  if (call.handle() != nullptr) call.handle()->listener_->OnReady();
}

int32_t HostHandle::BatchRetain(void* context, const sluice_batch* batch) noexcept {
  const Call call(context);
  HostHandle* const handle = call.handle();
  if (handle == nullptr) return SLUICE_INVALID;
  CallFrame* const frame = CallFrame::Find(handle);
  if (frame == nullptr || frame->batch() == nullptr || (*frame->batch())->batch() != batch) {
    LogError(handle->component_, "the plugin retained a batch outside of its delivery; refused");
    return SLUICE_INVALID;
  }
  const std::lock_guard<std::mutex> lock(handle->mutex_);
  auto known = handle->retained_.find(batch);
  if (known == handle->retained_.end()) {
    const uint64_t bytes = (*frame->batch())->memory_bytes();
    if (bytes > handle->retained_bytes_max_ - handle->retained_bytes_) return SLUICE_NO_MEMORY;
    handle->retained_bytes_ += bytes;
    known = handle->retained_.emplace(batch, RetainedBatch{*frame->batch(), 0, bytes}).first;
    frame->set_batch_retained();
  }
  ++known->second.retains;
  return SLUICE_OK;
}

void HostHandle::BatchRelease(void* context, const sluice_batch* batch) noexcept {
  const Call call(context);
  HostHandle* const handle = call.handle();
  if (handle == nullptr) return;
  std::shared_ptr<BatchView> view;  // freed after the lock
  bool unknown = false;
  {
    const std::lock_guard<std::mutex> lock(handle->mutex_);
    const auto known = handle->retained_.find(batch);
    unknown = known == handle->retained_.end();
    if (!unknown && --known->second.retains == 0) {
      view = std::move(known->second.view);
      handle->retained_bytes_ -= known->second.bytes;
      handle->retained_.erase(known);
    }
  }
  if (unknown) {
    LogError(handle->component_, "the plugin released a batch that it does not retain; ignored");
  }
}

void HostHandle::Log(void* context, int32_t level, sluice_text text) noexcept {
  const Call call(context);
  if (call.handle() == nullptr) return;
  const int32_t known = std::clamp(level, SLUICE_LOG_TRACE, SLUICE_LOG_CRITICAL);
  if (!LogEnabled(static_cast<LogLevel>(known))) return;
  LogMessage(static_cast<LogLevel>(known), call.handle()->component_, CopyPluginText(text));
}

void HostHandle::Fail(void* context, int32_t code, sluice_text text) noexcept {
  const Call call(context);
  HostHandle* const handle = call.handle();
  if (handle == nullptr) return;
  std::string reason = CopyPluginText(text);
  if (CallFrame* const frame = CallFrame::Find(handle); frame != nullptr) {
    frame->SetReason(std::move(reason));
    return;
  }
  StatusCode status = StatusCodeFromAbi(code);
  if (status == StatusCode::kOk) status = StatusCode::kFatal;
  if (reason.empty()) reason = "(the plugin gave no reason)";
  handle->listener_->OnFailed(Status(status, std::move(reason)));
}

const void* HostHandle::GetExtension(void* context, const char* id) noexcept {
  const Call call(context);
  if (call.handle() == nullptr || id == nullptr) return nullptr;
  const bool metrics = std::string_view(id) == SLUICE_EXT_METRICS_V1;
  return metrics && call.handle()->metrics_ != nullptr ? &kMetrics : nullptr;
}

const sluice_metrics_v1 HostHandle::kMetrics = {sizeof(sluice_metrics_v1), PluginMetrics::kNamesMax,
                                                &HostHandle::SetGauge, &HostHandle::AddToCounter};

int32_t HostHandle::SetGauge(void* context, sluice_text name, int64_t value) noexcept {
  const Call call(context);
  HostHandle* const handle = call.handle();
  if (handle == nullptr || handle->metrics_ == nullptr) return SLUICE_INVALID;
  return handle->MetricTaken(handle->metrics_->Set(ToView(name), value), name);
}

int32_t HostHandle::AddToCounter(void* context, sluice_text name, uint64_t count) noexcept {
  const Call call(context);
  HostHandle* const handle = call.handle();
  if (handle == nullptr || handle->metrics_ == nullptr) return SLUICE_INVALID;
  return handle->MetricTaken(handle->metrics_->Add(ToView(name), count), name);
}

int32_t HostHandle::MetricTaken(StatusCode code, sluice_text name) {
  if (code != StatusCode::kOk && !metric_refused_.exchange(true)) {
    LogWarn(component_, "the plugin's metric \"{}\" is not taken: {}", CopyPluginText(name),
            code == StatusCode::kNoMemory ? "it uses too many names"
                                          : "not [a-z][a-z0-9_]*, or both gauge and counter");
  }
  return static_cast<int32_t>(code);
}

}  // namespace sluice
