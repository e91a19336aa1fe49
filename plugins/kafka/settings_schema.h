// SPDX-License-Identifier: Apache-2.0
//
// The rows that the host checks the settings against. A constant, so that the plugin's table is
// one.
#pragma once

namespace sluice_kafka {

inline constexpr char kSettingsSchema[] = R"([
{"name":"brokers","type":"string","required":true,"description":"Brokers to begin with, host:port separated by commas; the others are learnt from them."},
{"name":"topic","type":"string","required":true,"description":"Topic of the records. {store} in it is replaced by the change's store (layout changes). It is the sink's own: two sinks never share one."},
{"name":"layout","type":"enum","values":["changes","blocks"],"default":"changes","description":"changes: one record a change, keyed by store and key, a tombstone for a delete. blocks: one record a height, cut into chunks above chunk_bytes, all in partition 0."},
{"name":"encoding","type":"enum","values":["protobuf","json"],"default":"protobuf","description":"Value of a record. protobuf: the canonical bytes (message Change, or ChangeSet with layout blocks). json: the change line, for people and jq."},
{"name":"create","type":"bool","default":true,"description":"Creates topics that are missing. Without it they must be there."},
{"name":"partitions","type":"int","default":1,"min":1,"max":10000,"description":"Partitions of a topic that is created (layout changes). Order holds a key."},
{"name":"replication","type":"int","default":0,"min":0,"max":100,"description":"Replicas of a topic that is created; 0: the cluster's own default."},
{"name":"cleanup_policy","type":"enum","values":["delete","compact","compact,delete"],"default":"delete","description":"cleanup.policy of a topic that is created; delete comes with retention.ms=-1: nothing is deleted. compact keeps the latest record of each key; not with layout blocks."},
{"name":"transactions","type":"bool","default":true,"description":"Exactly once for readers with read_committed. Without it, for clusters that forbid transactions: at least once, to be deduplicated by the headers height and seq."},
{"name":"batch_blocks","type":"int","default":1000,"min":1,"max":100000,"description":"Most heights in one transaction. Heights are grouped only while more of them wait."},
{"name":"batch_bytes","type":"size","default":"8MiB","min":"1KiB","description":"A transaction ends at this size even while more heights wait."},
{"name":"linger","type":"duration","default":"0ms","min":0,"max":"60s","description":"How long a transaction stays open for further heights when none waits; 0ms: it ends at once."},
{"name":"chunk_bytes","type":"size","default":"900KiB","min":"1KiB","max":"512MiB","description":"Layout blocks: a height larger than this is cut into records of this size."},
{"name":"position_topic","type":"string","default":"","description":"Compacted topic of the sink's position; empty: sluice.<stream>.position. Sinks of a stream may share it."},
{"name":"producer.*","description":"Properties of librdkafka, as they are: acks, security.protocol, sasl.username, ssl.ca.location …"}
])";

}  // namespace sluice_kafka
