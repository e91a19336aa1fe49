// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong between the sink and its server, as a value, and the status of the ABI that it
// becomes. Threading: values.
#pragma once

#include <sluice/plugin.hpp>
#include <string>
#include <utility>

#include "postgres/error_class.h"

namespace sluice_postgres {

class [[nodiscard]] Fault {
 public:
  Fault() = default;

  static Fault None() { return {}; }
  // The server's refusal, or, without an SQLSTATE, a connection that broke.
  static Fault Server(std::string sqlstate, std::string text);
  static Fault Retry(std::string text) { return {SLUICE_RETRY, std::move(text)}; }
  static Fault Operator(std::string text) { return {SLUICE_INVALID, std::move(text)}; }
  static Fault Height(std::string text) { return {SLUICE_REJECT, std::move(text)}; }
  static Fault Fenced(std::string text) { return {SLUICE_FENCED, std::move(text)}; }
  static Fault Unsupported(std::string text) { return {SLUICE_UNSUPPORTED, std::move(text)}; }
  static Fault Cancelled() { return {SLUICE_CANCELLED, "cancelled while waiting for the server"}; }
  static Fault Broken(std::string text) { return {SLUICE_FATAL, std::move(text)}; }

  bool ok() const { return code_ == SLUICE_OK; }
  int32_t code() const { return code_; }
  const std::string& sqlstate() const { return sqlstate_; }
  const std::string& text() const { return text_; }
  Fault WithContext(const std::string& context) const {
    Fault fault = *this;
    fault.text_ = context + ": " + text_;
    return fault;
  }
  sluice::sdk::Status status() const {
    return ok() ? sluice::sdk::Status::Ok() : sluice::sdk::Status(code_, text_);
  }

 private:
  Fault(int32_t code, std::string text) : code_(code), text_(std::move(text)) {}

  int32_t code_ = SLUICE_OK;
  std::string sqlstate_;
  std::string text_;
};

inline Fault Fault::Server(std::string sqlstate, std::string text) {
  int32_t code = SLUICE_RETRY;
  if (ClassOfSqlState(sqlstate) == ErrorClass::kOperator) code = SLUICE_INVALID;
  if (ClassOfSqlState(sqlstate) == ErrorClass::kHeight) code = SLUICE_REJECT;
  if (const std::string_view advice = AdviceFor(sqlstate); !advice.empty()) {
    text += "; ";
    text += advice;
  }
  Fault fault(code, std::move(text));
  fault.sqlstate_ = std::move(sqlstate);
  return fault;
}

}  // namespace sluice_postgres
