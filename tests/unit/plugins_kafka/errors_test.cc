// SPDX-License-Identifier: Apache-2.0
#include "kafka/errors.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice_kafka {
namespace {

TEST(KafkaErrors, EachCallErrorHasItsAction) {
  const ErrorTraits none;
  const ErrorTraits fatal{.fatal = true, .retriable = false, .requires_abort = false};
  const ErrorTraits retriable{.fatal = false, .retriable = true, .requires_abort = false};
  const ErrorTraits abort{.fatal = false, .retriable = false, .requires_abort = true};
  struct Row {
    rd_kafka_resp_err_t code;
    ErrorTraits traits;
    ErrorAction action;
  };
  const std::vector<Row> rows = {
      {RD_KAFKA_RESP_ERR__FENCED, fatal, ErrorAction::kFenced},
      {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, fatal, ErrorAction::kFenced},
      {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, none, ErrorAction::kFenced},
      {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, fatal, ErrorAction::kRestart},
      {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, fatal, ErrorAction::kRestart},
      {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, abort, ErrorAction::kReject},
      {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, abort, ErrorAction::kAbort},
      {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, abort, ErrorAction::kAbort},
      {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, retriable, ErrorAction::kAgain},
      {RD_KAFKA_RESP_ERR__TIMED_OUT, retriable, ErrorAction::kAgain},
      {RD_KAFKA_RESP_ERR__TIMED_OUT, none, ErrorAction::kAgain},
      {RD_KAFKA_RESP_ERR__STATE, none, ErrorAction::kRestart},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(ClassifyCallError(row.code, row.traits), row.action) << rd_kafka_err2name(row.code);
  }
}

TEST(KafkaErrors, AFatalErrorIsNeverTriedAgain) {
  const ErrorTraits both{.fatal = true, .retriable = true, .requires_abort = true};
  EXPECT_EQ(ClassifyCallError(RD_KAFKA_RESP_ERR__TIMED_OUT, both), ErrorAction::kRestart);
}

TEST(KafkaErrors, EachRecordErrorHasItsAction) {
  EXPECT_EQ(ClassifyRecordError(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE), ErrorAction::kReject);
  EXPECT_EQ(ClassifyRecordError(RD_KAFKA_RESP_ERR_INVALID_RECORD), ErrorAction::kReject);
  EXPECT_EQ(ClassifyRecordError(RD_KAFKA_RESP_ERR__QUEUE_FULL), ErrorAction::kAgain);
  EXPECT_EQ(ClassifyRecordError(RD_KAFKA_RESP_ERR__FATAL), ErrorAction::kRestart);
  EXPECT_EQ(ClassifyRecordError(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH), ErrorAction::kFenced);
  EXPECT_EQ(ClassifyRecordError(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC), ErrorAction::kRestart);
  EXPECT_EQ(ClassifyRecordError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), ErrorAction::kRestart);
  EXPECT_EQ(ClassifyRecordError(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT), ErrorAction::kAbort);
  // What a transaction says of every record after the one that failed.
  EXPECT_EQ(ClassifyRecordError(RD_KAFKA_RESP_ERR__STATE), ErrorAction::kAbort);
  EXPECT_EQ(ClassifyRecordError(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), ErrorAction::kAbort);
}

TEST(KafkaErrors, ARefusedScramLoginOfAnOldLibraryIsExplained) {
  const std::string refused =
      "SASL authentication error: Authentication failed during authentication due to invalid "
      "credentials with SASL mechanism SCRAM-SHA-512";
  const std::string explained = ExplainTrouble(refused, 0x020002ff);
  EXPECT_EQ(explained.find(refused), 0U);
  EXPECT_NE(explained.find("install a newer librdkafka"), std::string::npos);
  EXPECT_EQ(ExplainTrouble(refused, 0x020601ff), refused);
  EXPECT_EQ(ExplainTrouble("SASL mechanism PLAIN: invalid credentials", 0x020002ff),
            "SASL mechanism PLAIN: invalid credentials");
  EXPECT_EQ(ExplainTrouble("Connection refused", 0x020002ff), "Connection refused");
}

}  // namespace
}  // namespace sluice_kafka
