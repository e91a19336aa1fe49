// SPDX-License-Identifier: Apache-2.0
#include "plugin/provision_plan.h"

#include <fmt/core.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "plugin/abi_start_args.h"
#include "plugin/call_frame.h"
#include "plugin/raw_instance.h"
#include "plugin/silent_listener.h"

namespace sluice {
namespace {

constexpr size_t kTableSize =
    offsetof(sluice_provision_v1, plan) + sizeof(sluice_provision_v1::plan);
// A plan is read by people; one without an end must not use up the memory.
constexpr size_t kPlanBytesMax = 16 << 20;

// What the plugin writes its plan into.
class PlanText {
 public:
  PlanText() : table_{sizeof(table_), 0, this, &PlanText::Write} {}
  PlanText(const PlanText&) = delete;
  PlanText& operator=(const PlanText&) = delete;

  const sluice_plan* table() const { return &table_; }

  Result<std::string> Take() {
    if (too_long_) {
      return Broke(fmt::format("a plan of more than {} bytes", kPlanBytesMax));
    }
    if (!IsUtf8(text_)) return Broke("a plan that is not UTF-8");
    return std::move(text_);
  }

 private:
  static tl::unexpected<Status> Broke(const std::string& what) {
    return Error(StatusCode::kFatal, "the plugin broke the ABI: " + what);
  }
  static void Write(void* context, sluice_text text) {
    auto* self = static_cast<PlanText*>(context);
    if (text.size == 0) return;
    self->too_long_ = self->too_long_ || text.size > kPlanBytesMax - self->text_.size();
    if (!self->too_long_) self->text_.append(text.data, text.size);
  }

  const sluice_plan table_;
  std::string text_;
  bool too_long_ = false;
};

// Outlives the caller where a call of the plugin does.
class PlanRun {
 public:
  PlanRun(const sluice_plugin* library, PluginIdentity identity, StartArgs args)
      : library_(library), identity_(std::move(identity)), args_(std::move(args)) {}

  void Main() {
    Result<std::string> result = Plan();
    const std::lock_guard<std::mutex> lock(mutex_);
    result_ = std::move(result);
    done_.notify_all();
  }

  // Nothing where it is not done in time.
  std::optional<Result<std::string>> Wait(Duration patience) {
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait_for(lock, patience, [this] { return result_.has_value(); });
    return std::move(result_);
  }

 private:
  Result<std::string> Plan() {
    SLUICE_ASSIGN_OR_RETURN(RawInstance raw,
                            RawInstance::Create(library_, {args_.sink, 0}, &listener_));
    Result<std::string> plan = PlanOf(raw);
    raw.Destroy();
    return plan;
  }

  Result<std::string> PlanOf(const RawInstance& raw) {
    const auto* table =
        static_cast<const sluice_provision_v1*>(raw.GetExtension(SLUICE_EXT_PROVISION_V1));
    if (table == nullptr || table->struct_size < kTableSize || table->plan == nullptr) {
      return Error(StatusCode::kUnsupported,
                   fmt::format("plugin {} {} cannot say what its sink needs (no {})", identity_.id,
                               identity_.version, SLUICE_EXT_PROVISION_V1));
    }
    const AbiStartArgs abi_args(args_);
    PlanText text;
    CallFrame frame(raw.handle());
    SLUICE_RETURN_IF_ERROR(frame.Finish(table->plan(raw.state(), abi_args.get(), text.table())));
    return text.Take();
  }

  const sluice_plugin* const library_;
  const PluginIdentity identity_;
  const StartArgs args_;
  SilentListener listener_{"provision"};

  std::mutex mutex_;  // guards what follows
  std::condition_variable done_;
  std::optional<Result<std::string>> result_;
};

}  // namespace

Result<std::string> PlanSinkProvision(const sluice_plugin* library, const PluginIdentity& identity,
                                      const StartArgs& args, Duration patience) {
  const auto run = std::make_shared<PlanRun>(library, identity, args);
  std::thread thread([run] { run->Main(); });
  std::optional<Result<std::string>> result = run->Wait(patience);
  if (!result) {
    thread.detach();
    return Error(
        StatusCode::kTimeout,
        fmt::format("plugin {} {} did not give its plan within {} ms and is left running",
                    identity.id, identity.version, patience / std::chrono::milliseconds(1)));
  }
  thread.join();
  return std::move(*result);
}

}  // namespace sluice
