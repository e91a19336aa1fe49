// SPDX-License-Identifier: Apache-2.0
#include "bench/workload.h"

#include <random>

#include "base/bytes.h"

namespace sluice {
namespace {

constexpr uint64_t kSeed = 20261121;

}  // namespace

std::vector<std::pair<std::string, std::string>> BenchPuts(const Shape& shape, uint64_t index) {
  std::mt19937_64 random(kSeed + index);
  std::vector<std::pair<std::string, std::string>> puts;
  puts.reserve(shape.changes);
  for (uint64_t i = 0; i < shape.changes; ++i) {
    std::string key = ToHex(BigEndian64(random() % shape.keys));
    std::string value(shape.value_bytes, '\0');
    for (size_t at = 0; at + 8 <= value.size(); at += 8) {
      uint64_t bits = random();
      for (size_t j = 0; j < 8; ++j)
        value[at + j] = static_cast<char>('a' + (bits >> (8 * j)) % 26);
    }
    for (size_t at = value.size() / 8 * 8; at < value.size(); ++at) value[at] = 'z';
    puts.emplace_back(std::move(key), std::move(value));
  }
  return puts;
}

Block BenchBlock(const Shape& shape, uint64_t index) {
  Block block;
  block.height = Height(index + 1);
  for (auto& [key, value] : BenchPuts(shape, index)) {
    Operation operation;
    operation.store = kBenchStore;
    operation.key = std::move(key);
    operation.value = std::move(value);
    Transaction transaction;
    transaction.operations.push_back(std::move(operation));
    block.transactions.push_back(std::move(transaction));
  }
  return block;
}

BenchDriver::BenchDriver(const Shape& shape, bool ahead) : shape_(shape) {
  if (!ahead) return;
  blocks_.reserve(shape.blocks);
  for (uint64_t i = 0; i < shape.blocks; ++i) blocks_.push_back(BenchBlock(shape, i));
}

Status BenchDriver::Begin(const DriverStart& start) {
  next_ = start.height.value();
  return Status::Ok();
}

Result<std::optional<Block>> BenchDriver::Next() {
  if (next_ == shape_.blocks) return std::optional<Block>();
  uint64_t index = next_++;
  if (blocks_.empty()) return std::optional<Block>(BenchBlock(shape_, index));
  return std::optional<Block>(std::move(blocks_[index]));
}

}  // namespace sluice
