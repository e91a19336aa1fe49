// SPDX-License-Identifier: Apache-2.0
//
// What an error of librdkafka means for the sink. docs/sinks/kafka.md has the table for operators.
//
// clang-format off
// | librdkafka says                                   | action   | the sink then                                        |
// |---------------------------------------------------|----------|------------------------------------------------------|
// | _FENCED, PRODUCER_FENCED, INVALID_PRODUCER_EPOCH  | kFenced  | stops for good, unless its transaction had timed out |
// | MSG_SIZE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_RECORD, INVALID_MSG | kReject | aborts; the height is refused by name |
// | fatal                                             | kRestart | a new instance, which asks where the sink stands     |
// | abort needed                                      | kAbort   | aborts; the heights come again from the journal      |
// | retriable, _TIMED_OUT, _QUEUE_FULL                | kAgain   | the same call again                                  |
// | of a record: _UNKNOWN_TOPIC, _UNKNOWN_PARTITION, UNKNOWN_TOPIC_OR_PART, _FATAL | kRestart | a new instance, which looks for its topics |
// | of a single record: _STATE, another record of the transaction has failed; anything else | kAbort | aborts; the heights come again |
// | of a call: anything else                          | kRestart | a new instance                                       |
// clang-format on
//
// Threading: pure functions.
#pragma once

#include <librdkafka/rdkafka.h>

#include <string>
#include <string_view>

namespace sluice_kafka {

enum class ErrorAction { kAgain, kAbort, kReject, kRestart, kFenced };

// What rd_kafka_error_t tells beside its code.
struct ErrorTraits {
  bool fatal = false;
  bool retriable = false;
  bool requires_abort = false;
};

// Of a transactional call.
ErrorAction ClassifyCallError(rd_kafka_resp_err_t code, const ErrorTraits& traits);
// Of one record that could not be stored.
ErrorAction ClassifyRecordError(rd_kafka_resp_err_t code);

// What librdkafka says about a broker, and what it cannot know to say. `version`: its own, as
// rd_kafka_version() gives it.
std::string ExplainTrouble(std::string_view reason, int version);

}  // namespace sluice_kafka
