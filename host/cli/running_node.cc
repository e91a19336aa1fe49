// SPDX-License-Identifier: Apache-2.0
#include "cli/running_node.h"

#include <unistd.h>

#include <memory>

#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/signals.h"

namespace sluice {

Status RunNode(RunPlan plan) {
  const Duration patience = plan.options.config.commit.recover_timeout;
  auto node = std::make_unique<Node>(std::move(plan.options));
  Status status;
  {
    SignalStop signals([&] { node->RequestStop(); });
    status = node->Start();
    if (status.ok()) {
      Progress progress(plan.show_progress, plan.driver, node.get());
      status = node->Run(plan.driver);
      if (status.ok() && plan.wait_for_sinks) status = node->WaitForSinks(patience);
    }
    if (status.ok() && plan.on_done) plan.on_done(*node);
    Status stopped = node->Stop();
    if (stopped.code() == StatusCode::kTimeout) {
      // A thread of the hung sink still runs in its plugin: no destructor may run under it.
      Status first = status.ok() ? std::move(stopped) : std::move(status);
      fflush(nullptr);
      _exit(Fail(first));
    }
    if (status.ok()) status = std::move(stopped);
  }
  // Asked to stop while it was starting: that is an orderly end.
  if (status.code() == StatusCode::kCancelled) return Status::Ok();
  return status;
}

}  // namespace sluice
