// SPDX-License-Identifier: Apache-2.0
//
// One instance of the Kafka sink, call by call as a script says, so that it can stop between any
// two: a JSON object a line on standard input, the answer as a line on standard output. Copies of
// the state in all the ways in which they can end are made with it (kafka_snapshot_test.py).
//
//   {"do":"start","stream":"s","epoch":1,"stores":["main"],"settings":{…}}
//   {"do":"resume"}  {"do":"attach","reason":2,"height":0}  {"do":"destroy"}
//   {"do":"begin","height":9}  {"do":"part","part":0,"rows":[["main","key","value"]]}  {"do":"end"}
//   {"do":"deliver","height":10,"changes":[["main","key","value"],["main","key",null]]}
//   {"do":"readback","stream":"s","settings":{…}}
//
// The digest of a height is SHA-256 of its decimal digits; the sink is named "orders".
#include <openssl/sha.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sluice/plugin.hpp>
#include <string>
#include <utility>
#include <vector>

#include "kafka/kafka_sink.h"
#include "kafka/record_value.h"

namespace sluice_kafka {
namespace {

using nlohmann::json;
using sluice::sdk::Status;
using sluice::sdk::Text;
using sluice::sdk::View;

sluice_digest DigestOf(uint64_t height) {
  const std::string text = std::to_string(height);
  sluice_digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.bytes);
  return digest;
}

// Takes everything; what the sink logs goes to standard error.
sluice_host MakeHost() {
  sluice_host host{};
  host.struct_size = sizeof(host);
  host.ack = [](void*, const sluice_ack*) {};
  host.nack = [](void*, const sluice_nack*) {};
  host.ready = [](void*) {};
  host.batch_retain = [](void*, const sluice_batch*) -> int32_t { return SLUICE_NO_MEMORY; };
  host.batch_release = [](void*, const sluice_batch*) {};
  host.log = [](void*, int32_t, sluice_text text) { std::cerr << View(text) << '\n'; };
  host.fail = [](void*, int32_t, sluice_text text) { std::cerr << View(text) << '\n'; };
  host.get_extension = [](void*, const char*) -> const void* { return nullptr; };
  return host;
}

json Answer(const Status& status) { return {{"code", status.code()}, {"text", status.text()}}; }

class Driver {
 public:
  json Do(const json& command) {
    const std::string what = command.at("do");
    if (what == "start") return Start(command);
    if (what == "readback") return Readback(command);
    if (what == "resume") return Resume();
    if (what == "attach") return Attach(command);
    if (what == "begin") return Begin(command);
    if (what == "part") return Part(command);
    if (what == "end") return Answer(sink_->EndSnapshot());
    if (what == "deliver") return Deliver(command);
    sink_.reset();
    return Answer(Status::Ok());
  }

 private:
  json Start(const json& command) {
    sink_ = std::make_unique<KafkaSink>(sluice::sdk::Host(&host_));
    const std::string settings = command.at("settings").dump();
    stream_ = command.at("stream");
    epoch_ = command.at("epoch");
    const std::vector<std::string> names = command.at("stores");
    std::vector<sluice_text> stores;
    for (const std::string& name : names) stores.push_back(Text(name));
    sluice_start_args args{};
    args.struct_size = sizeof(args);
    args.settings = Text(settings);
    args.stream_id = Text(stream_);
    args.sink_name = Text("orders");
    args.epoch = epoch_;
    args.deadline_nanos = uint64_t{120} * 1000 * 1000 * 1000;
    args.stores = stores.data();
    args.store_count = stores.size();
    sluice_start_result result{};
    result.struct_size = sizeof(result);
    return Answer(sink_->Start(sluice::sdk::StartArgs(&args), &result));
  }

  json Resume() {
    sluice_position raw{};
    raw.struct_size = sizeof(raw);
    sluice::sdk::Position position(&raw);
    json answer = Answer(sink_->Resume(&position));
    answer["height"] = raw.kind == SLUICE_POSITION_AT ? raw.height : 0;
    answer["epoch"] = raw.epoch;
    return answer;
  }

  json Attach(const json& command) {
    sluice_attach_args args{};
    args.struct_size = sizeof(args);
    args.reason = command.at("reason");
    args.epoch = epoch_;
    args.height = command.at("height");
    args.digest = DigestOf(args.height);
    return Answer(sink_->Attach(args));
  }

  json Begin(const json& command) {
    sluice_snapshot_args args{};
    args.struct_size = sizeof(args);
    args.epoch = epoch_;
    args.height = command.at("height");
    args.digest = DigestOf(args.height);
    args.time_unix_nanos = 1;
    return Answer(sink_->BeginSnapshot(args));
  }

