// SPDX-License-Identifier: Apache-2.0
//
// Keeps all changes in one file, in groups, and reads them back: a whole sink that keeps the
// contract. Its setting `flaw` names one promise that it breaks, so that a suite of checks can be
// seen to fail where it should, and nowhere else.
//
// Threading: as the SDK says. The file is replaced as a whole, data and position together.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sluice/plugin.hpp>
#include <sluice/replace_file.hpp>
#include <thread>

#include "height_json.h"

namespace {

using namespace sluice::sdk;
using nlohmann::json;

constexpr char kSchema[] =
    R"([{"name":"path","type":"string","default":"flawed.json","description":"The file."},)"
    R"({"name":"flaw","type":"string","default":"none","description":"The promise it breaks."}])";

constexpr size_t kGroupHeights = 16;

std::filesystem::path PathOf(std::string_view home, std::string_view settings) {
  return std::filesystem::path(home) / json::parse(settings).at("path").get<std::string>();
}

json ReadDocument(const std::filesystem::path& path) {
  json document = json::object();
  if (std::ifstream in(path); in) document = json::parse(in);
  return document;
}

void SetPosition(const json& document, Position* position) {
  if (document.value("height", uint64_t{0}) == 0) return position->SetEmpty();
  position->SetAt(document["stream"].get<std::string>(), document["epoch"], document["height"],
                  DigestFromHex(document["digest"].get<std::string>()).value());
}

class Flawed {
 public:
  explicit Flawed(Host host) : host_(host) {}

  ~Flawed() {
    if (lock_ >= 0) ::close(lock_);
    if (Has("leaks_descriptors")) (void)::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (Has("leaks_threads")) {
      std::thread([] { std::this_thread::sleep_for(std::chrono::hours(1)); }).detach();
    }
  }

