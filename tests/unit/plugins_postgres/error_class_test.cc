// SPDX-License-Identifier: Apache-2.0
#include "postgres/error_class.h"

#include <gtest/gtest.h>

#include "postgres/fault.h"

namespace sluice_postgres {
namespace {

TEST(ErrorClass, EveryRowOfTheDocumentedTable) {
  for (const char* state :
       {"08006", "25006", "25P03", "40001", "40P01", "53100", "53200", "53300", "55P03", "57014",
        "57P01", "57P02", "57P03", "58030", "XX000", "26000", ""}) {
    EXPECT_EQ(ClassOfSqlState(state), ErrorClass::kRetry) << state;
  }
  for (const char* state :
       {"0A000", "08P01", "22P03", "22021", "23505", "28P01", "28000", "3D000", "3F000", "42501",
        "42P01", "42703", "42P10", "54001", "55000", "55006", "XX001", "F0000", "P0001", "99999"}) {
    EXPECT_EQ(ClassOfSqlState(state), ErrorClass::kOperator) << state;
  }
  EXPECT_EQ(ClassOfSqlState("54000"), ErrorClass::kHeight);
}

TEST(ErrorClass, TheLongestPrefixDecides) {
  EXPECT_NE(AdviceFor("42501"), AdviceFor("42P01"));
  EXPECT_NE(AdviceFor("53100"), AdviceFor("53200"));
  EXPECT_TRUE(AdviceFor("").empty());
}

TEST(ErrorClass, SqlStateOfARefusedConnectionIsFoundInItsMessage) {
  EXPECT_EQ(SqlStateInMessage("connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  "
                              "28P01: password authentication failed for user \"app\"\n"
                              "LOCATION:  auth_failed, auth.c:335"),
            "28P01");
  EXPECT_EQ(SqlStateInMessage("failed: FATAL:  53300: sorry\nfailed: FATAL:  57P03: starting up"),
            "57P03");
  EXPECT_EQ(SqlStateInMessage("failed: Connection refused\n\tIs the server running?"), "");
  EXPECT_EQ(SqlStateInMessage("FATAL:  the database system is starting up"), "");
  EXPECT_EQ(SqlStateInMessage("FATAL:  28P01"), "");
}

TEST(Fault, BecomesTheStatusOfItsClass) {
  EXPECT_EQ(Fault::Server("", "x").status().code(), SLUICE_RETRY);
  EXPECT_EQ(Fault::Server("42501", "x").status().code(), SLUICE_INVALID);
  EXPECT_EQ(Fault::Server("54000", "x").status().code(), SLUICE_REJECT);
  EXPECT_EQ(Fault::Fenced("x").status().code(), SLUICE_FENCED);
  EXPECT_TRUE(Fault::None().status().ok());
  EXPECT_EQ(Fault::Retry("why").WithContext("doing").text(), "doing: why");
}

}  // namespace
}  // namespace sluice_postgres
