// SPDX-License-Identifier: Apache-2.0
//
// Takes heights side by side, each into a file of its own, and reads them back: a whole sink that
// is PARALLEL and keeps the contract. Its setting `flaw` names one promise that it breaks.
//
// A height is there once or not at all, for its file is replaced as a whole; where the sink stands
// follows from which files there are.
//
// Threading: as the SDK says; several Deliver at once, each on a file of its own. What they share
// is set by Attach and then only read.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sluice/plugin.hpp>
#include <sluice/replace_file.hpp>

#include "height_json.h"

namespace {

using namespace sluice::sdk;
using nlohmann::json;

constexpr char kSchema[] =
    R"([{"name":"path","type":"string","default":"heights","description":"The folder."},)"
    R"({"name":"flaw","type":"string","default":"none","description":"The promise it breaks."}])";

// The folder with a file for each height, and one that says where they begin.
class Folder {
 public:
  Folder() = default;
  Folder(std::string_view home, std::string_view settings)
      : path_(std::filesystem::path(home) / json::parse(settings).at("path").get<std::string>()) {}

  std::filesystem::path base_file() const { return path_ / "base.json"; }
  std::filesystem::path file_of(uint64_t height) const {
    return path_ / (std::to_string(height) + ".json");
  }
  void Make() const { std::filesystem::create_directories(path_); }
  void RemoveHeights() const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      // The base and its lock stay.
      if (entry.path().filename().string().rfind("base", 0) != 0) {
        std::filesystem::remove(entry.path());
      }
    }
  }
  // Nothing: there is no such file.
  static std::optional<json> Read(const std::filesystem::path& path) {
    std::ifstream in(path);
    if (!in) return std::nullopt;
    return json::parse(in);
  }

  // The heights without a gap above the base, and where they end.
  struct Held {
    json base;  // null: nothing was ever attached
    json heights = json::array();
    uint64_t height = 0;
    std::string digest;
  };
  Held ReadAll(bool with_gaps) const {
    Held held;
    const std::optional<json> base = Read(base_file());
    if (!base) return held;
    held.base = *base;
    held.height = held.base["height"];
    held.digest = held.base["digest"];
    for (uint64_t height = held.height + 1, missing = 0; missing < (with_gaps ? 10U : 1U);
         ++height) {
      const std::optional<json> file = Read(file_of(height));
      if (!file) {
        ++missing;
        continue;
      }
      held.height = height;
      held.digest = (*file)["digest"];
      for (const json& each : (*file)["heights"]) held.heights.push_back(each);
    }
    return held;
  }

 private:
  std::filesystem::path path_;
};

void SetPosition(const Folder::Held& held, Position* position) {
  if (held.height == 0) return position->SetEmpty();
  position->SetAt(held.base["stream"].get<std::string>(), held.base["epoch"], held.height,
                  DigestFromHex(held.digest).value());
}

class SideBySide {
 public:
  Status Start(const StartArgs& args, StartResult* result) {
    flaw_ = json::parse(args.settings()).at("flaw").get<std::string>();
    folder_ = Folder(args.home(), args.settings());
    folder_.Make();
    if (Status status = lock_.Take(folder_.base_file()); !status.ok()) return status;
    stream_id_ = args.stream_id();
    epoch_ = args.epoch();
    const json base = Folder::Read(folder_.base_file()).value_or(json::object());
    if (base.value("epoch", uint64_t{0}) >= epoch_) {
      return Status::Fenced("a newer start of the node writes here");
    }
    result->level = SLUICE_LEVEL_DURABLE;
    result->capabilities = SLUICE_CAP_PARALLEL;
    return Status::Ok();
  }

  Status Resume(Position* position) {
    SetPosition(folder_.ReadAll(Has("resumes_above_a_gap")), position);
    return Status::Ok();
  }

  Status Attach(const AttachArgs& args) {
    const bool resumed = args.reason == SLUICE_ATTACH_RESUMED;
    base_ = resumed ? Folder::Read(folder_.base_file()).value() : json::object();
    if (!resumed) {
      folder_.RemoveHeights();
      base_["height"] = args.height;
      base_["digest"] = ToHex(View(args.digest));
      base_["truncated"] = args.height != 0;
    }
    base_["stream"] = stream_id_;
    base_["epoch"] = epoch_;
    return ReplaceFile(folder_.base_file(), base_.dump());
  }

  Status Deliver(const Batch& batch) {
    const uint64_t height = batch.height();
    const bool beside_others = delivering_.fetch_add(1) > 0;
    Status status = Status::Ok();
    if (!(beside_others && Has("loses_what_comes_at_once"))) status = Take(batch, height);
    delivering_.fetch_sub(1);
    return status;
  }

  Status OpenReadback(const ReadbackArgs& args, ReadbackInfo* info,
                      std::unique_ptr<ReadbackCursor>* cursor) {
    Folder::Held held = Folder(args.home(), args.settings()).ReadAll(/*with_gaps=*/false);
    info->content = SLUICE_READBACK_CHANGES;
    info->first_height = 1;
    const bool filtered = std::any_of(held.heights.begin(), held.heights.end(),
                                      [](const json& height) { return height["filtered"]; });
    if (filtered) info->flags |= SLUICE_READBACK_FILTERED;
    const bool truncated = held.base.is_object() && held.base["truncated"];
    if (truncated) info->flags |= SLUICE_READBACK_TRUNCATED;
    Position position(&info->position);
    SetPosition(held, &position);
    *cursor = std::make_unique<sluice::contract::HeightCursor>(std::move(held.heights));
    return Status::Ok();
  }

 private:
  bool Has(std::string_view flaw) const { return flaw_ == flaw; }

  Status Take(const Batch& batch, uint64_t height) {
    const std::string digest = ToHex(View(batch.digest()));
    const std::string previous = ToHex(View(batch.previous_digest()));
    json file = {{"digest", digest}, {"previous", previous}, {"heights", json::array()}};
    if (const std::optional<json> held = Folder::Read(folder_.file_of(height))) {
      if ((*held)["digest"] != digest) return Diverged(height);
      if (!Has("doubles_what_comes_again")) return Status::Ok();
      file = *held;
    }
    // Its neighbours, where they are there, are of the same history.
    const std::optional<json> before =
        base_["height"] == height - 1 ? base_ : Folder::Read(folder_.file_of(height - 1));
    if (before && (*before)["digest"] != previous) return Diverged(height);
    const std::optional<json> after = Folder::Read(folder_.file_of(height + 1));
    if (after && (*after)["previous"] != digest) return Diverged(height);
    file["heights"].push_back(sluice::contract::HeightToJson(batch));
    return ReplaceFile(folder_.file_of(height), file.dump());
  }
  static Status Diverged(uint64_t height) {
    return Status::Fatal("height " + std::to_string(height) + " is of another history");
  }

  std::string flaw_;
  Folder folder_;
  FileLock lock_;
  std::string stream_id_;
  uint64_t epoch_ = 0;
  json base_;
  std::atomic<int> delivering_{0};
};

}  // namespace

SLUICE_PLUGIN(SideBySide, .id = "side_by_side", .version = "1.0.0",
              .capabilities = SLUICE_CAP_PARALLEL, .highest_level = SLUICE_LEVEL_DURABLE,
              .settings_schema = kSchema)
