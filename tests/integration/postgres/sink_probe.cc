// SPDX-License-Identifier: Apache-2.0
//
// The postgres sink without a node: its calls, made one by one as a script says, so that a test can
// look at the database, or stop the process, between any two. Each line of standard input is a JSON
// object whose `do` names a call; each is answered by a line, with the status and what came out.
// Texts are as they are; digests are hexadecimal digits. sink_probe.py is its other end.
#include <condition_variable>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sluice/plugin.hpp>
#include <string>
#include <vector>

#include "postgres/postgres_sink.h"

namespace {

using nlohmann::json;
using sluice::sdk::Bytes;
using sluice::sdk::Status;
using sluice::sdk::Text;
using sluice::sdk::View;

// What the sink tells its host.
class Reports {
 public:
  Reports() {
    table_.struct_size = sizeof(table_);
    table_.context = this;
    table_.ack = [](void* self, const sluice_ack* ack) {
      Of(self)->Add({{"ack", ack->last_height}, {"first", ack->first_height}});
    };
    table_.nack = [](void* self, const sluice_nack* nack) {
      Of(self)->Add({{"nack", nack->height}, {"code", nack->code}, {"text", View(nack->text)}});
    };
    table_.ready = [](void*) {};
    table_.log = [](void*, int32_t, sluice_text text) { std::cerr << View(text) << std::endl; };
    table_.fail = [](void* self, int32_t code, sluice_text text) {
      Of(self)->Add({{"fail", code}, {"text", View(text)}});
    };
    table_.get_extension = [](void*, const char*) -> const void* { return nullptr; };
  }
  const sluice_host* table() const { return &table_; }

  json Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(reports_, json::array());
  }
  // All that came, once there is a report of `height`.
  json Await(uint64_t height) {
    std::unique_lock lock(mutex_);
    const auto is_of = [&](const json& report) {
      const bool ordered = report.value("first", uint64_t{1}) == 0;
      const uint64_t at = report.value("ack", report.value("nack", uint64_t{0}));
      return report.contains("fail") || at == height || (ordered && at > height);
    };
    const bool came = changed_.wait_for(lock, std::chrono::seconds(240), [&] {
      return std::any_of(reports_.begin(), reports_.end(), is_of);
    });
    return came ? reports_ : json("nothing came");
  }

 private:
  static Reports* Of(void* self) { return static_cast<Reports*>(self); }
  void Add(json report) {
    const std::lock_guard lock(mutex_);
    reports_.push_back(std::move(report));
    changed_.notify_all();
  }

  sluice_host table_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  json reports_ = json::array();  // guarded by mutex_
};

sluice_digest Digest(const json& text) {
  return sluice::sdk::DigestFromHex(text.get<std::string>()).value();
}

class Probe {
 public:
  json Do(const json& line) {
    const std::string what = line.at("do");
    if (what == "start" || what == "reset") return Start(line, what == "reset");
    if (what == "resume") return Resume();
    if (what == "attach") return Attach(line);
    if (what == "begin") return Begin(line);
    if (what == "part") return Part(line);
    if (what == "end") return Answer(sink_->EndSnapshot());
    if (what == "deliver") return Deliver(line);
    if (what == "drain") return Answer(sink_->Drain(std::chrono::seconds(120)));
    if (what == "reports") return {{"reports", reports_.Take()}};
    if (what == "await") return {{"reports", reports_.Await(line.at("height"))}};
    if (what == "read") return Read();
    return {{"code", -1}, {"text", "there is no call " + what}};
  }

 private:
  static json Answer(const Status& status) {
    return {{"code", status.code()}, {"text", status.text()}};
  }

