// SPDX-License-Identifier: Apache-2.0
#include "plugin/instance.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "plugin/abi_start_args.h"
#include "plugin/abi_text.h"
#include "plugin/call_frame.h"

namespace sluice {
namespace {

constexpr uint64_t kHeightMax = (uint64_t{1} << 63U) - 1;

uint64_t ToNanos(Duration duration) {
  return duration.count() > 0 ? static_cast<uint64_t>(duration.count()) : 0;
}

tl::unexpected<Status> Broke(std::string text) {
  return Error(StatusCode::kFatal, "the plugin broke the ABI: " + std::move(text));
}

// The plugin's table, where it has all that version 1 has.
const sluice_snapshot_v1* FindSnapshot(const RawInstance& raw) {
  const auto* table =
      static_cast<const sluice_snapshot_v1*>(raw.GetExtension(SLUICE_EXT_SNAPSHOT_V1));
  const bool whole = table != nullptr && SLUICE_HAS(table, sluice_snapshot_v1, end) &&
                     table->begin != nullptr && table->part != nullptr && table->end != nullptr;
  return whole ? table : nullptr;
}

// The end of a call that can only succeed or fail.
Status FinishControl(CallFrame* frame, std::string_view function, int32_t abi_status) {
  if (abi_status == SLUICE_PENDING || abi_status == SLUICE_BUSY) {
    return Broke(fmt::format("{} answered {}", function,
                             StatusCodeName(StatusCodeFromAbi(abi_status))))
        .value();
  }
  return frame->Finish(abi_status);
}

}  // namespace

Result<SinkPosition> PositionFromAbi(const sluice_position& position) {
  SinkPosition out;
  if (position.kind == SLUICE_POSITION_EMPTY) return out;
  if (position.kind != SLUICE_POSITION_AT) {
    return Broke(fmt::format("a position of kind {}", position.kind));
  }
  const void* end = std::memchr(position.stream_id, 0, sizeof(position.stream_id));
  if (end == nullptr) return Broke("a position whose stream id does not end in NUL");
  out.empty = false;
  out.stream_id.assign(position.stream_id, static_cast<const char*>(end));
  if (out.stream_id.empty() || !IsUtf8(out.stream_id)) {
    return Broke("a position whose stream id is empty or not UTF-8");
  }
  if (position.height > kHeightMax || position.epoch > kHeightMax) {
    return Broke(fmt::format("a position at height {} and epoch {}, beyond 2^63 - 1",
                             position.height, position.epoch));
  }
  out.epoch = Epoch(position.epoch);
  out.height = Height(position.height);
  std::memcpy(out.digest.bytes.data(), position.digest.bytes, sizeof(position.digest.bytes));
  return out;
}

Result<ProvisionReport> ProvisionReportFromAbi(const sluice_provision_report& report) {
  ProvisionReport out;
  switch (report.state) {
    case SLUICE_PROVISION_UNKNOWN:
      return out;
    case SLUICE_PROVISION_RUNNING:
      out.state = ProvisionReport::State::kRunning;
      out.text = CopyPluginText(report.text);
      return out;
    case SLUICE_PROVISION_DONE:
      out.state = ProvisionReport::State::kDone;
      return out;
    case SLUICE_PROVISION_FAILED:
      break;
    default:
      return Broke(fmt::format("a provisioning task in state {}", report.state));
  }
  const StatusCode code = StatusCodeFromAbi(report.code);
  const bool is_failure =
      code != StatusCode::kOk && code != StatusCode::kPending && code != StatusCode::kBusy;
  if (!is_failure) {
    return Broke(fmt::format("a provisioning task that failed with {}", StatusCodeName(code)));
  }
  std::string text = CopyPluginText(report.text);
  if (text.empty()) text = "(the plugin gave no reason)";
  out.state = ProvisionReport::State::kFailed;
  out.error = Status(code, std::move(text));
  out.by_user = report.cause == SLUICE_CAUSE_USER;
  return out;
}

Instance::Instance(RawInstance raw, const PluginIdentity& identity)
    : raw_(raw),
      highest_level_(identity.highest_level),
      capabilities_(identity.capabilities),
      snapshot_(FindSnapshot(raw)) {}

Instance::~Instance() {
  SLUICE_CHECK(ended_, "an instance is destroyed before it is freed; an abandoned one is leaked");
}

const sluice_provision_v1* Instance::ProvisionTable() {
  if (!provision_) {
    provision_ =
        static_cast<const sluice_provision_v1*>(raw_.GetExtension(SLUICE_EXT_PROVISION_V1));
  }
  return *provision_;
}

Result<std::string> Instance::BeginProvision(const StartArgs& args) {
  const sluice_provision_v1* table = ProvisionTable();
  const bool has_both = table != nullptr && SLUICE_HAS(table, sluice_provision_v1, poll) &&
                        table->begin != nullptr && table->poll != nullptr;
  if (!has_both) return SinkInstance::BeginProvision(args);
  const AbiStartArgs abi_args(args);
  sluice_provision_task task{};
  task.struct_size = sizeof(task);
  CallFrame frame(raw_.handle());
  SLUICE_RETURN_IF_ERROR(
      FinishControl(&frame, "provision begin", table->begin(raw_.state(), abi_args.get(), &task)));
  if (std::memchr(task.id, 0, sizeof(task.id)) == nullptr) {
    return Broke("a provisioning task whose id does not end in NUL");
  }
  std::string id(task.id);
  if (!IsUtf8(id)) return Broke("a provisioning task whose id is not UTF-8");
  return id;
}

Result<ProvisionReport> Instance::PollProvision(const StartArgs& args, const std::string& task) {
  const sluice_provision_v1* table = ProvisionTable();
  if (table == nullptr || !SLUICE_HAS(table, sluice_provision_v1, poll) || table->poll == nullptr) {
    return SinkInstance::PollProvision(args, task);
  }
  const AbiStartArgs abi_args(args);
  sluice_provision_report report{};
  report.struct_size = sizeof(report);
  CallFrame frame(raw_.handle());
  SLUICE_RETURN_IF_ERROR(FinishControl(
      &frame, "provision poll", table->poll(raw_.state(), abi_args.get(), ToText(task), &report)));
  return ProvisionReportFromAbi(report);
}

bool Instance::can_reset() {
  const sluice_provision_v1* table = ProvisionTable();
  return table != nullptr && SLUICE_HAS(table, sluice_provision_v1, reset) &&
         table->reset != nullptr;
}

Status Instance::Reset(const StartArgs& args) {
  if (!can_reset()) return SinkInstance::Reset(args);
  const AbiStartArgs abi_args(args);
  CallFrame frame(raw_.handle());
  return FinishControl(&frame, "provision reset",
                       ProvisionTable()->reset(raw_.state(), abi_args.get()));
}

Result<StartResult> Instance::Start(const StartArgs& args) {
  const AbiStartArgs abi_args(args);
  sluice_start_result abi_result{};
  abi_result.struct_size = sizeof(abi_result);

  CallFrame frame(raw_.handle());
  SLUICE_RETURN_IF_ERROR(FinishControl(
      &frame, "start", raw_.table()->start(raw_.state(), abi_args.get(), &abi_result)));

  if (abi_result.level < SLUICE_LEVEL_RECEIVED ||
      abi_result.level > static_cast<int32_t>(highest_level_)) {
    return Broke(fmt::format("start gave ack level {}, its highest is {}", abi_result.level,
                             static_cast<int32_t>(highest_level_)));
  }
  if ((abi_result.capabilities & ~capabilities_) != 0) {
    return Broke(fmt::format("start gave capabilities {:#x}, its identity has {:#x}",
                             abi_result.capabilities, capabilities_));
  }
  max_part_bytes_ = abi_result.max_part_bytes;
  return StartResult{static_cast<AckLevel>(abi_result.level), abi_result.capabilities,
                     abi_result.max_part_bytes};
}

Result<SinkPosition> Instance::Resume() {
  SLUICE_CHECK(can_resume(), "Resume is called only where the plugin has it");
  sluice_position position{};
  position.struct_size = sizeof(position);
  CallFrame frame(raw_.handle());
  SLUICE_RETURN_IF_ERROR(
      FinishControl(&frame, "resume", raw_.table()->resume(raw_.state(), &position)));
  return PositionFromAbi(position);
}

Status Instance::Attach(const Base& base, AttachReason reason, Epoch epoch) {
  if (raw_.table()->attach == nullptr) return Status::Ok();
  sluice_attach_args args{};
  args.struct_size = sizeof(args);
  args.reason = static_cast<int32_t>(reason);
  args.epoch = epoch.value();
  args.height = base.height.value();
  std::memcpy(args.digest.bytes, base.digest.bytes.data(), sizeof(args.digest.bytes));
  CallFrame frame(raw_.handle());
  return FinishControl(&frame, "attach", raw_.table()->attach(raw_.state(), &args));
}

Status Instance::BeginSnapshot(const SnapshotArgs& args) {
  SLUICE_CHECK(can_take_snapshot(), "a snapshot is given only where the plugin takes one");
  sluice_snapshot_args abi_args{};
  abi_args.struct_size = sizeof(abi_args);
  abi_args.flags = args.filtered ? SLUICE_BATCH_FILTERED : 0;
  abi_args.epoch = args.epoch.value();
  abi_args.height = args.base.height.value();
  std::memcpy(abi_args.digest.bytes, args.base.digest.bytes.data(), sizeof(abi_args.digest.bytes));
  abi_args.time_unix_nanos = args.time_unix_nanos;
  abi_args.rows_about = args.rows_about;
  CallFrame frame(raw_.handle());
  return FinishControl(&frame, "snapshot begin", snapshot_->begin(raw_.state(), &abi_args));
}

Status Instance::TakeSnapshotPart(uint64_t part, std::span<const SnapshotRow> rows) {
  SLUICE_CHECK(can_take_snapshot(), "a snapshot is given only where the plugin takes one");
  rows_.clear();
  for (const SnapshotRow& row : rows) {
    rows_.push_back({ToText(row.store), ToBytes(row.key), ToBytes(row.value)});
  }
  sluice_snapshot_part abi_part{};
  abi_part.struct_size = sizeof(abi_part);
  abi_part.part = part;
  abi_part.rows = rows_.data();
  abi_part.row_count = rows_.size();
  abi_part.row_stride = sizeof(sluice_row);
  CallFrame frame(raw_.handle());
  return FinishControl(&frame, "snapshot part", snapshot_->part(raw_.state(), &abi_part));
}

Status Instance::EndSnapshot() {
  SLUICE_CHECK(can_take_snapshot(), "a snapshot is given only where the plugin takes one");
  CallFrame frame(raw_.handle());
  return FinishControl(&frame, "snapshot end", snapshot_->end(raw_.state()));
}

Status Instance::Deliver(const Delivery& delivery) {
  std::shared_ptr<BatchView> view = TakeView();
  view->Fill(delivery, max_part_bytes_);
  const uint32_t parts = view->part_count();
  Status status;
  for (uint32_t part = 0; part < parts; ++part) {
    if (view == nullptr) {
      view = std::make_shared<BatchView>();
      view->Fill(delivery, max_part_bytes_);
    }
    bool retained = false;
    {
      CallFrame frame(raw_.handle(), &view);
      const int32_t answer = raw_.table()->deliver(raw_.state(), view->SelectPart(part));
      status = frame.Finish(answer);
      retained = frame.batch_retained();
    }
    // A retained view is the plugin's to read from now on, perhaps on another thread.
    if (retained) view.reset();
    if (!status.ok() && status.code() != StatusCode::kPending) break;
  }
  if (view != nullptr) GiveBack(std::move(view));
  // PENDING is an answer, not a failure: it has no reason.
  if (status.code() == StatusCode::kPending) return {StatusCode::kPending, ""};
  return status;
}

std::shared_ptr<BatchView> Instance::TakeView() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_views_.empty()) return std::make_shared<BatchView>();
  std::shared_ptr<BatchView> view = std::move(idle_views_.back());
  idle_views_.pop_back();
  return view;
}

void Instance::GiveBack(std::shared_ptr<BatchView> view) {
  view->Clear();
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_views_.push_back(std::move(view));
}

void Instance::Cancel() {
  if (raw_.table()->cancel == nullptr) return;
  const CallFrame frame(raw_.handle());
  raw_.table()->cancel(raw_.state());
}

Status Instance::Drain(Duration deadline) {
  if (raw_.table()->drain == nullptr) return Status::Ok();
  CallFrame frame(raw_.handle());
  return FinishControl(&frame, "drain", raw_.table()->drain(raw_.state(), ToNanos(deadline)));
}

void Instance::Destroy() {
  SLUICE_CHECK(!ended_, "an instance is destroyed once");
  raw_.Destroy();
  ended_ = true;
}

void Instance::Abandon() {
  SLUICE_CHECK(!ended_, "an instance is ended once");
  raw_.Abandon();
}

}  // namespace sluice
