// SPDX-License-Identifier: Apache-2.0
//
// Status and Result: how every fallible function of the host reports.
//
// Environment, configuration and plugin faults are a Status. A broken invariant of our own is not:
// it ends the process at once (check.h), because data that has been streamed cannot be unsent.
//
// Threading: values; a Status may be moved between threads freely.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace sluice {

// Codes 0..10 are the plugin ABI's, number for number. Codes from 100 exist in the host only.
enum class StatusCode : int32_t {
  kOk = 0,
  kPending = 1,  // taken; the answer follows over the ack channel
  kBusy = 2,     // not taken; ready will be called
  kRetry = 3,    // failed now, may succeed later
  kReject = 4,   // this height can never be taken
  kFatal = 5,    // the instance is broken
  kUnsupported = 6,
  kInvalid = 7,  // the caller's argument or input is wrong
  kCancelled = 8,
  kFenced = 9,  // a newer epoch is at work
  kNoMemory = 10,

  kNotFound = 100,
  kAlreadyExists = 101,
  kCorruption = 102,  // stored bytes are not what was written
  kIo = 103,
  kNoSpace = 104,  // the disk is full
  kLocked = 105,   // another process holds it
  kTimeout = 106,
  kConfiguration = 107,  // a wrong setting or command line; exit code 2
  kPlugin = 108,  // a plugin could not be loaded or started, a sink not attached; exit code 3
  kHalted = 109,  // halted by the ack policy; exit code 75
  kFailed = 110,  // failed at run time, no finer code applies
};

// "RETRY", "NO_SPACE", …: the name used in logs, in `status` and in last_error.code.
std::string_view StatusCodeName(StatusCode code);
// The other way round; kFailed where there is no code of this name.
StatusCode StatusCodeNamed(std::string_view name);

// Maps an ABI status to a code; a number the ABI does not name is kFatal.
StatusCode StatusCodeFromAbi(int32_t abi_status);

class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return {}; }

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  // What failed, on what, and what to do or what happens next; no code, no newline at its end.
  const std::string& message() const { return message_; }

  // The same code, with `context` and ": " before the message.
  Status WithContext(std::string_view context) const;

  // "RETRY: message", for logs and test output.
  std::string ToString() const;

  friend bool operator==(const Status&, const Status&) = default;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

template <typename T>
using Result = tl::expected<T, Status>;

// Makes the error side of a Result<T> from a code and a message.
inline tl::unexpected<Status> Error(StatusCode code, std::string message) {
  return tl::unexpected<Status>(Status(code, std::move(message)));
}
inline tl::unexpected<Status> Error(Status status) {
  return tl::unexpected<Status>(std::move(status));
}

}  // namespace sluice

// Leaves the function with the Status of `expr` unless it is OK. Works in functions that return
// Status and, through tl::unexpected, in those that return Result<T>.
#define SLUICE_RETURN_IF_ERROR(expr)                                      \
  do {                                                                    \
    if (::sluice::Status sluice_status_ = (expr); !sluice_status_.ok()) { \
      return ::sluice::internal::ErrorReturn(std::move(sluice_status_));  \
    }                                                                     \
  } while (false)

// SLUICE_ASSIGN_OR_RETURN(auto x, F()): x is the value of the Result, or the function is left.
#define SLUICE_ASSIGN_OR_RETURN(lhs, expr) \
  SLUICE_ASSIGN_OR_RETURN_(SLUICE_CONCAT_(sluice_result_, __LINE__), lhs, expr)
#define SLUICE_CONCAT_INNER_(a, b) a##b
#define SLUICE_CONCAT_(a, b) SLUICE_CONCAT_INNER_(a, b)
#define SLUICE_ASSIGN_OR_RETURN_(result, lhs, expr)                    \
  auto result = (expr);                                                \
  if (!result) {                                                       \
    return ::sluice::internal::ErrorReturn(std::move(result).error()); \
  }                                                                    \
  lhs = std::move(*result)

namespace sluice::internal {
// Converts to Status and to any Result<T>, so that one macro serves both kinds of function.
class ErrorReturn {
 public:
  explicit ErrorReturn(Status status) : status_(std::move(status)) {}
  operator Status() && { return std::move(status_); }  // NOLINT(google-explicit-constructor)
  template <typename T>
  operator Result<T>() && {  // NOLINT(google-explicit-constructor)
    return tl::unexpected<Status>(std::move(status_));
  }

 private:
  Status status_;
};
}  // namespace sluice::internal
