// SPDX-License-Identifier: Apache-2.0
//
// Reading back what the sink's topics hold (sluice.readback/1): joins no group, writes nothing, and
// sees what is committed, also while the sink writes. The partitions are read side by side and
// merged by height and sequence, from where the last whole copy of the state begins: its rows come
// first. Memory: one height or part, and a bounded read-ahead a partition.
// Threading: control thread.
#pragma once

#include <memory>
#include <sluice/plugin.hpp>

namespace sluice_kafka {

sluice::sdk::Status OpenKafkaReadback(const sluice::sdk::ReadbackArgs& args, sluice::sdk::Host host,
                                      sluice::sdk::ReadbackInfo* info,
                                      std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor);

}  // namespace sluice_kafka
