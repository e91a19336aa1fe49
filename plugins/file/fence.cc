// SPDX-License-Identifier: Apache-2.0
#include "file/fence.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "file/crc32c.h"
#include "file/little_endian.h"

namespace sluice_file {
namespace {

constexpr std::string_view kMagic = "SLUICEFN";
constexpr uint32_t kVersion = 1;
constexpr size_t kSlotBytes = 512;
constexpr size_t kFixed = 36;     // before the names
constexpr size_t kMaxName = 200;  // two of them and the checksum fit a slot

struct Slot {
  uint64_t turn = 0;
  uint64_t epoch = 0;
  std::string stream;
  std::string sink;
};

std::string EncodeSlot(const Slot& slot) {
  std::string out(kMagic);
  AppendLittle<uint32_t>(kVersion, &out);
  AppendLittle<uint32_t>(0, &out);
  AppendLittle<uint64_t>(slot.turn, &out);
  AppendLittle<uint64_t>(slot.epoch, &out);
  AppendLittle<uint16_t>(static_cast<uint16_t>(slot.stream.size()), &out);
  AppendLittle<uint16_t>(static_cast<uint16_t>(slot.sink.size()), &out);
  out.append(slot.stream).append(slot.sink);
  AppendLittle<uint32_t>(Crc32c(out), &out);
  out.resize(kSlotBytes, '\0');
  return out;
}

bool DecodeSlot(std::string_view bytes, Slot* slot) {
  if (bytes.size() < kSlotBytes || bytes.substr(0, kMagic.size()) != kMagic) return false;
  const size_t stream_size = ReadLittle<uint16_t>(bytes, 32);
  const size_t sink_size = ReadLittle<uint16_t>(bytes, 34);
  if (stream_size > kMaxName || sink_size > kMaxName) return false;
  const size_t crc_at = kFixed + stream_size + sink_size;
  if (ReadLittle<uint32_t>(bytes, crc_at) != Crc32c(bytes.substr(0, crc_at))) return false;
  if (ReadLittle<uint32_t>(bytes, 8) != kVersion) return false;
  slot->turn = ReadLittle<uint64_t>(bytes, 16);
  slot->epoch = ReadLittle<uint64_t>(bytes, 24);
  slot->stream = bytes.substr(kFixed, stream_size);
  slot->sink = bytes.substr(kFixed + stream_size, sink_size);
  return true;
}

}  // namespace

Fault Fence::Take(const std::filesystem::path& folder) {
  path_ = folder / "FENCE";
  fd_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd_) return SystemFault("open", path_, errno);
  if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemFault("lock", path_, errno);
    return {
        FaultKind::kLocked,
        folder.string() +
            " is in use: another process, or a sink of this one that is still stopping, holds the "
            "lock on FENCE; end it, or give this sink a path of its own"};
  }
  return ReadFile();
}

Fault Fence::Look(const std::filesystem::path& folder) {
  path_ = folder / "FENCE";
  fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd_) return errno == ENOENT ? Fault() : SystemFault("open", path_, errno);
  Fault fault = ReadFile();
  fd_ = UniqueFd();
  return fault;
}

Fault Fence::ReadFile() {
  std::string bytes(2 * kSlotBytes, '\0');
  size_t got = 0;
  if (Fault fault = ReadAt(fd_.get(), path_, 0, bytes.data(), bytes.size(), &got); !fault.ok()) {
    return fault;
  }
  ReadSlots(bytes);
  return {};
}

void Fence::ReadSlots(const std::string& bytes) {
  bool any_written = false;
  bool any_valid = false;
  for (const size_t at : {size_t{0}, kSlotBytes}) {
    const std::string_view raw = std::string_view(bytes).substr(at, kSlotBytes);
    any_written = any_written || raw.find_first_not_of('\0') != std::string_view::npos;
    Slot slot;
    if (!DecodeSlot(raw, &slot) || (any_valid && slot.turn < turn_)) continue;
    any_valid = true;
    turn_ = slot.turn;
    epoch_ = slot.epoch;
    stream_ = slot.stream;
    sink_ = slot.sink;
  }
  if (any_written && !any_valid) {
    damage_ =
        path_.string() +
        ": neither of its two slots can be read (magic or checksum), so the newest epoch that "
        "wrote "
        "here is not known; make sure that no other node writes to this folder, then delete FENCE";
  }
}

Fault Fence::Raise(uint64_t epoch, const std::string& stream, const std::string& sink) {
  if (stream.size() > kMaxName || sink.size() > kMaxName) {
    return {FaultKind::kInvalid, "the stream's or the sink's name is longer than 200 bytes"};
  }
  const Slot slot{turn_ + 1, epoch, stream, sink};
  const uint64_t at = (slot.turn % 2) * kSlotBytes;
  if (Fault fault = WriteAt(fd_.get(), path_, at, EncodeSlot(slot)); !fault.ok()) return fault;
  if (Fault fault = SyncData(fd_.get(), path_); !fault.ok()) return fault;
  if (Fault fault = SyncFolder(path_.parent_path()); !fault.ok()) return fault;
  turn_ = slot.turn;
  epoch_ = epoch;
  stream_ = stream;
  sink_ = sink;
  return {};
}

}  // namespace sluice_file
