// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

namespace sluice {

std::string_view StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "OK";
    case StatusCode::kPending:
      return "PENDING";
    case StatusCode::kBusy:
      return "BUSY";
    case StatusCode::kRetry:
      return "RETRY";
    case StatusCode::kReject:
      return "REJECT";
    case StatusCode::kFatal:
      return "FATAL";
    case StatusCode::kUnsupported:
      return "UNSUPPORTED";
    case StatusCode::kInvalid:
      return "INVALID";
    case StatusCode::kCancelled:
      return "CANCELLED";
    case StatusCode::kFenced:
      return "FENCED";
    case StatusCode::kNoMemory:
      return "NO_MEMORY";
    case StatusCode::kNotFound:
      return "NOT_FOUND";
    case StatusCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case StatusCode::kCorruption:
      return "CORRUPTION";
    case StatusCode::kIo:
      return "IO";
    case StatusCode::kNoSpace:
      return "NO_SPACE";
    case StatusCode::kLocked:
      return "LOCKED";
    case StatusCode::kTimeout:
      return "TIMEOUT";
    case StatusCode::kConfiguration:
      return "CONFIGURATION";
    case StatusCode::kPlugin:
      return "PLUGIN";
    case StatusCode::kHalted:
      return "HALTED";
    case StatusCode::kFailed:
      return "FAILED";
  }
  return "UNKNOWN";
}

StatusCode StatusCodeNamed(std::string_view name) {
  for (int code = 0; code <= static_cast<int>(StatusCode::kFailed); ++code) {
    if (StatusCodeName(static_cast<StatusCode>(code)) == name) return static_cast<StatusCode>(code);
  }
  return StatusCode::kFailed;
}

StatusCode StatusCodeFromAbi(int32_t abi_status) {
  if (abi_status >= 0 && abi_status <= 10) return static_cast<StatusCode>(abi_status);
  return StatusCode::kFatal;
}

Status Status::WithContext(std::string_view context) const {
  if (ok()) return *this;
  return Status(code_, std::string(context) + ": " + message_);
}

std::string Status::ToString() const {
  if (ok()) return "OK";
  return std::string(StatusCodeName(code_)) + ": " + message_;
}

}  // namespace sluice
