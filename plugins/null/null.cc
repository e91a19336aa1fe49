// SPDX-License-Identifier: Apache-2.0
//
// A sink that takes everything and keeps nothing: what the node costs without a sink's own work. It
// claims durability so that a policy can wait for it, and says in the log that this is no sink to
// rely on.
#include <chrono>
#include <nlohmann/json.hpp>
#include <sluice/plugin.hpp>
#include <thread>

namespace {

using namespace sluice::sdk;

constexpr char kSchema[] =
    R"([{"name":"delay","type":"duration","default":"0ms","description":)"
    R"("How long each height takes: a slow sink, for measuring."},)"
    R"({"name":"parallel","type":"bool","default":false,"description":)"
    R"("Take heights that share no key side by side, on the sink's workers."}])";

class Null {
 public:
  explicit Null(Host host) : host_(host) {}

  Status Start(const StartArgs& args, StartResult* result) {
    const nlohmann::json settings = nlohmann::json::parse(args.settings());
    delay_ = std::chrono::milliseconds(settings.value("delay", int64_t{0}));
    if (settings.value("parallel", false)) result->capabilities = SLUICE_CAP_PARALLEL;
    result->level = SLUICE_LEVEL_DURABLE;
    host_.Log(SLUICE_LOG_WARN, "this sink keeps nothing; it is for measuring only");
    return Status::Ok();
  }

  Status Deliver(const Batch&) {
    if (delay_.count() > 0) std::this_thread::sleep_for(delay_);
    return Status::Ok();
  }

 private:
  Host host_;
  std::chrono::milliseconds delay_{0};
};

}  // namespace

SLUICE_PLUGIN(Null, .id = "null", .version = "0.1.0", .capabilities = SLUICE_CAP_PARALLEL,
              .highest_level = SLUICE_LEVEL_DURABLE, .settings_schema = kSchema)
