// SPDX-License-Identifier: Apache-2.0
//
// Where the sink stands, as the record of its position topic. The key is "<stream>.<sink>", the
// value a JSON object:
//
//   {"stream":"demo","sink":"orders","epoch":3,"height":12,"digest":"hex","base":0,
//    "filtered":false,"plain_keys":true,"layout":"changes","encoding":"json","topic":"orders",
//    "topics":["orders"],"all_topics":true,
//    "snapshot":{"height":9,"epoch":2,"parts":1,"rows":40},"begins":{"orders":[57,0]}}
//
// base: the height before the first one that the sink holds. plain_keys: record keys are the
// change's key alone. layout, encoding, topic: the settings that the records were written with;
// positions of earlier versions lack them. topics: those that hold the records. all_topics: no
// other topic has ever held any; positions of earlier versions lack it.
//
// snapshot: the copy of the state that the sink's content begins with; base is its height. begins:
// a topic's offsets, one a partition, before which nothing counts any more; what is not listed
// counts from its beginning. copying: a copy has begun and not ended; the height is 0 meanwhile,
// and begins is that of the content before.
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace sluice_kafka {

// A copy of the state: height and epoch together name one.
struct CopyMark {
  uint64_t height = 0;
  uint64_t epoch = 0;
  uint64_t parts = 0;
  uint64_t rows = 0;
};

struct Position {
  std::string stream;
  std::string sink;
  uint64_t epoch = 0;
  uint64_t height = 0;
  sluice_digest digest{};
  uint64_t base = 0;
  bool filtered = false;
  bool plain_keys = false;
  std::string layout;  // these three: empty where they are not known
  std::string encoding;
  std::string topic;  // may hold {store}
  std::set<std::string> topics;
  bool all_topics = true;
  std::optional<CopyMark> snapshot;
  bool copying = false;
  std::map<std::string, std::vector<int64_t>> begins;

  // The first offset of the partition that counts.
  int64_t BeginOf(const std::string& in_topic, int32_t partition) const;
};

std::string PositionKey(std::string_view stream, std::string_view sink);
std::string EncodePosition(const Position& position);
// False: the value is no position.
bool DecodePosition(std::string_view value, Position* position);

// Which setting would have the sink's records go on in another shape than before, and how; empty:
// none. `now`: of the settings; its height and what goes with it does not matter.
std::string ChangedSetting(const Position& stored, const Position& now);

}  // namespace sluice_kafka
