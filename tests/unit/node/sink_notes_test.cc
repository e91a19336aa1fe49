// SPDX-License-Identifier: Apache-2.0
#include "node/sink_notes.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

SinkStatus Sink(const std::string& name, const std::string& lifecycle, const std::string& reason) {
  SinkStatus sink;
  sink.name = name;
  sink.lifecycle = lifecycle;
  sink.reason = reason;
  return sink;
}

SinkStatus Stopped(const std::string& record, const std::string& name) {
  SinkStatus sink = Sink(name, "stopped", "");
  ApplySinkNotes(record, &sink);
  return sink;
}

TEST(SinkNotes, WhatRunsWithoutAnErrorIsNotNoted) {
  EXPECT_EQ(EncodeSinkNotes({Sink("a", "running", ""), Sink("b", "suspended", "disabled")}), "");
  EXPECT_EQ(EncodeSinkNotes({}), "");
}

TEST(SinkNotes, GiveReasonModeHeightAndErrorBack) {
  SinkStatus foreign = Sink("a", "suspended", "foreign");
  foreign.last_error = {1'700'000'000'000'000'001, "INVALID", "another \"node\"\xff"};
  SinkStatus ahead = Sink("b", "initializing", "the sink is at 8, the node at 5");
  ahead.mode = "ahead";
  ahead.sink_height = Height(8);
  SinkStatus lost = Sink("c", "running", "");
  lost.mode = "lost";
  const std::string record = EncodeSinkNotes({foreign, ahead, lost, Sink("d", "running", ""),
                                              Sink("e", "repairing", "no route to the host"),
                                              Sink("f", "initializing", "")});
  EXPECT_EQ(Stopped(record, "a").lifecycle, "stopped");
  EXPECT_EQ(Stopped(record, "a").reason, "foreign");
  EXPECT_EQ(Stopped(record, "a").last_error.time_unix_nanos, 1'700'000'000'000'000'001);
  EXPECT_EQ(Stopped(record, "a").last_error.code, "INVALID");
  EXPECT_EQ(Stopped(record, "a").last_error.text, "another \"node\"\xEF\xBF\xBD");
  EXPECT_EQ(Stopped(record, "b").mode, "ahead");
  EXPECT_EQ(Stopped(record, "b").reason, "the sink is at 8, the node at 5");
  EXPECT_EQ(Stopped(record, "b").sink_height, Height(8));
  EXPECT_EQ(Stopped(record, "c").mode, "lost");
  EXPECT_EQ(Stopped(record, "d").reason, "");
  EXPECT_EQ(Stopped(record, "e").reason, "repairing");
  EXPECT_EQ(Stopped(record, "f").reason, "") << "a start that was interrupted is no fault";
  EXPECT_EQ(Stopped(record, "g").reason, "");
}

TEST(SinkNotes, ARecordOfAnotherShapeNotesNothing) {
  for (const char* record :
       {"", "x", "{}", "[1]", R"([{"name":"a"}])",
        R"([{"name":"a","lifecycle":"suspended","reason":1,"mode":""}])",
        R"([{"name":"a","lifecycle":"suspended","reason":"gap","mode":"","error":{"text":1}}])"}) {
    EXPECT_EQ(Stopped(record, "a").reason, "") << record;
  }
}

}  // namespace
}  // namespace sluice
