// SPDX-License-Identifier: Apache-2.0
#include "bench/listener_bench.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "bench/workload.h"
#include "model/change_set.h"
#include "store/block_run.h"
#include "store/listening_store.h"

namespace sluice {
namespace {

class EmptyView : public StoreView {
 public:
  Result<std::optional<std::string>> Get(std::string_view) const override {
    return std::optional<std::string>();
  }
  Result<bool> Has(std::string_view) const override { return false; }
  std::unique_ptr<StoreIterator> Iterate(const KeyRange&, bool) const override { return nullptr; }
};

double NanosToWrite(const std::vector<std::pair<std::string, std::string>>& puts,
                    std::vector<WriteListener*> listeners) {
  ListeningStore store(kBenchStore, std::make_shared<EmptyView>(), std::make_shared<StoreOverlay>(),
                       /*record_old_values=*/false, std::move(listeners));
  store.BeginTransaction(0);
  TimePoint begin = Now();
  for (const auto& [key, value] : puts) {
    Status status = store.Set(key, value);
    SLUICE_CHECK(status.ok(), "a set of a key is taken");
  }
  double nanos = std::chrono::duration<double, std::nano>(Now() - begin).count();
  store.CommitTransaction();
  return nanos;
}

}  // namespace

ListenerTimes TimeListener(int blocks, int changes) {
  ListenerTimes times;
  Shape shape{static_cast<uint64_t>(blocks), static_cast<uint64_t>(changes)};
  for (uint64_t i = 0; i < shape.blocks; ++i) {
    auto puts = BenchPuts(shape, i);
    times.without_ns += NanosToWrite(puts, {});
    ChangeSetBuilder builder("bench", Height(1), 0);
    ChangeRecorder recorder(&builder);
    times.with_ns += NanosToWrite(puts, {&recorder});
  }
  times.without_ns /= static_cast<double>(shape.total());
  times.with_ns /= static_cast<double>(shape.total());
  return times;
}

}  // namespace sluice