  json Start(const json& line, bool reset) {
    if (!line.value("same", false)) {
      sink_ = std::make_unique<sluice_postgres::PostgresSink>(sluice::sdk::Host(reports_.table()));
    }
    settings_ = line.at("settings").dump();
    epoch_ = line.at("epoch");
    const std::vector<std::string> stores = line.at("stores");
    std::vector<sluice_text> texts;
    texts.reserve(stores.size());
    for (const std::string& store : stores) texts.push_back(Text(store));
    sluice_start_args args{};
    args.struct_size = sizeof(args);
    args.settings = Text(settings_);
    args.stream_id = Text("demo");
    args.sink_name = Text("pg");
    args.epoch = epoch_;
    args.deadline_nanos = UINT64_C(60'000'000'000);
    args.stores = texts.data();
    args.store_count = texts.size();
    if (reset) return Answer(sink_->Reset(sluice::sdk::StartArgs(&args)));
    sluice_start_result result{};
    result.struct_size = sizeof(result);
    const Status status = sink_->Start(sluice::sdk::StartArgs(&args), &result);
    json answer = Answer(status);
    answer["capabilities"] = result.capabilities;
    return answer;
  }

  json Resume() {
    sluice_position raw{};
    sluice::sdk::Position position(&raw);
    json answer = Answer(sink_->Resume(&position));
    answer["height"] = raw.kind == SLUICE_POSITION_AT ? raw.height : 0;
    answer["epoch"] = raw.epoch;
    answer["digest"] = sluice::sdk::ToHex(View(raw.digest));
    return answer;
  }

  json Attach(const json& line) {
    sluice_attach_args args{};
    args.struct_size = sizeof(args);
    args.reason = line.at("reason");
    args.epoch = epoch_;
    args.height = line.at("height");
    args.digest = Digest(line.at("digest"));
    return Answer(sink_->Attach(args));
  }

  json Begin(const json& line) {
    sluice_snapshot_args args{};
    args.struct_size = sizeof(args);
    args.flags = line.value("filtered", false) ? SLUICE_BATCH_FILTERED : 0;
    args.epoch = epoch_;
    args.height = line.at("height");
    args.digest = Digest(line.at("digest"));
    return Answer(sink_->BeginSnapshot(args));
  }

  json Part(const json& line) {
    const std::vector<std::vector<std::string>> rows = line.at("rows");
    std::vector<sluice_row> views;
    views.reserve(rows.size());
    for (const auto& row : rows) views.push_back({Text(row[0]), Bytes(row[1]), Bytes(row[2])});
    sluice_snapshot_part part{};
    part.struct_size = sizeof(part);
    part.part = line.at("part");
    part.rows = views.data();
    part.row_count = views.size();
    part.row_stride = sizeof(sluice_row);
    return Answer(sink_->TakeSnapshotPart(sluice::sdk::SnapshotPart(&part)));
  }

  json Deliver(const json& line) {
    // [store, key, value]; without a value it is deleted.
    const std::vector<std::vector<std::string>> operations = line.at("changes");
    std::vector<sluice_change> changes;
    for (const auto& operation : operations) {
      sluice_change change{};
      change.kind = operation.size() == 3 ? SLUICE_CHANGE_SET : SLUICE_CHANGE_DELETE;
      change.sequence = static_cast<uint32_t>(changes.size());
      change.store = Text(operation[0]);
      change.key = Bytes(operation[1]);
      if (operation.size() == 3) change.value = Bytes(operation[2]);
      changes.push_back(change);
    }
    sluice_batch batch{};
    batch.struct_size = sizeof(batch);
    batch.epoch = epoch_;
    batch.attempt = line.value("attempt", 1);
    batch.height = line.at("height");
    batch.newest_height = batch.height;
    batch.digest = Digest(line.at("digest"));
    batch.previous_digest = Digest(line.at("previous"));
    batch.last_part = 1;
    batch.changes = changes.data();
    batch.change_count = changes.size();
    batch.change_stride = sizeof(sluice_change);
    return Answer(sink_->Deliver(sluice::sdk::Batch(&batch)));
  }

  json Read() {
    sluice_readback_args args{};
    args.struct_size = sizeof(args);
    args.settings = Text(settings_);
    args.stream_id = Text("demo");
    args.sink_name = Text("pg");
    args.last_height = UINT64_MAX;
    sluice_readback_info info{};
    std::unique_ptr<sluice::sdk::ReadbackCursor> cursor;
    sluice_postgres::PostgresSink reader{sluice::sdk::Host(reports_.table())};
    Status status = reader.OpenReadback(sluice::sdk::ReadbackArgs(&args), &info, &cursor);
    json items = json::array();
    while (status.ok()) {
      sluice_readback_item item{};
      status = cursor->Next(&item);
      if (!status.ok() || item.kind == SLUICE_READBACK_END) break;
      if (item.kind == SLUICE_READBACK_ROW) {
        items.push_back({{"row", {View(item.store), View(item.key), View(item.value)}},
                         {"height", item.height},
                         {"digest", sluice::sdk::ToHex(View(item.digest))}});
      } else {
        items.push_back({{"height", item.height}, {"changes", item.change_count}});
      }
    }
    json answer = Answer(status);
    answer["at"] = info.position.kind == SLUICE_POSITION_AT ? info.position.height : 0;
    answer["first"] = info.first_height;
    answer["truncated"] = (info.flags & SLUICE_READBACK_TRUNCATED) != 0;
    answer["filtered"] = (info.flags & SLUICE_READBACK_FILTERED) != 0;
    answer["items"] = std::move(items);
    return answer;
  }

  Reports reports_;
  std::unique_ptr<sluice_postgres::PostgresSink> sink_;  // ends before what it reports to
  std::string settings_;
  uint64_t epoch_ = 0;
};

}  // namespace

int main() {
  Probe probe;
  std::string line;
  while (std::getline(std::cin, line)) std::cout << probe.Do(json::parse(line)).dump() << std::endl;
  return 0;
}
