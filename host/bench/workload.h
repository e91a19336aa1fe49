// SPDX-License-Identifier: Apache-2.0
//
// The blocks that the benches feed: sets of random keys and values, the same for every run of the
// same shape, so that baseline and node write the same bytes. Threading: as Driver.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "driver/driver.h"

namespace sluice {

struct Shape {
  uint64_t blocks = 0;
  uint64_t changes = 0;  // a block
  uint64_t keys = 1'000'000;
  uint64_t value_bytes = 100;
  uint64_t total() const { return blocks * changes; }
};

inline constexpr char kBenchStore[] = "main";

// All puts of block `index`, from 0.
std::vector<std::pair<std::string, std::string>> BenchPuts(const Shape& shape, uint64_t index);
Block BenchBlock(const Shape& shape, uint64_t index);

// Hands over the blocks of a shape. Made before the clock starts where `ahead`, else one at a time.
class BenchDriver : public Driver {
 public:
  BenchDriver(const Shape& shape, bool ahead);
  Status Begin(const DriverStart& start) override;
  Result<std::optional<Block>> Next() override;
  void Stop() override {}
  DriverProgress progress() const override { return {}; }

 private:
  const Shape shape_;
  std::vector<Block> blocks_;  // made ahead, or empty
  uint64_t next_ = 0;
};

}  // namespace sluice
