// SPDX-License-Identifier: Apache-2.0
//
// Where the sink stands, as the record of its position topic. The key is "<stream>.<sink>", the
// value a JSON object:
//
//   {"stream":"demo","sink":"orders","epoch":3,"height":12,"digest":"hex","base":0,
//    "filtered":false,"plain_keys":true,"topics":["orders"]}
//
// base: the height before the first one that the sink holds. plain_keys: record keys are the
// change's key alone. topics: those that hold the records.
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <set>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>

namespace sluice_kafka {

struct Position {
  std::string stream;
  std::string sink;
  uint64_t epoch = 0;
  uint64_t height = 0;
  sluice_digest digest{};
  uint64_t base = 0;
  bool filtered = false;
  bool plain_keys = false;
  std::set<std::string> topics;
};

std::string PositionKey(std::string_view stream, std::string_view sink);
std::string EncodePosition(const Position& position);
// False: the value is no position.
bool DecodePosition(std::string_view value, Position* position);

}  // namespace sluice_kafka
