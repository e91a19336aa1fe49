// SPDX-License-Identifier: Apache-2.0
//
// Keeps the present value of every key in one JSON file, and reads it back for `sluice verify`.
//
// State and position stand in the same file, which is replaced as a whole, as in the counter
// example; so a height is in it once or not at all. Writing the whole state for each height suits
// a small state only. Keys and values are any bytes, so they stand in it as hexadecimal digits.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sluice/plugin.hpp>
#include <sluice/replace_file.hpp>

namespace {

using namespace sluice::sdk;
using nlohmann::json;

constexpr char kSchema[] =
    R"([{"name":"path","type":"string","default":"data/mirror.json","description":)"
    R"("The file with the state; relative to the node's home."}])";

std::filesystem::path PathOf(std::string_view home, std::string_view settings) {
  return std::filesystem::path(home) / json::parse(settings).at("path").get<std::string>();
}

json ReadFile(const std::filesystem::path& path) {
  json document = json::object();
  if (std::ifstream in(path); in) document = json::parse(in);
  return document;
}

void SetPosition(const json& document, Position* position) {
  if (!document.contains("height")) return position->SetEmpty();
  position->SetAt(document["stream"].get<std::string>(), document["epoch"], document["height"],
                  DigestFromHex(document["digest"].get<std::string>()).value());
}

// Gives the rows of a file, one a call.
class Rows final : public ReadbackCursor {
 public:
  explicit Rows(json document) : document_(std::move(document)) {
    for (const auto& [store, keys] : document_["state"].items()) {
      for (const auto& [key, value] : keys.items()) rows_.push_back({store, key, value});
    }
  }

  Status Next(ReadbackItem* item) override {
    if (at_ == rows_.size()) {
      item->kind = SLUICE_READBACK_END;
      return Status::Ok();
    }
    row_ = {rows_[at_].store, FromHex(rows_[at_].key).value(), FromHex(rows_[at_].value).value()};
    ++at_;
    item->kind = SLUICE_READBACK_ROW;
    item->store = Text(row_.store);
    item->key = Bytes(row_.key);
    item->value = Bytes(row_.value);
    return Status::Ok();
  }

 private:
  struct Row {
    std::string store, key, value;
  };
  json document_;
  std::vector<Row> rows_;
  size_t at_ = 0;
  Row row_;  // what the last item points to
};

class Mirror {
 public:
  Status Start(const StartArgs& args, StartResult* result) {
    path_ = PathOf(args.home(), args.settings());
    std::filesystem::create_directories(path_.parent_path());
    if (Status status = lock_.Take(path_); !status.ok()) return status;
    stream_id_ = args.stream_id();
    epoch_ = args.epoch();
    document_ = ReadFile(path_);
    if (document_.value("epoch", uint64_t{0}) >= epoch_) {
      return Status::Fenced(path_.string() + " is written by a newer start of the node");
    }
    result->level = SLUICE_LEVEL_DURABLE;
    return Status::Ok();
  }

  Status Resume(Position* position) {
    document_ = ReadFile(path_);
    SetPosition(document_, position);
    return Status::Ok();
  }

  Status Attach(const AttachArgs& args) {
    json next = args.reason == SLUICE_ATTACH_GENESIS ? json::object() : document_;
    const bool whole = args.reason == SLUICE_ATTACH_GENESIS || args.reason == SLUICE_ATTACH_RESUMED;
    if (!whole) next["truncated"] = true;
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
      json& keys = next["state"][std::string(View(change.store))];
      if (change.kind == SLUICE_CHANGE_SET) {
        keys[ToHex(View(change.key))] = ToHex(View(change.value));
      } else if (change.kind == SLUICE_CHANGE_DELETE) {
        if (keys.is_object()) keys.erase(ToHex(View(change.key)));
      } else if ((change.flags & SLUICE_CHANGE_MUST_UNDERSTAND) != 0) {
        return Status::Unsupported("a kind of change that this version does not know");
      }
    }
    if (batch.filtered()) next["filtered"] = true;
    return Store(std::move(next), batch.height(), batch.digest());
  }

  // Called on an instance that was never started: all that is needed comes with the call.
  Status OpenReadback(const ReadbackArgs& args, ReadbackInfo* info,
                      std::unique_ptr<ReadbackCursor>* cursor) {
    json document = ReadFile(PathOf(args.home(), args.settings()));
    info->content = SLUICE_READBACK_STATE;
    info->first_height = 1;
    if (document.value("filtered", false)) info->flags |= SLUICE_READBACK_FILTERED;
    if (document.value("truncated", false)) info->flags |= SLUICE_READBACK_TRUNCATED;
    Position position(&info->position);
    SetPosition(document, &position);
    *cursor = std::make_unique<Rows>(std::move(document));
    return Status::Ok();
  }

 private:
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

SLUICE_PLUGIN(Mirror, .id = "mirror", .version = "1.0.0", .highest_level = SLUICE_LEVEL_DURABLE,
              .settings_schema = kSchema)
