// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/sink_command.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice {
namespace {

using State = LifecycleState;
using Command = SinkCommand;

CommandedSink In(State state, SuspendReason reason = SuspendReason::kNone) {
  CommandedSink sink;
  sink.name = "audit";
  sink.state = state;
  sink.reason = reason;
  return sink;
}

CommandedSink SuspendedByOperator() {
  CommandedSink sink = In(State::kSuspended, SuspendReason::kOperator);
  sink.suspended_by_operator = true;
  return sink;
}

CommandedSink Disabled() {
  CommandedSink sink = In(State::kSuspended, SuspendReason::kDisabled);
  sink.enabled = false;
  return sink;
}

CommandedSink Deleting() {
  CommandedSink sink = In(State::kDeleting);
  sink.deleted = true;
  return sink;
}

struct Row {
  const char* what;
  Command command;
  CommandedSink sink;
  const char* refused;  // a part of the text; null: it applies
};

TEST(SinkCommand, AppliesOrSaysWhatDoesInstead) {
  const CommandedSink running = In(State::kRunning);
  const CommandedSink repairing = In(State::kRepairing);
  const CommandedSink diverged = In(State::kSuspended, SuspendReason::kDiverged);
  const CommandedSink exhausted = In(State::kSuspended, SuspendReason::kExhausted);
  const CommandedSink hung = In(State::kSuspended, SuspendReason::kHung);
  CommandedSink stubborn = running;
  stubborn.can_reset = false;
  const std::vector<Row> rows = {
      {"suspend", Command::kSuspend, running, nullptr},
      {"suspend twice", Command::kSuspend, SuspendedByOperator(), nullptr},
      {"suspend what fails", Command::kSuspend, repairing, nullptr},
      {"suspend what has diverged", Command::kSuspend, diverged, nullptr},
      {"resume", Command::kResume, SuspendedByOperator(), nullptr},
      {"resume what runs", Command::kResume, running, nullptr},
      {"resume a fault", Command::kResume, diverged, "`sluice sink repair audit`"},
      {"resume what is disabled", Command::kResume, Disabled(), "enabled = true"},
      {"repair", Command::kRepair, diverged, nullptr},
      {"repair what is exhausted", Command::kRepair, exhausted, nullptr},
      {"repair now", Command::kRepair, repairing, nullptr},
      {"repair what runs", Command::kRepair, running, "`sluice sink restart audit`"},
      {"repair what is suspended", Command::kRepair, SuspendedByOperator(),
       "`sluice sink resume audit`"},
      {"repair what is disabled", Command::kRepair, Disabled(), "enabled = true"},
      {"repair what hangs", Command::kRepair, hung, "restart the node"},
      {"take over", Command::kTakeOver, In(State::kSuspended, SuspendReason::kForeign), nullptr},
      {"take over what runs", Command::kTakeOver, running, "nothing to repair"},
      {"restart", Command::kRestart, running, nullptr},
      {"restart what starts", Command::kRestart, In(State::kInitializing), nullptr},
      {"restart a fault", Command::kRestart, diverged, "`sluice sink repair audit`"},
      {"restart what is suspended", Command::kRestart, SuspendedByOperator(),
       "`sluice sink resume audit`"},
      {"reset", Command::kReset, running, nullptr},
      {"reset a fault", Command::kReset, diverged, nullptr},
      {"reset what is suspended", Command::kReset, SuspendedByOperator(), nullptr},
      {"reset what is disabled", Command::kReset, Disabled(), "enabled = true"},
      {"reset what hangs", Command::kReset, hung, "restart the node"},
      {"reset what cannot be", Command::kReset, stubborn, "give it an empty place"},
      {"remove", Command::kRemove, running, nullptr},
      {"remove a fault", Command::kRemove, diverged, nullptr},
      {"remove twice", Command::kRemove, Deleting(), nullptr},
      {"remove what hangs", Command::kRemove, hung, "restart the node"},
      {"resume what is being removed", Command::kResume, Deleting(), "being removed"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    const Status status = CheckCommand(row.command, row.sink);
    if (row.refused == nullptr) {
      EXPECT_TRUE(status.ok()) << status.message();
    } else {
      EXPECT_EQ(status.code(), StatusCode::kInvalid);
      EXPECT_NE(status.message().find(row.refused), std::string::npos) << status.message();
      EXPECT_EQ(status.message().rfind("sink audit: ", 0), 0U) << status.message();
    }
  }
}

TEST(SinkCommand, RepairAllMeansWhatIsBrokenAndCouldBeTried) {
  EXPECT_TRUE(IsBroken(In(State::kRepairing)));
  EXPECT_TRUE(IsBroken(In(State::kSuspended, SuspendReason::kExhausted)));
  EXPECT_TRUE(IsBroken(In(State::kSuspended, SuspendReason::kGap)));
  EXPECT_FALSE(IsBroken(In(State::kRunning)));
  EXPECT_FALSE(IsBroken(In(State::kSuspended, SuspendReason::kHung)));
  EXPECT_FALSE(IsBroken(SuspendedByOperator()));
  EXPECT_FALSE(IsBroken(Disabled()));
  EXPECT_FALSE(IsBroken(Deleting()));
}

TEST(SinkCommand, NamesGoBothWays) {
  for (Command command : {Command::kSuspend, Command::kResume, Command::kRepair, Command::kTakeOver,
                          Command::kRestart, Command::kReset, Command::kRemove}) {
    EXPECT_EQ(SinkCommandNamed(SinkCommandName(command)), command);
  }
  EXPECT_EQ(SinkCommandNamed("explode"), std::nullopt);
}

}  // namespace
}  // namespace sluice
