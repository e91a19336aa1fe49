// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong with a stream's files, as a value. The plugin turns it into a status of the
// ABI, the command line into its own; the format library knows neither. Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace sluice_file {

enum class FaultKind {
  kNone,
  kIo,       // the operating system refused; may work later
  kNoSpace,  // the disk, or the quota, is full
  kDamage,   // stored bytes are not what was written, or a file is missing
  kInvalid,  // the folder, the setting or the argument is not what this is for
  kLocked,   // another process writes here
  kFenced,   // a newer epoch has written here
};

class [[nodiscard]] Fault {
 public:
  Fault() = default;
  Fault(FaultKind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
  // "<file>: at byte <offset>: <what>"
  static Fault Damage(const std::string& file, uint64_t offset, const std::string& what) {
    Fault fault(FaultKind::kDamage, file + ": at byte " + std::to_string(offset) + ": " + what);
    fault.file_ = file;
    fault.offset_ = offset;
    return fault;
  }
  static Fault None() { return {}; }

  bool ok() const { return kind_ == FaultKind::kNone; }
  FaultKind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  // Of damage only.
  const std::string& file() const { return file_; }
  uint64_t offset() const { return offset_; }

 private:
  FaultKind kind_ = FaultKind::kNone;
  std::string text_;
  std::string file_;
  uint64_t offset_ = 0;
};

}  // namespace sluice_file
