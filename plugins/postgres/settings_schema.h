// SPDX-License-Identifier: Apache-2.0
//
// The rows that the host checks the settings against. A constant, so that the plugin's table is
// one.
#pragma once

namespace sluice_postgres {

inline constexpr char kSettingsSchema[] = R"([
{"name":"conninfo","type":"string","default":"","secret":true,"description":"A libpq connection string or URI. Empty: libpq's environment (PGHOST, PGSERVICE, PGPASSFILE and so on)."},
{"name":"schema","type":"string","default":"sluice","description":"Schema of all tables of this sink."},
{"name":"changes","type":"bool","default":true,"description":"Keeps every change, in an append-only table."},
{"name":"state","type":"bool","default":true,"description":"Keeps the latest value of each store and key."},
{"name":"changes_table","type":"string","default":"changes","description":"Name of the table of changes."},
{"name":"state_table","type":"string","default":"state","description":"Name of the table of the latest values; with table_per_store the beginning of the names, an underscore and the store follow."},
{"name":"table_per_store","type":"bool","default":false,"description":"One state table a store."},
{"name":"create","type":"bool","default":true,"description":"Creates what is missing. false: an administrator does, with the SQL that the error gives."},
{"name":"batch_blocks","type":"int","default":256,"min":1,"max":10000,"description":"Heights in one database transaction at most, while more are waiting."},
{"name":"batch_bytes","type":"size","default":"8MiB","min":"1KiB","max":"512MiB","description":"Bytes of rows in one database transaction after which no further height joins it."},
{"name":"linger","type":"duration","default":"100ms","min":0,"max":"1m","description":"How long a group of heights stays open for more that are waiting already; 0s: each height is a transaction of its own. A height with none behind it never waits."},
{"name":"synchronous_commit","type":"enum","values":["off","local","remote_write","on","remote_apply"],"default":"on","highest_level":{"off":"received","local":"durable","remote_write":"durable","on":"durable"},"description":"As PostgreSQL defines it. off acks at level received, local, remote_write and on at durable, remote_apply at visible."},
{"name":"lock_timeout","type":"duration","default":"1s","min":"10ms","max":"1h","description":"How long a transaction waits for a lock; an older incarnation of this node that holds one is then ended."},
{"name":"idle_in_transaction_timeout","type":"duration","default":"10s","min":"100ms","max":"1h","description":"After this long the server ends a transaction whose writer has stopped."},
{"name":"value_as","type":"map","default":{},"description":"By store: text or jsonb. The state table then has the value in a column value_text or value_jsonb as well."},
{"name":"on_bad_value","type":"enum","values":["halt","null","skip"],"default":"halt","description":"What becomes of a value that is not what value_as says. halt: the sink refuses the height. null: the row gets NULL there. skip: the key gets no row in the state table. The latter two are recorded in the table sluice_bad_values."},
{"name":"readback","type":"enum","values":["auto","changes","state"],"default":"auto","description":"What sluice verify reads. auto: whichever is kept; where both are, the changes, and the state is compared with them in the server."},
{"name":"connections","type":"int","default":1,"min":1,"max":64,"description":"Connections that write. With more than one, heights that share no key are written side by side; the sink's workers deliver them."}
])";

}  // namespace sluice_postgres
