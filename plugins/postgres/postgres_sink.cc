// SPDX-License-Identifier: Apache-2.0
#include "postgres/postgres_sink.h"

#include <algorithm>
#include <future>
#include <utility>
#include <vector>

#include "postgres/provision.h"
#include "postgres/readback.h"
#include "postgres/sql_text.h"
#include "postgres/tables.h"

namespace sluice_postgres {

using sluice::sdk::operator==;
using sluice::sdk::AttachArgs;
using sluice::sdk::Batch;
using sluice::sdk::StartArgs;
using sluice::sdk::StartResult;
using sluice::sdk::Status;
using sluice::sdk::View;

namespace {

// ON CONFLICT came with 9.5; older than this is not tried.
constexpr int kOldestServer = 120000;
constexpr char kLockNotAvailable[] = "55P03";
// Of the largest group, what is worth a transaction where the server waits for one.
constexpr uint64_t kIdleShare = 4;

std::string Height(uint64_t height) { return "height " + std::to_string(height); }

// A key as people can read it, and no longer than a message may be.
std::string Shown(std::string_view key) {
  constexpr size_t kShownBytes = 64;
  const std::string_view part = key.substr(0, kShownBytes);
  const bool printable =
      std::all_of(part.begin(), part.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
  return (printable ? "'" + std::string(part) + "'" : "0x" + sluice::sdk::ToHex(part)) +
         (part.size() < key.size() ? "…" : "");
}

// A name that PostgreSQL would cut could be another store's.
Fault CheckStoreTable(const Settings& settings, std::string_view store) {
  const std::string name = StoreTableName(settings, store);
  const std::string wrong = WrongIdentifier(name);
  if (wrong.empty()) return {};
  return Fault::Operator("the table of store " + std::string(store) + " would be called " + name +
                         ", which " + wrong + "; shorten state_table");
}

}  // namespace

PostgresSink::PostgresSink(sluice::sdk::Host host)
    : host_(host),
      connection_(&wakeup_, [host](std::string_view text) { host.Log(SLUICE_LOG_DEBUG, text); }) {}

PostgresSink::~PostgresSink() {
  if (!write_.valid()) return;
  wakeup_.Raise();
  write_.wait();
}

// --- start, resume, attach ---------------------------------------------------------------------

Status PostgresSink::Start(const StartArgs& args, StartResult* result) {
  connection_.set_deadline(Clock::now() + args.deadline());
  const Fault fault = StartUp(args);
  connection_.set_deadline(Clock::time_point::max());
  result->level = level_;
  started_ = fault.ok();
  return fault.status();
}

Fault PostgresSink::StartUp(const StartArgs& args) {
  key_ = {std::string(args.stream_id()), std::string(args.sink_name())};
  epoch_ = args.epoch();
  if (Fault fault = ParseSettings(args.settings(), &settings_); !fault.ok()) return fault;
  level_ = settings_.level();
  if (Fault fault = Connect(); !fault.ok()) return fault;
  if (Fault fault = CheckNoneDropped(); !fault.ok()) return fault;
  if (Fault fault = CheckEpoch(); !fault.ok()) return fault;
  if (Fault fault = ProvisionTables(FixedTables(settings_)); !fault.ok()) return fault;
  if (settings_.state && !settings_.table_per_store) {
    Fault fault = FindTypedColumns(settings_, "", &connection_, &state_columns_[""]);
    if (!fault.ok()) return fault;
  }
  if (settings_.state && settings_.table_per_store) {
    for (uint64_t i = 0; i < args.raw()->store_count; ++i) {
      if (Fault fault = EnsureStoreTable(View(args.raw()->stores[i])); !fault.ok()) return fault;
    }
  }
  if (Fault fault = ReadPosition(); !fault.ok()) return fault;
  return CheckEpoch();
}

Fault PostgresSink::CheckEpoch() const {
  if (!position_.found || position_.epoch < epoch_) return {};
  return Fault::Fenced(connection_.name() + ": the sink was written under epoch " +
                       std::to_string(position_.epoch) + ", this start has epoch " +
                       std::to_string(epoch_) +
                       "; a newer start of the node, or another node, writes here");
}

Fault PostgresSink::CheckNoneDropped() {
  const std::vector<Table> tables = FixedTables(settings_);
  std::vector<std::string> missing;
  if (Fault fault = MissingTables(settings_, tables, &connection_, &missing); !fault.ok()) {
    return fault;
  }
  const auto is_missing = [&](const std::string& table) {
    return std::find(missing.begin(), missing.end(), table) != missing.end();
  };
  if (is_missing(tables.front().name)) return {};
  // One that is older than some of its columns gets them before they are asked for.
  if (Fault fault = ProvisionTables({tables.front()}); !fault.ok()) return fault;
  if (Fault fault = ReadPosition(); !fault.ok()) return fault;
  if (position_.height == 0) return {};
  const std::string stands =
      connection_.name() + ": the sink stands at " + Height(position_.height) + " and ";
  if (!HeldKeeps(position_.keeps, settings_)) {
    return Fault::Operator(stands + "has filled " + position_.keeps + " the settings ask for " +
                           Keeps(settings_) +
                           " which would lack what came before: set the settings back, or start "
                           "the sink over");
  }
  for (const Table& table : tables) {
    if (!table.written_from_the_start || !is_missing(table.name)) continue;
    return Fault::Operator(stands + "its table " + Qualified(settings_, table.name) +
                           " is gone: restore it, or start the sink over");
  }
  return {};
}

Fault PostgresSink::Connect() {
  if (connection_.open()) return {};
  if (Fault fault = connection_.Open(settings_.conninfo, key_.ApplicationName(settings_, epoch_));
      !fault.ok()) {
    return fault;
  }
  if (connection_.server_version() < kOldestServer) {
    const std::string name = connection_.name();
    connection_.Close();
    return Fault::Operator(name + " is older than PostgreSQL 12");
  }
  PgResult fsync;
  Fault fault = connection_.Execute(PrepareSessionSql(settings_), nullptr);
  if (fault.ok()) fault = connection_.Execute("SHOW fsync", &fsync);
  if (!fault.ok()) {
    connection_.Close();
    return fault.WithContext("preparing the session");
  }
  // A server that does not sync cannot make anything durable, whatever a commit says.
  if (Field(fsync, 0, 0) == "off" && level_ > SLUICE_LEVEL_RECEIVED) {
    if (started_) {
      const std::string name = connection_.name();
      connection_.Close();
      return Fault::Broken(name + " runs with fsync = off now: acks are at level received only, " +
                           "which is less than this instance started with");
    }
    level_ = SLUICE_LEVEL_RECEIVED;
    host_.Log(SLUICE_LOG_WARN,
              connection_.name() + " runs with fsync = off: acks are at level received only");
  }
  return {};
}

Fault PostgresSink::ReadPosition() {
  return ReadGuardRow(settings_, key_, &connection_, &position_);
}

// What a lost answer leaves visible, and what a restart of the server makes visible, need not be on
// a synchronous standby: a commit after it waits for all that came before.
Fault PostgresSink::FindPosition() {
  if (Fault fault = Connect(); !fault.ok()) return fault;
  if (attached_) {
    Fault fault = connection_.Execute("BEGIN; " + TouchGuardSql(settings_, key_, epoch_));
    if (fault.ok()) fault = connection_.Commit();
    if (!fault.ok()) {
      connection_.Rollback();
      return fault.WithContext("making sure of what the sink holds");
    }
  }
  return ReadPosition();
}

Fault PostgresSink::ProvisionTables(const std::vector<Table>& tables) {
  const auto provision = [&] { return Provision(settings_, tables, &connection_); };
  // Which incarnation is an older one only the guard row says.
  return position_.found ? AgainstOlderWriters(provision) : provision();
}

Fault PostgresSink::EnsureStoreTable(std::string_view store) {
  if (state_columns_.count(store) != 0) return {};
  if (Fault fault = CheckStoreTable(settings_, store); !fault.ok()) return fault;
  if (Fault fault = ProvisionTables({StoreTable(settings_, store)}); !fault.ok()) return fault;
  TypedColumns columns;
  Fault fault = FindTypedColumns(settings_, store, &connection_, &columns);
  if (fault.ok()) state_columns_.emplace(store, columns);
  return fault;
}

Status PostgresSink::Resume(sluice::sdk::Position* position) {
  ClearGroups();
  if (Fault fault = FindPosition(); !fault.ok()) return fault.status();
  // A row at height 0 was only attached to: nothing was delivered.
  if (!position_.found || position_.height == 0) {
    position->SetEmpty();
  } else {
    position->SetAt(key_.stream, position_.epoch, position_.height, position_.digest);
  }
  return Status::Ok();
}

template <typename Step>
Fault PostgresSink::AgainstOlderWriters(Step step) {
  Fault fault = step();
  if (fault.sqlstate() != kLockNotAvailable) return fault;
  int ended = 0;
  const Fault refused = EndOlderWriters(settings_, key_, epoch_, &connection_, &ended);
  if (!refused.ok()) {
    return Fault::Retry(fault.text() +
                        "; an older incarnation could not be ended: " + refused.text());
  }
  if (ended == 0) return fault;
  host_.Log(SLUICE_LOG_WARN, "ended " + std::to_string(ended) +
                                 " connection(s) of an older incarnation of this node that held "
                                 "locks at " +
                                 connection_.name());
  return step();
}

Status PostgresSink::Attach(const AttachArgs& args) {
  if (args.reason == SLUICE_ATTACH_AFTER_SNAPSHOT) {
    return Status::Unsupported("this version of the postgres sink takes no snapshots");
  }
  ClearGroups();
  Fault fault = Connect();
  if (fault.ok()) fault = AgainstOlderWriters([&] { return AttachTo(args); });
  if (!fault.ok()) return fault.status();
  attached_ = true;
  return Status::Ok();
}

Fault PostgresSink::AttachTo(const AttachArgs& args) {
  const bool resumed = args.reason == SLUICE_ATTACH_RESUMED;
  // An epoch that a power cut could take back would let the older one in again.
  const bool off = settings_.synchronous_commit == "off";
  PgResult touched;
  Fault fault = connection_.Execute(off ? "BEGIN; SET LOCAL synchronous_commit = local" : "BEGIN");
  if (fault.ok()) {
    fault = connection_.Execute(
        resumed ? RaiseEpochSql(settings_, key_, args.epoch, args.height, args.digest)
                : BeginAtSql(settings_, key_, args.epoch, args.height, args.digest),
        &touched);
  }
  if (fault.ok()) fault = connection_.Commit();
  if (!fault.ok()) {
    connection_.Rollback();
    return fault.WithContext("attaching at " + Height(args.height));
  }
  if (fault = ReadPosition(); !fault.ok()) return fault;
  if (std::string_view(PQcmdTuples(touched.get())) == "1") return {};
  if (position_.found && position_.epoch > epoch_) {
    return Fault::Fenced(connection_.name() + ": a newer incarnation, of epoch " +
                         std::to_string(position_.epoch) + ", is at work; this one has epoch " +
                         std::to_string(epoch_));
  }
  const std::string where =
      position_.found ? "stands at " + Height(position_.height) : "holds nothing";
  const std::string text =
      connection_.name() + ": the sink " + where + ", the base is " + Height(args.height);
  // An older incarnation may have written until just now: ask again.
  if (resumed) return Fault::Retry(text + "; it is asked again");
  return Fault::Operator(text + "; start the sink over to begin anew");
}

// --- deliver -----------------------------------------------------------------------------------

Status PostgresSink::CheckBatch(const Batch& batch) const {
  if (!attached_) return Status::Fatal("deliver before attach");
  if (batch.epoch() != epoch_) {
    return Status::Fenced(Height(batch.height()) + " is of epoch " + std::to_string(batch.epoch()) +
                          ", this instance is of epoch " + std::to_string(epoch_));
  }
  if (batch.part() != 0 || !batch.last_part()) {
    return Status::Unsupported("the postgres sink takes whole heights, not parts");
  }
  for (const sluice_change& change : batch.changes()) {
    const bool known = change.kind == SLUICE_CHANGE_SET || change.kind == SLUICE_CHANGE_DELETE;
    if (!known && (change.flags & SLUICE_CHANGE_MUST_UNDERSTAND) != 0) {
      return Status::Unsupported(Height(batch.height()) + " holds a change of kind " +
                                 std::to_string(change.kind) +
                                 ", which this version of the postgres sink does not know");
    }
  }
  return Status::Ok();
}

Status PostgresSink::Deliver(const Batch& batch) {
  if (Status status = CheckBatch(batch); !status.ok()) return status;
  if (write_.valid() && !WriteUnderWay()) {
    if (Fault fault = EndWrite(); !fault.ok()) return Dropped(std::move(fault), batch.height());
  }
  if (group_.empty() && writing_.empty() && !connection_.open()) {
    // Not what this instance remembers, but what became of its last transaction.
    if (Fault fault = FindPosition(); !fault.ok()) return fault.status();
  }
  const HeightGroup& newest = group_.empty() ? writing_ : group_;
  const uint64_t at = newest.empty() ? position_.height : newest.last().height;
  const sluice_digest& digest = newest.empty() ? position_.digest : newest.last().digest;
  if (batch.height() <= at) return DeliverAgain(batch);
  if (batch.height() != at + 1) {
    return Status::Fatal(connection_.name() + ": " + Height(at + 1) + " comes next, not " +
                         Height(batch.height()) +
                         "; ask where the sink stands and deliver from there");
  }
  if (!(batch.previous_digest() == digest)) {
    return Status::Fatal(connection_.name() + " has diverged: " + Height(batch.height()) +
                         " is not chained to the digest that it holds for " + Height(at));
  }
  group_.Add(batch, Clock::now());
  return EndGroup(batch);
}

// While the group before is being written, this one could only wait. A server that has nothing to
// do gets a part of a group soon, and the others grow while it is busy.
bool PostgresSink::WaitsForMore(const Batch& batch) const {
  const bool busy = WriteUnderWay();
  const uint64_t share = busy ? 1 : kIdleShare;
  const auto age = Clock::now() - group_.opened_at();
  return batch.height() < batch.newest_height() && batch.height() > single_through_ &&
         share * group_.heights().size() < settings_.batch_blocks &&
         share * group_.bytes() < settings_.batch_bytes &&
         (age < settings_.linger || (busy && settings_.linger.count() > 0));
}

// The next height is certain to come, and with it the next look at what became of this group. What
// is much larger than a group should be is not kept beside another one.
bool PostgresSink::WritesBehind(const Batch& batch) const {
  return batch.height() < batch.newest_height() && batch.height() > single_through_ &&
         group_.bytes() < 2 * settings_.batch_bytes;
}

Status PostgresSink::EndGroup(const Batch& batch) {
  if (WaitsForMore(batch)) return Status::Pending();
  Fault fault = EndWrite();
  if (fault.ok() && WritesBehind(batch)) {
    BeginWrite();
    return Status::Pending();
  }
  if (fault.ok()) fault = Write(&group_);
  if (!fault.ok()) return Dropped(std::move(fault), batch.height());
  const bool alone = group_.heights().size() == 1;
  if (!alone) Ack(group_);
  Hold(&group_);
  return alone ? Status::Ok() : Status::Pending();
}

Status PostgresSink::DeliverAgain(const Batch& batch) {
  if (Fault fault = EndWrite(); !fault.ok()) return Dropped(std::move(fault), batch.height());
  const bool same_height = batch.height() == position_.height;
  if (same_height && !(batch.digest() == position_.digest)) {
    return Status::Fatal(connection_.name() + " has diverged: it holds " + Height(batch.height()) +
                         " with another digest");
  }
  // Below it, the chain of digests vouches for what is held.
  if (batch.height() <= position_.height) return Status::Ok();
  for (GroupHeight& height : group_.heights()) {
    if (height.height == batch.height()) height.attempt = batch.attempt();
  }
  return EndGroup(batch);
}

// --- writing -----------------------------------------------------------------------------------

void PostgresSink::BeginWrite() {
  std::swap(group_, writing_);
  write_ = std::async(std::launch::async, [this] {
    Fault fault = Write(&writing_);
    if (fault.ok()) Ack(writing_);
    return fault;
  });
}

bool PostgresSink::WriteUnderWay() const {
  return write_.valid() && write_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

Fault PostgresSink::EndWrite() {
  if (!write_.valid()) return {};
  Fault fault = write_.get();
  if (fault.ok()) Hold(&writing_);
  return fault;
}

void PostgresSink::Hold(HeightGroup* group) {
  position_.found = true;
  position_.epoch = epoch_;
  position_.height = group->last().height;
  position_.digest = group->last().digest;
  group->Clear();
}

void PostgresSink::Ack(const HeightGroup& group) const {
  host_.Ack(epoch_, group.last().attempt, 0, group.last().height, level_);
}

void PostgresSink::ClearGroups() {
  (void)EndWrite();
  writing_.Clear();
  group_.Clear();
}

Fault PostgresSink::Write(HeightGroup* group) {
  if (settings_.state && settings_.table_per_store) {
    for (const auto& [store, rows] : group->stores()) {
      if (Fault fault = EnsureStoreTable(store); !fault.ok()) return fault;
    }
  }
  Fault fault = AgainstOlderWriters([&] { return WriteOnce(*group); });
  if (fault.sqlstate().substr(0, 2) == "22" || fault.sqlstate().substr(0, 2) == "54") {
    bool passed = false;
    if (Fault bad = PassOverBadValues(fault, group, &passed); !bad.ok()) return bad;
    if (passed) fault = WriteOnce(*group);
  }
  return fault;
}

Fault PostgresSink::WriteOnce(const HeightGroup& group) {
  WriteOutcome outcome = WriteOutcome::kCommitted;
  Fault fault = WriteGroup(settings_, key_, epoch_, group, state_columns_, &connection_, &outcome);
  if (!fault.ok()) return fault;
  return outcome == WriteOutcome::kCommitted ? Fault::None() : AskAfterMiss(group.first().height);
}

Fault PostgresSink::AskAfterMiss(uint64_t first) {
  if (Fault fault = ReadPosition(); !fault.ok()) return fault;
  if (position_.found && position_.epoch > epoch_) {
    return Fault::Fenced(connection_.name() + ": a newer incarnation, of epoch " +
                         std::to_string(position_.epoch) + ", is at work; this one has epoch " +
                         std::to_string(epoch_) + ", and wrote nothing of " + Height(first));
  }
  const std::string where =
      position_.found ? "stands at " + Height(position_.height) : "has no row";
  // What somebody else wrote there is made sure of before it is taken for this instance's.
  connection_.Close();
  return Fault::Retry(connection_.name() + ": the sink " + where + " where " + Height(first - 1) +
                      " was expected; it is asked again");
}

Fault PostgresSink::PassOverBadValues(const Fault& refused, HeightGroup* group, bool* passed) {
  *passed = false;
  for (StateRow* row : group->TypedRows()) {
    const bool text = row->form == RowForm::kText;
    const Fault fault = connection_.ExecuteWithText(
        text ? "SELECT $1::text" : "SELECT $1::text::jsonb", row->value);
    if (fault.ok()) continue;
    if (fault.sqlstate().empty() || fault.code() == SLUICE_RETRY) return fault;
    if (settings_.on_bad_value == OnBadValue::kHalt) {
      return Fault::Height(Height(row->height) + ", store " + row->store + ", key " +
                           Shown(row->key) + ": the value is no " + (text ? "text" : "jsonb") +
                           ", as value_as says: " + fault.text() +
                           "; correct value_as, or set on_bad_value to null or skip");
    }
    host_.Log(SLUICE_LOG_WARN, Height(row->height) + ", store " + row->store + ", key " +
                                   Shown(row->key) + ": the value is no " +
                                   (text ? "text" : "jsonb") + "; passed over and recorded");
    group->PassOver(row, fault.text());
    *passed = true;
  }
  return *passed ? Fault::None() : refused;
}

Status PostgresSink::Dropped(Fault fault, uint64_t height) {
  const HeightGroup& failed = writing_.empty() ? group_ : writing_;
  // Which height of the group it is shows when each comes alone.
  if (fault.code() == SLUICE_REJECT && failed.heights().size() > 1) {
    single_through_ = failed.last().height;
    fault = Fault::Retry(fault.text() + "; the heights of the group are written one by one");
  }
  const Status status = fault.status();
  const bool others = !failed.empty() && failed.first().height < height;
  const GroupHeight first = others ? failed.first() : GroupHeight();
  ClearGroups();
  // For the host, a height that is nacked has no call that could have been cancelled.
  const bool cancelled = status.code() == SLUICE_CANCELLED;
  if (others) {
    host_.Nack(epoch_, first.attempt, first.height,
               cancelled ? Status::Retry(status.text()) : status);
  }
  return status;
}

Status PostgresSink::Drain(std::chrono::nanoseconds deadline) {
  const Clock::time_point until = Clock::now() + deadline;
  if (write_.valid() && write_.wait_until(until) != std::future_status::ready) wakeup_.Raise();
  if (Fault fault = EndWrite(); !fault.ok()) return Dropped(std::move(fault), UINT64_MAX);
  if (!attached_ || group_.empty()) return Status::Ok();
  connection_.set_deadline(until);
  Fault fault = Write(&group_);
  connection_.set_deadline(Clock::time_point::max());
  if (!fault.ok()) return Dropped(std::move(fault), UINT64_MAX);
  Ack(group_);
  Hold(&group_);
  return Status::Ok();
}

Status PostgresSink::OpenReadback(const sluice::sdk::ReadbackArgs& args,
                                  sluice::sdk::ReadbackInfo* info,
                                  std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor) {
  return OpenPostgresReadback(args, &wakeup_, info, cursor);
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

}  // namespace sluice_postgres
