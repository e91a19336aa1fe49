// SPDX-License-Identifier: Apache-2.0
//
// Counts sets and deletes of each store into one small JSON file, durably and exactly once.
//
// The counts and the position (stream, epoch, height, digest) stand in the same file, which is
// replaced as a whole. So a crash at any point leaves the counts of some height together with that
// height, and `Resume` tells the node where to go on. A file that was damaged by hand makes an
// exception, which the SDK turns into FATAL with its text.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sluice/plugin.hpp>
#include <sluice/replace_file.hpp>

namespace {

using namespace sluice::sdk;
using nlohmann::json;

constexpr char kSchema[] =
    R"([{"name":"path","type":"string","default":"counts.json","description":)"
    R"("The file with the counts; relative to the node's home."}])";

class Counter {
 public:
  Status Start(const StartArgs& args, StartResult* result) {
    const std::filesystem::path path = json::parse(args.settings()).at("path").get<std::string>();
    path_ = std::filesystem::path(args.home()) / path;
    std::filesystem::create_directories(path_.parent_path());
    if (Status status = lock_.Take(path_); !status.ok()) return status;
    stream_id_ = args.stream_id();
    epoch_ = args.epoch();
    Read();
    if (document_.value("epoch", uint64_t{0}) >= epoch_) {
      return Status::Fenced(path_.string() + " is written by a newer start of the node");
    }
    result->level = SLUICE_LEVEL_DURABLE;
    return Status::Ok();
  }

  // Asked again after a failure: what counts is the file, not what this object remembers.
  Status Resume(Position* position) {
    Read();
    if (!document_.contains("height")) {
      position->SetEmpty();
    } else {
      position->SetAt(document_["stream"].get<std::string>(), document_["epoch"],
                      document_["height"],
                      DigestFromHex(document_["digest"].get<std::string>()).value());
    }
    return Status::Ok();
  }

  Status Attach(const AttachArgs& args) {
    json next = args.reason == SLUICE_ATTACH_GENESIS ? json::object() : document_;
    return Store(std::move(next), args.height, args.digest);
  }

  Status Deliver(const Batch& batch) {
    const uint64_t at = document_["height"];
    if (batch.height() < at) return Status::Ok();
    const sluice_digest& next_to = batch.height() == at ? batch.digest() : batch.previous_digest();
    if (batch.height() > at + 1 || document_["digest"] != ToHex(View(next_to))) {
      return Status::Fatal(path_.string() + ": height " + std::to_string(batch.height()) +
                           " does not continue what it holds, height " + std::to_string(at));
    }
    if (batch.height() == at) return Status::Ok();
    json next = document_;
    for (const sluice_change& change : batch.changes()) {
      if (change.kind != SLUICE_CHANGE_SET && change.kind != SLUICE_CHANGE_DELETE) {
        if ((change.flags & SLUICE_CHANGE_MUST_UNDERSTAND) == 0) continue;
        return Status::Unsupported("a kind of change that this version does not know");
      }
      const char* what = change.kind == SLUICE_CHANGE_SET ? "sets" : "deletes";
      json& count = next["counts"][std::string(View(change.store))][what];
      count = count.is_null() ? 1 : count.get<uint64_t>() + 1;
    }
    return Store(std::move(next), batch.height(), batch.digest());
  }

 private:
  void Read() {
    document_ = json::object();
    if (std::ifstream in(path_); in) document_ = json::parse(in);
  }

  // The counts and the position to which they belong, in one step.
  Status Store(json next, uint64_t height, const sluice_digest& digest) {
    next["stream"] = stream_id_;
    next["epoch"] = epoch_;
    next["height"] = height;
    next["digest"] = ToHex(View(digest));
    Status status = ReplaceFile(path_, next.dump() + "\n");
    if (status.ok()) document_ = std::move(next);
    return status;
  }

  std::filesystem::path path_;
  FileLock lock_;
  std::string stream_id_;
  uint64_t epoch_ = 0;
  json document_ = json::object();
};

}  // namespace

SLUICE_PLUGIN(Counter, .id = "counter", .version = "1.0.0", .highest_level = SLUICE_LEVEL_DURABLE,
              .settings_schema = kSchema)
