// SPDX-License-Identifier: Apache-2.0
//
// Listens to an instance to which nothing is delivered: one for reading back, or for provisioning.
// So nothing may be acked by it. Threading: any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "plugin/sink_instance.h"

namespace sluice {

class SilentListener final : public InstanceListener {
 public:
  // `component`: of the log lines.
  explicit SilentListener(std::string component) : component_(std::move(component)) {}
  void OnAck(const AckReport&) override { Unexpected("acked a height"); }
  void OnNack(const NackReport&) override { Unexpected("nacked a height"); }
  void OnReady() override {}
  void OnFailed(Status reason) override {
    LogWarn(component_, "the plugin says: {}", reason.message());
  }

 private:
  void Unexpected(std::string_view what) {
    LogWarn(component_, "the plugin {} although nothing was delivered to it; ignored", what);
  }

  const std::string component_;
};

}  // namespace sluice
