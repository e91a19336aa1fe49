// SPDX-License-Identifier: Apache-2.0
#include "store/reader_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

namespace sluice {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);

TEST(ReaderGate, WhoIsInComesInAgainWhileSomebodyCloses) {
  ReaderGate gate;
  gate.Enter();
  std::future<void> closed = std::async(std::launch::async, [&] { gate.Close(); });
  for (int i = 0; i < 20; ++i) {
    gate.Enter();
    gate.Leave();
  }
  gate.Leave();
  EXPECT_EQ(closed.wait_for(kPatience), std::future_status::ready);
}

TEST(ReaderGate, NobodyComesInWhileItIsClosed) {
  ReaderGate gate;
  gate.Close();
  std::atomic<bool> in{false};
  std::thread reader([&] {
    gate.Enter();
    in = true;
    gate.Leave();
  });
  std::this_thread::yield();
  EXPECT_FALSE(in);
  gate.Open();
  reader.join();
  EXPECT_TRUE(in);
}

// Each leaves only when the next one is in, as long as that one gets in soon: there is never a
// moment without a reader.
TEST(ReaderGate, ReadersThatFollowOneAnotherDoNotKeepItOpen) {
  ReaderGate gate;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> entered{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        gate.Enter();
        const uint64_t mine = ++entered;
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(200);
        while (entered == mine && !stop && std::chrono::steady_clock::now() < until) {
          std::this_thread::yield();
        }
        gate.Leave();
      }
    });
  }
  while (entered < 100) std::this_thread::yield();
  std::future<void> closed = std::async(std::launch::async, [&] { gate.Close(); });
  EXPECT_EQ(closed.wait_for(kPatience), std::future_status::ready);
  stop = true;
  closed.wait();
  gate.Open();
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace sluice
