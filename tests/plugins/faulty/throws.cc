// SPDX-License-Identifier: Apache-2.0
//
// Throws in one of its functions, named by SLUICE_THROWS_IN: the SDK's barrier turns it into a
// status.
#include <sluice/plugin.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using sluice::sdk::Status;

void MaybeThrow(std::string_view function) {
  if (function == SLUICE_THROWS_IN) {
    throw std::runtime_error("thrown in " + std::string(function));
  }
}

class Throws {
 public:
  explicit Throws(sluice::sdk::Host /*host*/) { MaybeThrow("create"); }
  Status Start(const sluice::sdk::StartArgs& /*args*/, sluice::sdk::StartResult* result) {
    MaybeThrow("start");
    result->level = SLUICE_LEVEL_DURABLE;
    return Status::Ok();
  }
  Status Resume(sluice::sdk::Position* /*position*/) {
    MaybeThrow("resume");
    return Status::Ok();
  }
  Status Attach(const sluice::sdk::AttachArgs& /*args*/) {
    MaybeThrow("attach");
    return Status::Ok();
  }
  Status Deliver(const sluice::sdk::Batch& /*batch*/) {
    MaybeThrow("deliver");
    return Status::Ok();
  }
  void Cancel() { MaybeThrow("cancel"); }
  Status Drain(std::chrono::nanoseconds /*deadline*/) {
    MaybeThrow("drain");
    return Status::Ok();
  }
  Status PlanProvision(const sluice::sdk::StartArgs& /*args*/, std::string* /*plan*/) {
    MaybeThrow("plan");
    return Status::Ok();
  }
};

}  // namespace

SLUICE_PLUGIN(Throws, .id = "throws", .version = "1.0.0", .highest_level = SLUICE_LEVEL_DURABLE)
