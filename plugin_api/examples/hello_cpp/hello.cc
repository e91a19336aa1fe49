// SPDX-License-Identifier: Apache-2.0
// The smallest sink in C++: logs each height and has it at once.
#include <sluice/plugin.hpp>

using namespace sluice::sdk;

class Hello {
 public:
  explicit Hello(Host host) : host_(host) {}
  Status Start(const StartArgs&, StartResult* result) {
    result->level = SLUICE_LEVEL_RECEIVED;
    return Status::Ok();
  }
  Status Deliver(const Batch& batch) {
    host_.Log(SLUICE_LOG_INFO, "hello, height " + std::to_string(batch.height()));
    return Status::Ok();
  }

 private:
  Host host_;
};
SLUICE_PLUGIN(Hello, .id = "hello_cpp", .version = "1.0.0")
