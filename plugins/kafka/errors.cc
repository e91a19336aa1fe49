// SPDX-License-Identifier: Apache-2.0
#include "kafka/errors.h"

namespace sluice_kafka {
namespace {

bool IsFenced(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

// However often it is tried, the broker will not take this content.
bool IsRefusedContent(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
         code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
         code == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

// The first librdkafka whose last SCRAM message has the server's nonce alone. Those before put the
// client's in front of it once more; brokers from 4.0 on compare, and say "invalid credentials".
constexpr int kScramMended = 0x020601ff;

}  // namespace

ErrorAction ClassifyCallError(rd_kafka_resp_err_t code, const ErrorTraits& traits) {
  if (IsFenced(code)) return ErrorAction::kFenced;
  if (traits.fatal) return ErrorAction::kRestart;
  if (IsRefusedContent(code)) return ErrorAction::kReject;
  if (traits.requires_abort) return ErrorAction::kAbort;
  const bool again = traits.retriable || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                     code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
  return again ? ErrorAction::kAgain : ErrorAction::kRestart;
}

ErrorAction ClassifyRecordError(rd_kafka_resp_err_t code) {
  if (IsFenced(code)) return ErrorAction::kFenced;
  if (IsRefusedContent(code)) return ErrorAction::kReject;
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return ErrorAction::kAgain;
  // A topic that is gone: a start looks at the topics, and names it.
  const bool unknown_topic = code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                             code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
                             code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  const bool restart = unknown_topic || code == RD_KAFKA_RESP_ERR__FATAL;
  return restart ? ErrorAction::kRestart : ErrorAction::kAbort;
}

std::string ExplainTrouble(std::string_view reason, int version) {
  std::string text(reason);
  const bool scram_refused = reason.find("invalid credentials") != std::string_view::npos &&
                             reason.find("SCRAM") != std::string_view::npos;
  if (scram_refused && version < kScramMended) {
    text +=
        "; brokers from 4.0 on refuse every SCRAM login of librdkafka before 2.6.1, also with the "
        "right password: install a newer librdkafka, or use PLAIN over TLS";
  }
  return text;
}

}  // namespace sluice_kafka
