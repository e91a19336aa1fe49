// SPDX-License-Identifier: Apache-2.0
#include "postgres/transaction.h"

#include <algorithm>
#include <utility>

#include "postgres/copy_encoder.h"

namespace sluice_postgres {
namespace {

// Runs steps that are one text, and remembers whether a guard was missed.
class Runner {
 public:
  explicit Runner(Connection* connection) : connection_(connection) {}

  Fault Run(const Step* begin, const Step* end) {
    std::string sql;
    for (const Step* step = begin; step != end; ++step) sql += step->sql + ";";
    if (Fault fault = connection_->Send(sql); !fault.ok()) return fault;
    for (const Step* step = begin; step != end && !refused_; ++step) {
      if (Fault fault = RunStep(*step); !fault.ok()) return fault;
    }
    if (refused_) return {};
    PgResult none;
    return connection_->Next(&none);
  }
  bool missed() const { return missed_; }

 private:
  Fault RunStep(const Step& step) {
    PgResult result;
    if (Fault fault = connection_->Next(&result); !fault.ok()) return fault;
    if (result == nullptr) return Fault::Broken("the server gave no result of: " + step.sql);
    switch (step.kind) {
      case StepKind::kPlain:
        return {};
      case StepKind::kGuard:
        if (PQcmdTuples(result.get()) != std::to_string(step.must_touch)) missed_ = true;
        return {};
      case StepKind::kCommit:
        return connection_->Committed(result);
      case StepKind::kCopy:
        return RunCopy(step, std::move(result));
    }
    return {};
  }

  Fault RunCopy(const Step& step, PgResult ready) {
    if (PQresultStatus(ready.get()) != PGRES_COPY_IN) {
      return Fault::Broken("the server asked for no rows of: " + step.sql);
    }
    if (missed_) {
      refused_ = true;
      connection_->RefuseCopy("the sink does not stand where it was expected");
      return {};
    }
    for (const std::string_view part : {CopyEncoder::Header(), step.rows, CopyEncoder::End()}) {
      if (Fault fault = connection_->PutCopy(part); !fault.ok()) return fault;
    }
    if (Fault fault = connection_->EndCopy(); !fault.ok()) return fault;
    PgResult done;
    return connection_->Next(&done);
  }

  Connection* const connection_;
  bool missed_ = false;
  bool refused_ = false;  // nothing of the text is left to be heard
};

}  // namespace

Step Plain(std::string sql) { return {StepKind::kPlain, std::move(sql), {}}; }

Step Guard(std::string sql, uint64_t must_touch) {
  return {StepKind::kGuard, std::move(sql), {}, must_touch};
}

Step Copy(std::string sql, std::string_view rows) {
  return {StepKind::kCopy, std::move(sql), rows};
}

std::vector<Step> BeginTransaction() { return {Plain("BEGIN")}; }

Fault RunTransaction(std::vector<Step> steps, Connection* connection, WriteOutcome* outcome) {
  steps.push_back({StepKind::kCommit, "COMMIT", {}});
  const auto is = [](StepKind kind) { return [kind](const Step& s) { return s.kind == kind; }; };
  const bool copies = std::any_of(steps.begin(), steps.end(), is(StepKind::kCopy));
  const auto last_guard = std::find_if(steps.rbegin(), steps.rend(), is(StepKind::kGuard));
  const Step* const begin = steps.data();
  const Step* const end = begin + steps.size();
  // Without a COPY nothing would hold the server back between the guards and COMMIT.
  const Step* const first_end = copies ? end : begin + (steps.rend() - last_guard);
  Runner runner(connection);
  Fault fault = runner.Run(begin, first_end);
  if (fault.ok() && !runner.missed() && first_end != end) fault = runner.Run(first_end, end);
  const bool missed = fault.ok() && runner.missed();
  if (!fault.ok() || missed) connection->Rollback();
  *outcome = missed ? WriteOutcome::kGuardMissed : WriteOutcome::kCommitted;
  return fault;
}

}  // namespace sluice_postgres
