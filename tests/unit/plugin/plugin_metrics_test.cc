// SPDX-License-Identifier: Apache-2.0
#include "plugin/plugin_metrics.h"

#include <gmock/gmock.h>

#include <cstddef>
#include <limits>
#include <memory>
#include <sluice/plugin.hpp>
#include <string>
#include <thread>
#include <vector>

#include "plugin/host_table.h"
#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Value = PluginMetrics::Value;

TEST(PluginMetrics, GaugesAreSetAndCountersGrow) {
  PluginMetrics metrics;
  EXPECT_EQ(metrics.Set("queued", 7), StatusCode::kOk);
  EXPECT_EQ(metrics.Set("queued", -3), StatusCode::kOk);
  EXPECT_EQ(metrics.Add("sent", 2), StatusCode::kOk);
  EXPECT_EQ(metrics.Add("sent", 5), StatusCode::kOk);
  EXPECT_THAT(metrics.values(), ElementsAre(Value{"queued", false, -3}, Value{"sent", true, 7}));
}

TEST(PluginMetrics, ACounterStaysAtTheLargestValue) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  PluginMetrics metrics;
  EXPECT_EQ(metrics.Add("sent", 5), StatusCode::kOk);
  EXPECT_EQ(metrics.Add("sent", std::numeric_limits<uint64_t>::max()), StatusCode::kOk);
  EXPECT_EQ(metrics.Add("sent", 1), StatusCode::kOk);
  EXPECT_THAT(metrics.values(), ElementsAre(Value{"sent", true, kMax}));
}

TEST(PluginMetrics, ANameIsOneThingOnly) {
  PluginMetrics metrics;
  EXPECT_EQ(metrics.Set("a", 1), StatusCode::kOk);
  EXPECT_EQ(metrics.Add("a", 1), StatusCode::kInvalid);
  EXPECT_EQ(metrics.Add("b", 1), StatusCode::kOk);
  EXPECT_EQ(metrics.Set("b", 1), StatusCode::kInvalid);
  EXPECT_THAT(metrics.values(), ElementsAre(Value{"a", false, 1}, Value{"b", true, 1}));
}

TEST(PluginMetrics, NamesAreAsTheHeaderSays) {
  PluginMetrics metrics;
  for (const std::string name : {"", "A", "1a", "_a", "a-b", "a b", "a.b", "\xC3\xA4"}) {
    EXPECT_EQ(metrics.Set(name, 1), StatusCode::kInvalid) << name;
  }
  EXPECT_EQ(metrics.Set(std::string(64, 'a'), 1), StatusCode::kInvalid);
  EXPECT_THAT(metrics.values(), IsEmpty());
  EXPECT_EQ(metrics.Set(std::string(63, 'a'), 1), StatusCode::kOk);
  EXPECT_EQ(metrics.Set("rtt_p99_micros", 1), StatusCode::kOk);
}

TEST(PluginMetrics, NamesAreBounded) {
  PluginMetrics metrics;
  for (uint32_t i = 0; i < PluginMetrics::kNamesMax; ++i) {
    EXPECT_EQ(metrics.Set("m" + std::to_string(i), i), StatusCode::kOk);
  }
  EXPECT_EQ(metrics.Set("more", 1), StatusCode::kNoMemory);
  EXPECT_EQ(metrics.Set("m0", 9), StatusCode::kOk);
  metrics.ForgetGauges();
  EXPECT_EQ(metrics.Add("more", 1), StatusCode::kNoMemory);
}

TEST(PluginMetrics, GaugesEndWithTheirInstanceAndCountersGoOn) {
  PluginMetrics metrics;
  EXPECT_EQ(metrics.Set("queued", 7), StatusCode::kOk);
  EXPECT_EQ(metrics.Add("sent", 2), StatusCode::kOk);
  metrics.ForgetGauges();
  EXPECT_THAT(metrics.values(), ElementsAre(Value{"sent", true, 2}));
  EXPECT_EQ(metrics.Add("sent", 1), StatusCode::kOk);
  EXPECT_EQ(metrics.Set("queued", 0), StatusCode::kOk);
  EXPECT_THAT(metrics.values(), ElementsAre(Value{"queued", false, 0}, Value{"sent", true, 3}));
}

TEST(PluginMetrics, ManyThreadsLoseNothing) {
  PluginMetrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&metrics] {
      for (int n = 0; n < 1000; ++n) EXPECT_EQ(metrics.Add("sent", 1), StatusCode::kOk);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(metrics.values(), ElementsAre(Value{"sent", true, 4000}));
}

// The extension as a plugin meets it, through the SDK.
class MetricsExtension : public testing::Test {
 protected:
  HostHandle* Handle(std::shared_ptr<PluginMetrics> metrics) {
    InstanceOptions options;
    options.sink = SinkName("orders");
    options.metrics = std::move(metrics);
    return HostHandle::Create(options, &listener_);
  }
  FakeListener listener_;
  const std::shared_ptr<PluginMetrics> store_ = std::make_shared<PluginMetrics>();
};

TEST_F(MetricsExtension, IsOfferedByItsIdWhereTheSinkHasAStore) {
  const sluice::sdk::Host host(Handle(store_)->table());
  EXPECT_TRUE(sluice::sdk::Metrics(host));
  EXPECT_EQ(host.Extension<void>("sluice.metrics/2"), nullptr);
  EXPECT_EQ(host.Extension<void>(nullptr), nullptr);
  const sluice::sdk::Metrics none(sluice::sdk::Host(Handle(nullptr)->table()));
  EXPECT_FALSE(none);
  EXPECT_FALSE(none.Set("queued", 1));
  EXPECT_FALSE(none.Add("sent", 1));
}

TEST(MetricsOfTheSdk, AShorterTableIsNotUsed) {
  sluice_host host{};
  host.struct_size = sizeof(host);
  host.get_extension = [](void*, const char*) -> const void* {
    static const sluice_metrics_v1 shorter = {offsetof(sluice_metrics_v1, add), 64, nullptr,
                                              nullptr};
    return &shorter;
  };
  const sluice::sdk::Metrics metrics{sluice::sdk::Host(&host)};
  EXPECT_FALSE(metrics);
  EXPECT_FALSE(metrics.Set("queued", 1));
}

TEST_F(MetricsExtension, FeedsTheSinksStore) {
  const sluice::sdk::Metrics metrics(sluice::sdk::Host(Handle(store_)->table()));
  EXPECT_TRUE(metrics.Set("queued", 4));
  EXPECT_TRUE(metrics.Add("sent", 3));
  EXPECT_FALSE(metrics.Set("No Name", 1));
  EXPECT_FALSE(metrics.Set({nullptr, 5}, 1));
  EXPECT_THAT(store_->values(), ElementsAre(Value{"queued", false, 4}, Value{"sent", true, 3}));
}

TEST_F(MetricsExtension, ACallAfterDestroyIsCountedAndDoesNothing) {
  HostHandle* const handle = Handle(store_);
  const sluice::sdk::Metrics metrics(sluice::sdk::Host(handle->table()));
  EXPECT_TRUE(metrics.Set("queued", 4));
  EXPECT_TRUE(metrics.Add("sent", 1));
  handle->Close();
  const uint64_t late = LateHostCallCount();
  EXPECT_FALSE(metrics.Set("queued", 5));
  EXPECT_FALSE(metrics.Add("sent", 1));
  EXPECT_EQ(LateHostCallCount(), late + 2);
  EXPECT_THAT(store_->values(), ElementsAre(Value{"sent", true, 1}));
}

}  // namespace
}  // namespace sluice
