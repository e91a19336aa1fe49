// SPDX-License-Identifier: Apache-2.0
//
// Topics: which of them are there, and creating those that are not.
// Threading: one thread. Ownership: borrows a consumer, whose questions never create a topic by
// themselves.
#pragma once

#include <cstdint>
#include <sluice/plugin.hpp>
#include <string>
#include <utility>
#include <vector>

#include "kafka/call_limit.h"
#include "kafka/client.h"

namespace sluice_kafka {

struct TopicPlan {
  std::string name;
  int partitions = 1;
  int replication = 0;  // 0: the cluster's default
  Properties config;
};

// What a topic of records, or the position topic, is created as.
TopicPlan PlanDataTopic(const Settings& settings, const std::string& name,
                        uint64_t max_message_bytes);
TopicPlan PlanPositionTopic(const Settings& settings);

// Sets *partitions to their number; 0: there is no such topic. RETRY: no broker tells.
sluice::sdk::Status CountPartitions(Client* consumer, const std::string& topic,
                                    const CallLimit& limit, int* partitions);

// Creates what is missing, or, without settings.create, says how to. OK where it is there already.
sluice::sdk::Status EnsureTopic(Client* consumer, const Settings& settings, const TopicPlan& plan,
                                const CallLimit& limit);

// INVALID: the broker would remove records of the position topic, as its cleanup.policy is not
// compact. OK also where the broker does not tell, as without the permission DescribeConfigs.
sluice::sdk::Status CheckCompacted(Client* consumer, const std::string& topic,
                                   const CallLimit& limit);

}  // namespace sluice_kafka
