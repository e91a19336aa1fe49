// SPDX-License-Identifier: Apache-2.0
#include "postgres/postgres_sink.h"

#include <algorithm>
#include <utility>

#include "postgres/provision.h"
#include "postgres/readback.h"
#include "postgres/tables.h"

namespace sluice_postgres {

using sluice::sdk::operator==;
using sluice::sdk::AttachArgs;
using sluice::sdk::Batch;
using sluice::sdk::SnapshotArgs;
using sluice::sdk::SnapshotPart;
using sluice::sdk::StartArgs;
using sluice::sdk::StartResult;
using sluice::sdk::Status;
using sluice::sdk::View;

namespace {

// For heights side by side that are under way when the sink is asked where it stands: longer than a
// server needs that is well.
constexpr std::chrono::seconds kSettleTime{60};

}  // namespace

PostgresSink::PostgresSink(sluice::sdk::Host host)
    : host_(host),
      session_(&setup_, host),
      ordered_(&setup_, &session_, host),
      parallel_(&setup_, host),
      snapshot_(&setup_, &session_, host) {}

void PostgresSink::Cancel() {
  session_.wakeup().Raise();
  parallel_.Cancel();
}

// --- start -------------------------------------------------------------------------------------

Status PostgresSink::Start(const StartArgs& args, StartResult* result) {
  session_.connection().set_deadline(Clock::now() + args.deadline());
  const Fault fault = StartUp(args);
  session_.connection().set_deadline(Clock::time_point::max());
  result->level = setup_.level;
  if (parallel()) result->capabilities = SLUICE_CAP_PARALLEL;
  setup_.started = fault.ok();
  return fault.status();
}

Fault PostgresSink::TakeArgs(const StartArgs& args) {
  setup_.key = {std::string(args.stream_id()), std::string(args.sink_name())};
  setup_.epoch = args.epoch();
  return ParseSettings(args.settings(), &setup_.settings);
}

Fault PostgresSink::StartUp(const StartArgs& args) {
  if (Fault fault = TakeArgs(args); !fault.ok()) return fault;
  const Settings& settings = setup_.settings;
  setup_.level = settings.level();
  if (Fault fault = session_.Connect(); !fault.ok()) return fault;
  if (!session_.syncs() && setup_.level > SLUICE_LEVEL_RECEIVED) {
    setup_.level = SLUICE_LEVEL_RECEIVED;
    host_.Log(SLUICE_LOG_WARN,
              session_.name() + " runs with fsync = off: acks are at level received only");
  }
  if (Fault fault = CheckNoneDropped(); !fault.ok()) return fault;
  if (Fault fault = CheckEpoch(); !fault.ok()) return fault;
  if (Fault fault = session_.ProvisionTables(FixedTables(settings), position_.found); !fault.ok()) {
    return fault;
  }
  if (settings.state && !settings.table_per_store) {
    if (Fault fault = session_.EnsureStateTable(""); !fault.ok()) return fault;
  }
  if (settings.state && settings.table_per_store) {
    for (uint64_t i = 0; i < args.raw()->store_count; ++i) {
      Fault fault = session_.EnsureStateTable(View(args.raw()->stores[i]), position_.found);
      if (!fault.ok()) return fault;
    }
  }
  if (Fault fault = ReadPosition(); !fault.ok()) return fault;
  return CheckEpoch();
}

Fault PostgresSink::CheckEpoch() const {
  if (!position_.found || position_.epoch < setup_.epoch) return {};
  if (emptied_ && position_.epoch == setup_.epoch) return {};
  return Fault::Fenced(session_.name() + ": the sink was written under epoch " +
                       std::to_string(position_.epoch) + ", this start has epoch " +
                       std::to_string(setup_.epoch) +
                       "; a newer start of the node, or another node, writes here");
}

Fault PostgresSink::CheckNoneDropped() {
  const Settings& settings = setup_.settings;
  const std::vector<Table> tables = FixedTables(settings);
  std::vector<std::string> missing;
  if (Fault fault = MissingTables(settings, tables, &session_.connection(), &missing);
      !fault.ok()) {
    return fault;
  }
  const auto is_missing = [&](const std::string& table) {
    return std::find(missing.begin(), missing.end(), table) != missing.end();
  };
  if (is_missing(tables.front().name)) return {};
  // One that is older than some of its columns gets them before they are asked for.
  Fault fault = session_.ProvisionTables({tables.front()}, position_.found);
  if (fault.ok()) fault = ReadPosition();
  if (!fault.ok()) return fault;
  const uint64_t height = Standing().height;
  if (height == 0) return {};
  const std::string stands =
      session_.name() + ": the sink stands at " + HeightText(height) + " and ";
  if (!HeldKeeps(position_.keeps, settings)) {
    return Fault::Operator(stands + "has filled " + position_.keeps + " the settings ask for " +
                           Keeps(settings) +
                           " which would lack what came before: set the settings back, or start "
                           "the sink over");
  }
  for (const Table& table : tables) {
    if (!table.written_from_the_start || !is_missing(table.name)) continue;
    return Fault::Operator(stands + "its table " + Qualified(settings, table.name) +
                           " is gone: restore it, or start the sink over");
  }
  return {};
}

// --- reset -------------------------------------------------------------------------------------

Status PostgresSink::Reset(const StartArgs& args) {
  session_.connection().set_deadline(Clock::now() + args.deadline());
  const Fault fault = ResetAll(args);
  session_.connection().set_deadline(Clock::time_point::max());
  return fault.status();
}

Fault PostgresSink::ResetAll(const StartArgs& args) {
  if (Fault fault = TakeArgs(args); !fault.ok()) return fault;
  if (Fault fault = session_.Connect(); !fault.ok()) return fault;
  bool found = false;
  if (Fault fault = EnsurePositionTable(&found); !fault.ok() || !found) return fault;
  if (Fault fault = CheckEpoch(); !fault.ok()) return fault;
  if (Fault fault = snapshot_.Reset(); !fault.ok()) return fault.WithContext("emptying the sink");
  emptied_ = true;
  return {};
}

Fault PostgresSink::EnsurePositionTable(bool* found) {
  const std::vector<Table> tables = {FixedTables(setup_.settings).front()};
  std::vector<std::string> missing;
  Fault fault = MissingTables(setup_.settings, tables, &session_.connection(), &missing);
  *found = missing.empty();
  if (!fault.ok() || !*found) return fault;
  fault = session_.ProvisionTables(tables, position_.found);
  return fault.ok() ? ReadPosition() : fault;
}

Status PostgresSink::PlanProvision(const StartArgs& args, std::string* plan) {
  Settings settings;
  if (Fault fault = ParseSettings(args.settings(), &settings); !fault.ok()) return fault.status();
  std::vector<Table> tables = FixedTables(settings);
  for (uint64_t i = 0; settings.state && settings.table_per_store && i < args.raw()->store_count;
       ++i) {
    const std::string_view store = View(args.raw()->stores[i]);
    if (Fault fault = CheckStoreTable(settings, store); !fault.ok()) return fault.status();
    tables.push_back(StoreTable(settings, store));
  }
  const SinkKey key{std::string(args.stream_id()), std::string(args.sink_name())};
  *plan = ProvisionScript(settings, tables, key, UserOfConninfo(settings.conninfo));
  return Status::Ok();
}

// --- where it stands ---------------------------------------------------------------------------

Fault PostgresSink::ReadPosition() {
  Fault fault = ReadApplied(setup_.settings, setup_.key, &session_.connection(), &applied_);
  if (!fault.ok()) return fault;
  return ReadGuardRow(setup_.settings, setup_.key, &session_.connection(), &position_);
}

GuardRow PostgresSink::Standing() const {
  GuardRow row = position_;
  AdvanceOver(applied_, &row);
  return row;
}

Status PostgresSink::Resume(sluice::sdk::Position* position) {
  if (attached_ && parallel()) {
    if (Status status = parallel_.Drain(kSettleTime); !status.ok()) return status;
  }
  ordered_.Clear();
  Fault fault = attached_ ? session_.MakeSure() : session_.Connect();
  if (fault.ok()) fault = ReadPosition();
  if (!fault.ok()) return fault.status();
  // An ordered writer goes over what is held above the guard row, height by height.
  const GuardRow at = attached_ && !parallel() ? position_ : Standing();
  if (attached_ && !parallel()) ordered_.Attached(position_, applied_);
  // A row at height 0 was only attached to, or a copy is not whole: nothing was delivered.
  if (!at.found || at.height == 0) {
    position->SetEmpty();
  } else {
    position->SetAt(setup_.key.stream, at.epoch, at.height, at.digest);
  }
  return Status::Ok();
}

void PostgresSink::ClearWriters() {
  attached_ = false;
  ordered_.Clear();
  parallel_.End();
}

// --- snapshot ----------------------------------------------------------------------------------

Status PostgresSink::BeginSnapshot(const SnapshotArgs& args) {
  if (args.epoch != setup_.epoch) {
    return Status::Fatal("a copy of epoch " + std::to_string(args.epoch) +
                         " for an instance of epoch " + std::to_string(setup_.epoch));
  }
  ClearWriters();
  return snapshot_.Begin(args).status();
}

Status PostgresSink::TakeSnapshotPart(const SnapshotPart& part) {
  return snapshot_.Take(part).status();
}

Status PostgresSink::EndSnapshot() { return snapshot_.End().status(); }

// --- attach ------------------------------------------------------------------------------------

Status PostgresSink::Attach(const AttachArgs& args) {
  ClearWriters();
  Fault fault = session_.Connect();
  if (fault.ok()) fault = EmptyUnlessWhole();
  if (fault.ok()) fault = session_.AgainstOlderWriters([&] { return AttachTo(args); });
  if (fault.ok() && parallel()) {
    session_.connection().Close();  // each of the writers has its own
    fault = parallel_.Begin(position_, applied_);
  }
  if (!fault.ok()) return fault.status();
  ordered_.Attached(position_, applied_);
  attached_ = true;
  return Status::Ok();
}

Fault PostgresSink::EmptyUnlessWhole() {
  if (Fault fault = ReadPosition(); !fault.ok()) return fault;
  if (!position_.filling) return {};
  host_.Log(SLUICE_LOG_WARN,
            session_.name() + ": a copy was interrupted; what is there of it is deleted");
  return snapshot_.Empty(0).WithContext("removing what an interrupted copy has left");
}

Fault PostgresSink::AttachTo(const AttachArgs& args) {
  Connection& connection = session_.connection();
  // An epoch that a power cut could take back would let the older one in again.
  const bool off = setup_.settings.synchronous_commit == "off";
  bool attached = false;
  Fault fault = connection.Execute(off ? "BEGIN; SET LOCAL synchronous_commit = local" : "BEGIN");
  // Whoever else writes has ended on return, and its heights are there.
  if (fault.ok()) {
    fault = ReadGuardRow(setup_.settings, setup_.key, &connection, &position_, /*lock=*/true);
  }
  if (fault.ok()) fault = ReadApplied(setup_.settings, setup_.key, &connection, &applied_);
  if (fault.ok()) fault = MoveToBase(args, &attached);
  if (fault.ok()) fault = connection.Commit();
  if (!fault.ok()) {
    connection.Rollback();
    return fault.WithContext("attaching at " + HeightText(args.height));
  }
  if (fault = ReadPosition(); !fault.ok()) return fault;
  if (attached) return {};
  if (position_.found && position_.epoch > setup_.epoch) return session_.FencedBy(position_.epoch);
  const std::string where =
      position_.found ? "stands at " + HeightText(Standing().height) : "holds nothing";
  const std::string text =
      session_.name() + ": the sink " + where + ", the base is " + HeightText(args.height);
  // An older incarnation may have written until just now: ask again.
  const bool held = args.reason == SLUICE_ATTACH_RESUMED;
  if (held || args.reason == SLUICE_ATTACH_AFTER_SNAPSHOT) {
    return Fault::Retry(text + "; it is asked again");
  }
  return Fault::Operator(text + "; start the sink over to begin anew");
}

Fault PostgresSink::MoveToBase(const AttachArgs& args, bool* attached) {
  const auto& [settings, key, epoch, level, started] = setup_;
  std::string sql;
  if (args.reason == SLUICE_ATTACH_RESUMED || args.reason == SLUICE_ATTACH_AFTER_SNAPSHOT) {
    const GuardRow at = Standing();
    const bool there = at.found && !at.filling && at.height == args.height &&
                       at.digest == args.digest && at.epoch <= epoch;
    if (!there) return {};
    sql = RaiseEpochSql(settings, key, epoch, at);
  } else {
    sql = BeginAtSql(settings, key, epoch, args.height, args.digest);
  }
  PgResult touched;
  Fault fault = session_.connection().Execute(sql, &touched);
  *attached = fault.ok() && std::string_view(PQcmdTuples(touched.get())) == "1";
  if (!*attached || applied_.empty()) return fault;
  return session_.connection().Execute(DeleteAppliedSql(settings, key, args.height));
}

// --- deliver -----------------------------------------------------------------------------------

Status PostgresSink::CheckBatch(const Batch& batch) const {
  if (!attached_) return Status::Fatal("deliver before attach");
  if (batch.epoch() != setup_.epoch) {
    return Status::Fenced(HeightText(batch.height()) + " is of epoch " +
                          std::to_string(batch.epoch()) + ", this instance is of epoch " +
                          std::to_string(setup_.epoch));
  }
  if (batch.part() != 0 || !batch.last_part()) {
    return Status::Unsupported("the postgres sink takes whole heights, not parts");
  }
  for (const sluice_change& change : batch.changes()) {
    const bool known = change.kind == SLUICE_CHANGE_SET || change.kind == SLUICE_CHANGE_DELETE;
    if (!known && (change.flags & SLUICE_CHANGE_MUST_UNDERSTAND) != 0) {
      return Status::Unsupported(HeightText(batch.height()) + " holds a change of kind " +
                                 std::to_string(change.kind) +
                                 ", which this version of the postgres sink does not know");
    }
  }
  return Status::Ok();
}

Status PostgresSink::Deliver(const Batch& batch) {
  if (Status status = CheckBatch(batch); !status.ok()) return status;
  return parallel() ? parallel_.Deliver(batch) : ordered_.Deliver(batch);
}

Status PostgresSink::Drain(std::chrono::nanoseconds deadline) {
  if (!attached_) return Status::Ok();
  return parallel() ? parallel_.Drain(deadline) : ordered_.Drain(deadline);
}

Status PostgresSink::OpenReadback(const sluice::sdk::ReadbackArgs& args,
                                  sluice::sdk::ReadbackInfo* info,
                                  std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor) {
  return OpenPostgresReadback(args, &session_.wakeup(), info, cursor);
}

}  // namespace sluice_postgres