  json Part(const json& command) {
    const std::vector<std::vector<std::string>> texts = command.at("rows");
    std::vector<sluice_row> rows;
    for (const std::vector<std::string>& text : texts) {
      rows.push_back(
          {Text(text.at(0)), sluice::sdk::Bytes(text.at(1)), sluice::sdk::Bytes(text.at(2))});
    }
    sluice_snapshot_part part{};
    part.struct_size = sizeof(part);
    part.part = command.at("part");
    part.rows = rows.data();
    part.row_count = rows.size();
    part.row_stride = sizeof(sluice_row);
    return Answer(sink_->TakeSnapshotPart(sluice::sdk::SnapshotPart(&part)));
  }

  json Deliver(const json& command) {
    const json& listed = command.at("changes");
    std::vector<std::vector<std::string>> texts;
    std::vector<sluice_change> changes;
    for (const json& one : listed) {
      texts.push_back({one.at(0), one.at(1), one.at(2).is_null() ? "" : one.at(2)});
    }
    for (size_t i = 0; i < texts.size(); ++i) {
      sluice_change change{};
      change.kind = listed[i].at(2).is_null() ? SLUICE_CHANGE_DELETE : SLUICE_CHANGE_SET;
      change.sequence = static_cast<uint32_t>(i);
      change.store = Text(texts[i][0]);
      change.key = sluice::sdk::Bytes(texts[i][1]);
      change.value = sluice::sdk::Bytes(texts[i][2]);
      changes.push_back(change);
    }
    BlockBytes block;
    block.stream = stream_;
    block.height = command.at("height");
    std::string canonical;
    SetBlockBytes(block, Changes(changes.data(), changes.size(), sizeof(sluice_change)),
                  &canonical);
    sluice_batch batch{};
    batch.struct_size = sizeof(batch);
    batch.epoch = epoch_;
    batch.attempt = 1;
    batch.height = batch.newest_height = block.height;
    batch.digest = DigestOf(block.height);
    batch.previous_digest = DigestOf(block.height - 1);
    batch.stream_id = Text(stream_);
    batch.last_part = 1;
    batch.changes = changes.data();
    batch.change_count = changes.size();
    batch.change_stride = sizeof(sluice_change);
    batch.canonical = sluice::sdk::Bytes(canonical);
    return Answer(sink_->Deliver(sluice::sdk::Batch(&batch)));
  }

  json Readback(const json& command) {
    KafkaSink reader{sluice::sdk::Host(&host_)};
    const std::string settings = command.at("settings").dump();
    const std::string stream = command.at("stream");
    sluice_readback_args args{};
    args.struct_size = sizeof(args);
    args.settings = Text(settings);
    args.stream_id = Text(stream);
    args.sink_name = Text("orders");
    args.last_height = UINT64_MAX;
    sluice::sdk::ReadbackInfo info{};
    info.struct_size = sizeof(info);
    info.position.struct_size = sizeof(info.position);
    std::unique_ptr<sluice::sdk::ReadbackCursor> cursor;
    Status status = reader.OpenReadback(sluice::sdk::ReadbackArgs(&args), &info, &cursor);
    json items = json::array();
    while (status.ok()) {
      sluice::sdk::ReadbackItem item{};
      item.struct_size = sizeof(item);
      status = cursor->Next(&item);
      if (!status.ok() || item.kind == SLUICE_READBACK_END) break;
      items.push_back(ItemToJson(item));
    }
    json answer = Answer(status);
    answer["first"] = info.first_height;
    answer["truncated"] = (info.flags & SLUICE_READBACK_TRUNCATED) != 0;
    answer["height"] = info.position.height;
    answer["items"] = std::move(items);
    return answer;
  }

  // ["row", height, store, key, value] or ["height", height, [[store, key, value or null], …]]
  static json ItemToJson(const sluice::sdk::ReadbackItem& item) {
    if (item.kind == SLUICE_READBACK_ROW) {
      const bool fits = View(item.digest) == View(DigestOf(item.height));
      return {fits ? "row" : "row with another digest", item.height, View(item.store),
              View(item.key), View(item.value)};
    }
    json changes = json::array();
    for (const sluice_change& change :
         Changes(item.changes, item.change_count, item.change_stride)) {
      json value = nullptr;
      if (change.kind == SLUICE_CHANGE_SET) value = View(change.value);
      changes.push_back({View(change.store), View(change.key), std::move(value)});
    }
    return {"height", item.height, std::move(changes)};
  }

  const sluice_host host_ = MakeHost();
  std::string stream_;
  uint64_t epoch_ = 0;
  std::unique_ptr<KafkaSink> sink_;
};

}  // namespace
}  // namespace sluice_kafka

int main() {
  sluice_kafka::Driver driver;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << driver.Do(nlohmann::json::parse(line)).dump() << std::endl;
  }
  return 0;
}
