// SPDX-License-Identifier: Apache-2.0
//
// Counts sets and deletes of each store into one small JSON file, durably and exactly once.
//
// The counts and the position (stream, epoch, height, digest) stand in the same file, which is
// replaced as a whole: written beside, fsynced, renamed, folder fsynced. So a crash at any point
// leaves the counts of some height together with that height, and `Resume` tells the node where to
// go on.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sluice/plugin.hpp>

namespace {

using namespace sluice::sdk;
using nlohmann::json;

constexpr char kSchema[] =
    R"([{"name":"path","type":"string","default":"counts.json","description":)"
    R"("The file with the counts; relative to the node's home."}])";

std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char c : bytes) {
    out.push_back(kDigits[c >> 4]);
    out.push_back(kDigits[c & 15]);
  }
  return out;
}

sluice_digest FromHex(const std::string& hex) {
  sluice_digest digest{};
  for (size_t i = 0; i < sizeof(digest.bytes) && 2 * i + 1 < hex.size(); ++i) {
    digest.bytes[i] = static_cast<uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  }
  return digest;
}

class Counter {
 public:
  Status Start(const StartArgs& args, StartResult* result) {
    const std::filesystem::path path = json::parse(args.settings()).at("path").get<std::string>();
    path_ = std::filesystem::path(args.home()) / path;
    std::filesystem::create_directories(path_.parent_path());
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
                      document_["height"], FromHex(document_["digest"]));
    }
    return Status::Ok();
  }

  Status Attach(const AttachArgs& args) {
    json next = args.reason == SLUICE_ATTACH_GENESIS ? json::object() : document_;
    return Store(std::move(next), args.height, args.digest);
  }

  Status Deliver(const Batch& batch) {
    if (batch.height() <= document_.value("height", uint64_t{0})) return Status::Ok();
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
    next["digest"] = Hex(View(digest));
    Status status = Write(next);
    if (status.ok()) document_ = std::move(next);
    return status;
  }

  Status Write(const json& document) {
    const std::string beside = path_.string() + ".new";
    const std::string text = document.dump() + "\n";
    const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return Failed("create", beside);
    const bool written =
        ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fsync(fd) == 0;
    ::close(fd);
    if (!written) return Failed("write", beside);
    if (::rename(beside.c_str(), path_.c_str()) != 0) return Failed("rename", beside);
    const int folder = ::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = folder >= 0 && ::fsync(folder) == 0;
    if (folder >= 0) ::close(folder);
    return synced ? Status::Ok() : Failed("fsync the folder of", path_.string());
  }

  static Status Failed(const char* what, const std::string& path) {
    return Status::Retry(std::string("cannot ") + what + " " + path + ": " + std::strerror(errno));
  }

  std::filesystem::path path_;
  std::string stream_id_;
  uint64_t epoch_ = 0;
  json document_ = json::object();
};

}  // namespace

SLUICE_PLUGIN(Counter, .id = "counter", .version = "1.0.0", .highest_level = SLUICE_LEVEL_DURABLE,
              .settings_schema = kSchema)