  Status Start(const StartArgs& args, StartResult* result) {
    flaw_ = json::parse(args.settings()).at("flaw").get<std::string>();
    path_ = PathOf(args.home(), args.settings());
    stream_id_ = args.stream_id();
    epoch_ = args.epoch();
    lock_ = ::open((path_.string() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (!Has("takes_no_lock") && ::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
      return Status::Retry(path_.string() + " is held by another process");
    }
    document_ = ReadDocument(path_);
    if (document_.value("epoch", uint64_t{0}) >= epoch_ && !Has("does_not_fence")) {
      return Status::Fenced(path_.string() + " is written by a newer start of the node");
    }
    result->level = SLUICE_LEVEL_DURABLE;
    return Status::Ok();
  }

  Status Resume(Position* position) {
    if (Has("resumes_from_memory")) SetPosition(document_, position);
    document_ = ReadDocument(path_);
    group_ = 0;
    if (!Has("resumes_from_memory")) SetPosition(document_, position);
    return Status::Ok();
  }

  Status Attach(const AttachArgs& args) {
    const bool holds_base =
        args.reason == SLUICE_ATTACH_RESUMED || args.reason == SLUICE_ATTACH_AFTER_SNAPSHOT;
    if (!holds_base) {
      document_ = json::object();
      document_["heights"] = json::array();
    }
    document_["truncated"] =
        document_.value("truncated", false) || (!holds_base && args.height != 0);
    document_["stream"] = stream_id_;
    document_["epoch"] = epoch_;
    document_["height"] = args.height;
    document_["digest"] = ToHex(View(args.digest));
    document_["base"] = args.height;
    group_ = 0;
    return Store();
  }

  Status BeginSnapshot(const SnapshotArgs& args) {
    snapshot_ = args;
    const bool unfinished = document_.value("height", uint64_t{0}) == 0;
    const bool keeps = Has("keeps_what_it_held") || (Has("mixes_two_snapshots") && unfinished);
    const uint64_t epoch = document_.value("epoch", uint64_t{0});
    if (!keeps) document_ = json::object();
    if (!document_.contains("heights")) document_["heights"] = json::array();
    if (!document_.contains("rows")) document_["rows"] = json::array();
    document_["stream"] = stream_id_;
    document_["epoch"] = Has("raises_no_epoch_for_a_snapshot") ? epoch : epoch_;
    document_["height"] = 0;
    if (Has("stands_there_too_soon")) SetSnapshotPosition();
    return Store();
  }

  Status TakeSnapshotPart(const SnapshotPart& part) {
    for (uint64_t i = 0; i < part.size(); ++i) {
      document_["rows"].push_back({std::string(View(part.row(i).store)),
                                   ToHex(View(part.row(i).key)), ToHex(View(part.row(i).value))});
    }
    return Store();
  }

  Status EndSnapshot() {
    SetSnapshotPosition();
    return Store();
  }

  Status Deliver(const Batch& batch) {
    const uint64_t at = document_["height"];
    const std::string digest = ToHex(View(batch.digest()));
    if (batch.height() <= at && !Has("doubles_what_comes_again")) {
      const bool other = batch.height() == at && document_["digest"] != digest;
      if (other && !Has("takes_other_digests")) return Status::Fatal("it has diverged");
      return group_ == 0 ? Status::Ok() : EndGroup(batch);
    }
    if (batch.height() > at + 1 && !Has("takes_gaps")) {
      return Status::Fatal(
          Has("gives_no_reason") ? "" : "height " + std::to_string(at + 1) + " comes next");
    }
    if (document_["digest"] != ToHex(View(batch.previous_digest())) && !Has("takes_unchained") &&
        !Has("takes_gaps") && !Has("doubles_what_comes_again")) {
      return Status::Fatal("it has diverged");
    }
    if (batch.changes().empty() && Has("passes_over_empty_heights")) return Status::Ok();
    Add(batch);
    document_["height"] = batch.height();
    document_["digest"] = digest;
    if (batch.filtered()) document_["filtered"] = true;
    ++group_;
    return EndGroup(batch);
  }

  Status Drain(std::chrono::nanoseconds) {
    if (group_ == 0 || Has("drains_nothing")) return Status::Ok();
    if (Status status = Store(); !status.ok()) return status;
    host_.Ack(epoch_, attempt_, 0, document_["height"], SLUICE_LEVEL_DURABLE);
    group_ = 0;
    return Status::Ok();
  }

  Status OpenReadback(const ReadbackArgs& args, ReadbackInfo* info,
                      std::unique_ptr<ReadbackCursor>* cursor) {
    json document = ReadDocument(PathOf(args.home(), args.settings()));
    info->content = SLUICE_READBACK_CHANGES;
    info->first_height = document.value("snapshot", uint64_t{1});
    if (document.value("filtered", false)) info->flags |= SLUICE_READBACK_FILTERED;
    if (document.value("truncated", false)) info->flags |= SLUICE_READBACK_TRUNCATED;
    Position position(&info->position);
    SetPosition(document, &position);
    json heights = document.value("heights", json::array());
    json rows = document.value("rows", json::array());
    *cursor = std::make_unique<sluice::contract::HeightCursor>(std::move(heights), std::move(rows),
                                                               info->first_height);
    return Status::Ok();
  }

 private:
  bool Has(std::string_view flaw) const { return flaw_ == flaw; }

  void SetSnapshotPosition() {
    document_["height"] = document_["base"] = document_["snapshot"] = snapshot_.height;
    document_["digest"] = ToHex(View(snapshot_.digest));
    if ((snapshot_.flags & SLUICE_BATCH_FILTERED) != 0) document_["filtered"] = true;
  }

  void Add(const Batch& batch) {
    json height = sluice::contract::HeightToJson(batch);
    json kept = json::array();
    for (json& change : height["changes"]) {
      const bool is_set = change["kind"] == SLUICE_CHANGE_SET;
      if (!is_set && Has("drops_deletes")) continue;
      if (Has("cuts_keys_at_nul")) {
        const std::string key = FromHex(change["key"].get<std::string>()).value();
        change["key"] = ToHex(key.c_str());
      }
      if (is_set && change["value"] == "" && Has("drops_empty_values")) continue;
      kept.push_back(std::move(change));
    }
    height["changes"] = std::move(kept);
    document_["heights"].push_back(std::move(height));
  }

  Status EndGroup(const Batch& batch) {
    attempt_ = batch.attempt();
    const bool more = batch.newest_height() > batch.height() && group_ < kGroupHeights;
    if (Has("acks_before_it_stores")) {
      // As if the disk were slow: what is acked is stored only with the next height but one.
      if (group_ % 3 == 0) return Store();
      return Status::Ok();
    }
    if (more) return Status::Pending();
    if (Status status = Store(); !status.ok()) return status;
    const bool alone = group_ == 1;
    group_ = 0;
    if (alone) return Status::Ok();
    host_.AckThrough(batch, SLUICE_LEVEL_DURABLE);
    return Status::Pending();
  }

  Status Store() {
    if (Has("stores_the_position_first")) {
      // The position in one step and the data in another, with time between them.
      json first = ReadDocument(path_);
      for (const char* name : {"stream", "epoch", "height", "digest", "base", "truncated"}) {
        first[name] = document_[name];
      }
      if (!first.contains("heights")) first["heights"] = json::array();
      if (Status status = ReplaceFile(path_, first.dump()); !status.ok()) return status;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return ReplaceFile(path_, document_.dump());
  }

  const Host host_;
  std::string flaw_;
  std::filesystem::path path_;
  std::string stream_id_;
  uint64_t epoch_ = 0;
  uint64_t attempt_ = 0;
  SnapshotArgs snapshot_{};
  int lock_ = -1;
  json document_ = json::object();
  size_t group_ = 0;  // heights in document_ that are not in the file
};

}  // namespace

SLUICE_PLUGIN(Flawed, .id = "flawed", .version = "1.0.0", .highest_level = SLUICE_LEVEL_DURABLE,
              .settings_schema = kSchema)
