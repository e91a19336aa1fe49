// SPDX-License-Identifier: Apache-2.0
//
// The rows that the host checks the settings against. A constant, so that the plugin's table is
// one.
#pragma once

namespace sluice_file {

inline constexpr char kSettingsSchema[] = R"([
{"name":"path","type":"string","required":true,"description":"Folder of the stream's files, relative to the home. It is the sink's own: two sinks never share one."},
{"name":"format","type":"enum","values":["segments","jsonl"],"default":"segments","description":"segments: framed canonical bytes with checksums. jsonl: one JSON line a change, for people and jq."},
{"name":"fsync","type":"bool","default":true,"highest_level":{"false":"received"},"description":"Acks after fdatasync, at level durable. Without it the level is received, and a power cut may lose acked heights."},
{"name":"rotate_bytes","type":"size","default":"64MiB","min":0,"description":"Begins a new file when the present one would grow beyond this; 0: never by size."},
{"name":"rotate_interval","type":"duration","default":"0s","min":0,"description":"Begins a new file when the present one is older than this; 0s: never by age."},
{"name":"retain_bytes","type":"size","default":0,"min":0,"description":"Deletes the oldest files while all of them together are larger than this; 0: keeps all."},
{"name":"retain_blocks","type":"int","default":0,"min":0,"description":"Deletes the oldest files while at least this many heights remain without them; 0: keeps all."},
{"name":"compression","type":"enum","values":["none","zstd"],"default":"none","description":"zstd compresses the bytes of each height; with format segments only."}
])";

}  // namespace sluice_file
