// SPDX-License-Identifier: Apache-2.0
//
// Every rule of the canonical form, broken once: refused, with the offset.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "model/change_set.h"

namespace sluice {
namespace {

struct Case {
  const char* hex;  // blanks are for the reader
  const char* fault;
};

std::string FaultOf(std::string hex) {
  std::erase(hex, ' ');
  const auto parsed = ChangeSet::Parse(FromHex(hex).value(), Digest(), Digest());
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().code(), StatusCode::kCorruption);
  const std::string prefix = "change set is not in canonical form: ";
  EXPECT_EQ(parsed.error().message().substr(0, prefix.size()), prefix);
  return parsed.error().message().substr(prefix.size());
}

template <size_t N>
void ExpectFaults(const Case (&cases)[N]) {
  for (const Case& c : cases) EXPECT_EQ(FaultOf(c.hex), c.fault) << c.hex;
}

TEST(ChangeSetParse, AcceptsTheSmallestAndOneOfEverything) {
  EXPECT_EQ(FaultOf("0a0173 1001"), "accepted");
  EXPECT_EQ(FaultOf("0a0173 1001 190100000000000000 220b 1801 220161 2a016b 320176 2a00"),
            "accepted");
  EXPECT_EQ(FaultOf("0a0173 1001 220a 1003 1802 220161 2a016b 2a00 3001"), "accepted");
}

TEST(ChangeSetParse, RefusesAWrongHead) {
  ExpectFaults({
      {"", "byte 0: no stream id"},
      {"1001", "byte 0: no stream id"},
      {"0a00 1001", "byte 1: the stream id is empty"},
      {"0a01ff 1001", "byte 1: the stream id is not UTF-8"},
      {"0a0573 1001", "byte 1: length reaches beyond the end"},
      {"0a8100 73 1001", "byte 2: number not in its shortest form"},
      {"0a8080808008", "byte 5: number too large"},
      {"0a0173", "byte 3: no height"},
      {"0a0173 1000", "byte 4: default value written out"},
      {"0a0173 108100", "byte 5: number not in its shortest form"},
      {"0a0173 10ffffffffffffffffff02", "byte 13: number larger than 64 bits"},
      {"0a0173 1001 190000000000000000", "byte 6: default value written out"},
      {"0a0173 1001 1901000000", "byte 10: cut off"},
  });
}

TEST(ChangeSetParse, RefusesFieldsUnknownRepeatedOrOutOfOrder) {
  ExpectFaults({
      {"0a0173 0a0173 1001", "byte 3: no height"},
      {"0a0173 1001 1001", "byte 5: field unknown, repeated or out of order"},
      {"0a0173 1001 3a00", "byte 5: field unknown, repeated or out of order"},
      {"0a0173 1001 00", "byte 5: field unknown, repeated or out of order"},
      {"0a0173 1001 1101", "byte 5: field unknown, repeated or out of order"},
      // A result before a change; `filtered` before a result; `filtered` twice, or not 1.
      {"0a0173 1001 2a00 2208 1801 220161 2a016b 3200",
       "byte 7: field unknown, repeated or out of order"},
      {"0a0173 1001 3001 2a00", "byte 7: field unknown, repeated or out of order"},
      {"0a0173 1001 3001 3001", "byte 7: field unknown, repeated or out of order"},
      {"0a0173 1001 3000", "byte 6: default value written out"},
      {"0a0173 1001 3002", "byte 6: number too large"},
      // Inside a change: sequence before transaction; a field twice; an unknown one at its end.
      {"0a0173 1001 220c 1001 0801 1802 220161 2a016b 2a00", "byte 9: a change without its kind"},
      {"0a0173 1001 220a 1802 1802 220161 2a016b 2a00", "byte 9: a change without its store"},
      {"0a0173 1001 220a 1802 220161 2a016b 3801 2a00",
       "byte 15: field unknown, repeated or out of order"},
      {"0a0173 1001 2a02 1801", "byte 7: field unknown, repeated or out of order"},
      {"0a0173 1001 2a04 1001 0801", "byte 9: field unknown, repeated or out of order"},
  });
}

TEST(ChangeSetParse, RefusesAWrongChange) {
  ExpectFaults({
      {"0a0173 1001 220a 0800 1802 220161 2a016b 2a00", "byte 8: default value written out"},
      {"0a0173 1001 220a 1000 1802 220161 2a016b 2a00", "byte 8: default value written out"},
      {"0a0173 1001 220e 088080808010 1802 220161 2a016b 2a00", "byte 12: number too large"},
      {"0a0173 1001 220e 108080808010 1802 220161 2a016b 2a00", "byte 12: number too large"},
      {"0a0173 1001 2206 220161 2a016b 2a00", "byte 7: a change without its kind"},
      {"0a0173 1001 2208 1800 220161 2a016b 2a00", "byte 8: a change neither set nor delete"},
      {"0a0173 1001 2208 1803 220161 2a016b 2a00", "byte 8: a change neither set nor delete"},
      {"0a0173 1001 2205 1802 2a016b 2a00", "byte 9: a change without its store"},
      {"0a0173 1001 2207 1802 2200 2a016b 2a00", "byte 10: a store's name is empty"},
      {"0a0173 1001 2208 1802 2201ff 2a016b 2a00", "byte 10: a store's name is not UTF-8"},
      {"0a0173 1001 2205 1802 220161 2a00", "byte 12: a change without its key"},
      {"0a0173 1001 2207 1802 220161 2a00 2a00", "byte 13: a key is empty"},
      {"0a0173 1001 2208 1801 220161 2a016b 2a00", "byte 15: a set without its value"},
      {"0a0173 1001 220a 1802 220161 2a016b 3200 2a00",
       "byte 15: field unknown, repeated or out of order"},
      {"0a0173 1001 2208 1802 220161 2a056b 2a00", "byte 13: length reaches beyond the end"},
      {"0a0173 1001 2270 1802", "byte 6: length reaches beyond the end"},
  });
}

TEST(ChangeSetParse, RefusesSequencesAndTransactionsOutOfLine) {
  ExpectFaults({
      // Sequence 1 first, then 0 twice, then 0 and 2: gaps are for filtered ones.
      {"0a0173 1001 220a 1001 1802 220161 2a016b 2a00",
       "byte 5: a change is missing from an unfiltered change set"},
      {"0a0173 1001 2208 1802 220161 2a016b 2208 1802 220161 2a016b 2a00",
       "byte 15: a change's sequence does not rise"},
      {"0a0173 1001 2208 1802 220161 2a016b 220a 1002 1802 220161 2a016b 2a00",
       "byte 15: a change is missing from an unfiltered change set"},
      {"0a0173 1001 220a 1002 1802 220161 2a016b 220a 1001 1802 220161 2a016b 2a00 3001",
       "byte 17: a change's sequence does not rise"},
      {"0a0173 1001 220a 0801 1802 220161 2a016b 220a 1001 1802 220161 2a016b 2a00 2a020801",
       "byte 17: a change's transaction is before that of the change before it"},
      {"0a0173 1001 220a 0801 1802 220161 2a016b 2a00",
       "byte 5: a change of a transaction without result"},
      {"0a0173 1001 2208 1802 220161 2a016b", "byte 5: a change of a transaction without result"},
      {"0a0173 1001 2208 1802 220161 2a016b 220c 0801 1001 1802 220161 2a016b 2a00",
       "byte 15: a change of a transaction without result"},
      {"0a0173 1001 220b 1801 220161 2a016b 320176 2a021001",
       "byte 5: a change of a failed transaction"},
  });
}

TEST(ChangeSetParse, RefusesWrongTransactionResults) {
  ExpectFaults({
      {"0a0173 1001 2a020801", "byte 5: a transaction result is missing, repeated or out of order"},
      {"0a0173 1001 2a00 2a00",
       "byte 7: a transaction result is missing, repeated or out of order"},
      {"0a0173 1001 2a00 2a020802",
       "byte 7: a transaction result is missing, repeated or out of order"},
      {"0a0173 1001 2a020800", "byte 8: default value written out"},
      {"0a0173 1001 2a021000", "byte 8: default value written out"},
      {"0a0173 1001 2a06108080808010", "byte 12: number too large"},
  });
}

}  // namespace
}  // namespace sluice
