// SPDX-License-Identifier: Apache-2.0
//
// SinkInstance over the C ABI: converts arguments and results, and holds the plugin to its
// promises. Threading and lifetime: as sink_instance.h says; deliver may run on several threads.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "plugin/batch_view.h"
#include "plugin/raw_instance.h"
#include "plugin/sink_instance.h"

namespace sluice {

class Instance final : public SinkInstance {
 public:
  // `identity`: of the instance's plugin; what start returns may not go beyond it.
  Instance(RawInstance raw, const PluginIdentity& identity);
  ~Instance() override;

  Result<std::string> BeginProvision(const StartArgs& args) override;
  Result<ProvisionReport> PollProvision(const StartArgs& args, const std::string& task) override;
  bool can_reset() override;
  Status Reset(const StartArgs& args) override;
  Result<StartResult> Start(const StartArgs& args) override;
  bool can_resume() const override { return raw_.table()->resume != nullptr; }
  Result<SinkPosition> Resume() override;
  Status Attach(const Base& base, AttachReason reason, Epoch epoch) override;
  bool can_take_snapshot() const override { return snapshot_ != nullptr; }
  Status BeginSnapshot(const SnapshotArgs& args) override;
  Status TakeSnapshotPart(uint64_t part, std::span<const SnapshotRow> rows) override;
  Status EndSnapshot() override;
  Status Deliver(const Delivery& delivery) override;
  void Cancel() override;
  Status Drain(Duration deadline) override;
  void Destroy() override;
  void Abandon() override;

 private:
  // The plugin's table, asked for once; null where it has none.
  const sluice_provision_v1* ProvisionTable();
  std::shared_ptr<BatchView> TakeView();
  void GiveBack(std::shared_ptr<BatchView> view);

  // Set in the constructor.
  RawInstance raw_;
  const AckLevel highest_level_;
  const uint64_t capabilities_;
  const sluice_snapshot_v1* const snapshot_;  // null: the plugin has no such extension

  std::vector<sluice_row> rows_;  // control thread; kept for its memory
  uint64_t max_part_bytes_ = 0;   // set by Start
  bool ended_ = false;            // control thread
  // Control thread: nothing before it was asked for.
  std::optional<const sluice_provision_v1*> provision_;

  std::mutex mutex_;  // guards what follows
  std::vector<std::shared_ptr<BatchView>> idle_views_;
};

// Read what a plugin has filled in. kFatal where it makes no sense.
Result<ProvisionReport> ProvisionReportFromAbi(const sluice_provision_report& report);
Result<SinkPosition> PositionFromAbi(const sluice_position& position);

}  // namespace sluice
