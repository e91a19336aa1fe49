// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the replay driver share: files in a folder of their own, a driver run to its
// end.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "driver/replay/replay_driver.h"

namespace sluice {

// One operation as text: "set main k=v", "delete main k", "require main k" where the key must be
// absent.
inline std::string Describe(const Operation& operation) {
  constexpr const char* kNames[] = {"set", "delete", "require"};
  std::string out = kNames[static_cast<int>(operation.kind)];
  out += " " + operation.store + " " + operation.key;
  if (operation.value) out += "=" + *operation.value;
  return out;
}

// Transactions are separated by " | ", operations by "; ".
inline std::string Describe(const Block& block) {
  std::string out;
  for (size_t t = 0; t < block.transactions.size(); ++t) {
    if (t > 0) out += " | ";
    const auto& operations = block.transactions[t].operations;
    for (size_t o = 0; o < operations.size(); ++o) {
      if (o > 0) out += "; ";
      out += Describe(operations[o]);
    }
  }
  return out;
}

inline std::string SetLine(std::string_view key, std::string_view value = "v") {
  return R"({"op":"set","store":"main","key":")" + std::string(key) + R"(","value":")" +
         std::string(value) + "\"}\n";
}

inline std::string BlockLine(uint64_t height) {
  return R"({"height":)" + std::to_string(height) +
         R"(,"txs":[{"ops":[{"op":"set","store":"main","key":"h","value":)" +
         std::to_string(height) + "}]}]}\n";
}

class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-replay-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.path = (folder_ / "in.jsonl").string();
    start_.stores = {"main", "orders"};
    start_.find_position =
        [this](std::string_view source) -> Result<std::optional<DriverPosition>> {
      for (const DriverPosition& position : positions_) {
        if (position.source == source) return std::optional(position);
      }
      return std::optional<DriverPosition>();
    };
  }
  ~ReplayTest() override { std::filesystem::remove_all(folder_); }

  void Write(std::string_view bytes) { WriteTo(options_.path, bytes, std::ios::trunc); }
  void Append(std::string_view bytes) { WriteTo(options_.path, bytes, std::ios::app); }
  static void WriteTo(const std::string& path, std::string_view bytes, std::ios::openmode mode) {
    std::ofstream file(path, std::ios::binary | mode);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    EXPECT_TRUE(file.good());
  }

  // What a run gave: its blocks, and how it ended.
  struct Run {
    std::vector<Block> blocks;
    Status status;
    DriverProgress progress;

    std::vector<std::string> described() const {
      std::vector<std::string> out;
      for (const Block& block : blocks) out.push_back(Describe(block));
      return out;
    }
  };

  // Runs a new driver to its end, or to its `limit`th block.
  Run Replay(size_t limit = SIZE_MAX) {
    Run run;
    ReplayDriver driver(options_);
    run.status = driver.Begin(start_);
    while (run.status.ok() && run.blocks.size() < limit) {
      Result<std::optional<Block>> block = driver.Next();
      if (!block) {
        run.status = block.error();
      } else if (!*block) {
        break;
      } else {
        run.blocks.push_back(std::move(**block));
      }
    }
    run.progress = driver.progress();
    return run;
  }
  Run ReplayText(std::string_view text) {
    Write(text);
    return Replay();
  }

  // As the node does with a block's commit.
  void Commit(const Block& block) {
    start_.height = start_.height + 1;
    if (block.position.source.empty()) return;
    for (DriverPosition& position : positions_) {
      if (position.source == block.position.source) {
        position = block.position;
        return;
      }
    }
    positions_.push_back(block.position);
  }

  std::string At(std::string_view line_and_column) const {
    return options_.path + ":" + std::string(line_and_column) + ": ";
  }

  std::filesystem::path folder_;
  ReplayOptions options_;
  DriverStart start_;
  std::vector<DriverPosition> positions_;
};

}  // namespace sluice
