// SPDX-License-Identifier: Apache-2.0
#include "cli/running_node.h"

#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "admin/admin_server.h"
#include "base/log.h"
#include "base/log_file.h"
#include "cli/admin_routes.h"
#include "cli/control_routes.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/service_notifier.h"
#include "cli/signals.h"
#include "config/listen_address.h"
#include "node/status_history.h"

namespace sluice {
namespace {

constexpr char kComponent[] = "admin";

// All that answers over HTTP; the history first, which the handlers read.
struct Served {
  std::unique_ptr<StatusHistory> history;
  std::unique_ptr<AdminServer> metrics;
  std::unique_ptr<AdminServer> control;
};

struct Addresses {
  ListenAddress control;
  std::optional<ListenAddress> metrics;
  std::string token;
};

Result<Addresses> ParseAddresses(const AdminConfig& config, const std::string& home) {
  Addresses addresses;
  addresses.token = config.token;
  Result<ListenAddress> control = ParseListenAddress(config.listen, home);
  if (!control) return Error(control.error().WithContext("admin.listen"));
  SLUICE_RETURN_IF_ERROR(CheckUnixPathLength(*control));
  addresses.control = std::move(*control);
  if (config.metrics_listen.empty()) return addresses;
  Result<ListenAddress> metrics = ParseListenAddress(config.metrics_listen, home);
  if (!metrics) return Error(metrics.error().WithContext("admin.metrics_listen"));
  addresses.metrics = std::move(*metrics);
  return addresses;
}

// Streaming does not depend on being watched: where another process has the address, as a second
// node on this machine has, the node runs without, and says so.
void ServeMetrics(Node* node, const Addresses& addresses, Served* served) {
  const ListenAddress& address = *addresses.metrics;
  Result<std::unique_ptr<AdminServer>> server = AdminServer::Start(
      address, AdminRoutes(node, served->history.get()), address.IsLocal() ? "" : addresses.token);
  if (!server) {
    LogWarn(kComponent,
            "no status page and no /metrics: {}: set admin.metrics_listen, \"\" for none",
            server.error().message());
    return;
  }
  served->metrics = std::move(*server);
  node->SetMetricsAddress(AddressText(served->metrics->address()));
}

StatusHistory::Totals ReadTotals(const Node& node) {
  const PipelineCounters& counters = node.pipeline_counters();
  return {node.database().committed().height, counters.commit_time.totals(),
          counters.gate_wait.totals()};
}

// The admin servers answer, and the service manager hears, from the moment on that there is
// something to say: the home is ours, and sinks that take long to catch up are named.
Status StartServed(Node* node, const std::string& home, const Addresses& addresses,
                   ServiceNotifier* notifier, Served* served) {
  SLUICE_RETURN_IF_ERROR(node->Open());
  notifier->Watch(node);
  served->history = std::make_unique<StatusHistory>([node] { return ReadTotals(*node); });
  if (addresses.metrics) ServeMetrics(node, addresses, served);
  // On a unix socket the file's mode says who may ask.
  const bool is_unix = addresses.control.kind == ListenAddress::Kind::kUnix;
  RouteTable routes = AdminRoutes(node, served->history.get());
  AddControlRoutes(node, home, &routes);
  SLUICE_ASSIGN_OR_RETURN(served->control, AdminServer::Start(addresses.control, std::move(routes),
                                                              is_unix ? "" : addresses.token));
  return node->Start();
}

// What SIGHUP asks for: the log file opened anew, for whoever rotates logs has renamed it, and the
// configuration read again. On a thread of its own, so that a signal to stop is heard meanwhile.
class HangUp {
 public:
  HangUp(Node* node, std::string home, ServiceNotifier* notifier)
      : node_(node), home_(std::move(home)), notifier_(notifier) {}
  ~HangUp() {
    if (thread_.joinable()) thread_.join();
  }
  HangUp(const HangUp&) = delete;
  HangUp& operator=(const HangUp&) = delete;

  void Take() {
    if (running_.exchange(true)) {
      LogWarn("node", "signal 1: what the one before asked for is still under way");
      return;
    }
    if (thread_.joinable()) thread_.join();  // it has done its work
    thread_ = std::thread([this] { Run(); });
  }

 private:
  void Run() {
    notifier_->Reloading();
    if (Status status = ReopenLogFile(); !status.ok()) {
      LogError("node", "signal 1: {}; going on with the file that was open", status.message());
    } else {
      LogInfo("node", "signal 1: the log file is opened anew, the configuration read again");
    }
    (void)ReloadNode(node_, home_);  // the log says what came of it
    notifier_->Reloaded();
    running_.store(false);
  }

  Node* const node_;
  const std::string home_;
  ServiceNotifier* const notifier_;
  std::atomic<bool> running_{false};
  std::thread thread_;
};

// What was committed before bad input reaches the sinks all the same. That it could not is said
// beside the fault, which is what the command ends with.
void DeliverBeforeFault(Node* node, Duration patience, Duration at_most) {
  Status delivered = node->WaitForSinks(patience, Now() + at_most);
  if (!delivered.ok()) LogWarn("node", "{}", delivered.message());
}

}  // namespace

Status RunNode(RunPlan plan) {
  const Duration patience = plan.options.config.commit.recover_timeout;
  const Duration drain_timeout = plan.options.config.lifecycle.drain_timeout;
  SLUICE_ASSIGN_OR_RETURN(Addresses addresses,
                          ParseAddresses(plan.options.config.admin, plan.options.home));
  const std::string home = plan.options.home;
  auto node = std::make_unique<Node>(std::move(plan.options));
  Status status;
  {
    ServiceNotifier notifier;
    HangUp hang_up(node.get(), home, &notifier);
    std::function<void()> on_hang_up;
    if (plan.take_hang_ups) on_hang_up = [&] { hang_up.Take(); };
    SignalStop signals(
        [&] {
          notifier.Stopping(node->stop_patience());
          node->RequestStop();
        },
        on_hang_up);
    Served served;
    status = StartServed(node.get(), home, addresses, &notifier, &served);
    if (status.ok()) {
      notifier.Ready();
      Progress progress(plan.show_progress, plan.driver, node.get());
      status = node->Run(plan.driver);
      if (status.ok() && plan.wait_for_sinks) {
        status = node->WaitForSinks(patience);
      } else if (plan.wait_for_sinks && node->InputFailed()) {
        DeliverBeforeFault(node.get(), patience, drain_timeout);
      }
    }
    if (status.ok() && plan.on_done) plan.on_done(*node);
    notifier.Stopping(node->stop_patience());
    Status stopped = node->Stop();
    if (stopped.code() == StatusCode::kTimeout) {
      // A thread of the hung sink still runs in its plugin: no destructor may run under it.
      // Asked to stop while it was starting is no error of its own: the hung sink is.
      const bool only_asked = status.ok() || status.code() == StatusCode::kCancelled;
      Status first = only_asked ? std::move(stopped) : std::move(status);
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
