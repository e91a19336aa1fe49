// SPDX-License-Identifier: Apache-2.0
#include "cli/running_node.h"

#include <unistd.h>

#include <memory>

#include "admin/admin_server.h"
#include "base/log.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/signals.h"

namespace sluice {
namespace {

RouteTable MakeRoutes(const Node* node) {
  RouteTable routes;
  routes.Add("GET", "/v1/status", [node](const AdminRequest&) {
    return AdminResponse::Json(200, StatusToJson(node->status()) + "\n");
  });
  routes.Add("GET", "/healthz",
             [](const AdminRequest&) { return AdminResponse::Text(200, "alive\n"); });
  return routes;
}

// The admin server answers from the moment on that there is something to say: the home is ours, and
// sinks that take long to catch up are named.
Status StartServed(Node* node, const ListenAddress& listen, std::unique_ptr<AdminServer>* admin) {
  SLUICE_RETURN_IF_ERROR(node->Open());
  SLUICE_ASSIGN_OR_RETURN(*admin, AdminServer::Start(listen, MakeRoutes(node)));
  return node->Start();
}

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
  Result<ListenAddress> listen =
      ParseListenAddress(plan.options.config.admin.listen, plan.options.home);
  if (!listen) return listen.error().WithContext("admin.listen");
  SLUICE_RETURN_IF_ERROR(CheckAdminAddress(*listen));
  auto node = std::make_unique<Node>(std::move(plan.options));
  Status status;
  {
    SignalStop signals([&] { node->RequestStop(); });
    std::unique_ptr<AdminServer> admin;
    status = StartServed(node.get(), *listen, &admin);
    if (status.ok()) {
      Progress progress(plan.show_progress, plan.driver, node.get());
      status = node->Run(plan.driver);
      if (status.ok() && plan.wait_for_sinks) {
        status = node->WaitForSinks(patience);
      } else if (plan.wait_for_sinks && node->InputFailed()) {
        DeliverBeforeFault(node.get(), patience, drain_timeout);
      }
    }
    if (status.ok() && plan.on_done) plan.on_done(*node);
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
