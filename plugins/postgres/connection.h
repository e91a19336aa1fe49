// SPDX-License-Identifier: Apache-2.0
//
// One libpq connection whose every wait can be cancelled and has a deadline: libpq's own blocking
// calls have neither, so this uses its non-blocking ones and polls.
//
// Once a call has found the connection broken, or was cancelled in the middle of a statement, the
// connection is closed: what the server made of the statement is then unknown, and has to be asked
// on a new one.
//
// No text that leaves here holds the password. WART: looking up a host's name blocks in libpq and
// cannot be cancelled.
//
// Threading: one thread at a time; Wakeup::Raise ends a wait from another.
// Ownership: the PGconn; borrows the wakeup.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "postgres/fault.h"
#include "postgres/wakeup.h"

namespace sluice_postgres {

using Clock = std::chrono::steady_clock;

struct PgResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, PgResultDeleter>;

// Text of a result's field; NULL gives an empty one.
inline std::string_view Field(const PgResult& result, int row, int column) {
  return {PQgetvalue(result.get(), row, column),
          static_cast<size_t>(PQgetlength(result.get(), row, column))};
}

// Empty where libpq can read `conninfo`; else what is wrong, without any part of it.
std::string WrongConninfo(const std::string& conninfo);

// The role that `conninfo`, or libpq's environment, names; empty where it is given otherwise (a
// service file, the user of the process).
std::string UserOfConninfo(const std::string& conninfo);

class Connection {
 public:
  using NoticeFunction = std::function<void(std::string_view text)>;

  // `application_name` is shown in pg_stat_activity.
  Connection(Wakeup* wakeup, NoticeFunction on_notice)
      : wakeup_(wakeup), on_notice_(std::move(on_notice)) {}
  ~Connection() { Close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Fault Open(const std::string& conninfo, const std::string& application_name);
  void Close();
  bool open() const { return connection_ != nullptr; }
  // Waits end there with a RETRY; time_point::max(): never.
  void set_deadline(Clock::time_point deadline) { deadline_ = deadline; }
  int server_version() const { return PQserverVersion(connection_.get()); }
  // What a parameter of the server is, where the server reports it by itself; else empty.
  std::string Parameter(const char* name) const;
  // "host:port/dbname as user", for messages.
  const std::string& name() const { return name_; }

  // Runs a text of one or more statements; the result of the last.
  Fault Execute(const std::string& sql, PgResult* last = nullptr);
  // Ends a transaction. Fails, and closes the connection, also where it was only made here: see
  // Committed.
  Fault Commit();
  // What `result`, of a COMMIT that Next has just given, says. A warning that came with it says
  // that the server no longer waits for a synchronous standby, which may not have the transaction:
  // that is no commit of the level asked for, and counts as an answer that was lost.
  Fault Committed(const PgResult& result);
  // One statement with one text parameter.
  Fault ExecuteWithText(const std::string& sql, std::string_view parameter);

  // For texts with COPY in them: Send, then Next for each result until it gives none.
  Fault Send(const std::string& sql);
  // A result of the server's refusal comes as a Fault; after it the rest is drained.
  // A null result: the text is done.
  Fault Next(PgResult* result);
  Fault PutCopy(std::string_view data);
  Fault EndCopy();
  // Makes the server refuse the COPY and all that follows in the text; drains.
  void RefuseCopy(const char* why);
  // One row of COPY TO STDOUT, valid until the next call; `end` at the end.
  Fault GetCopy(std::string_view* row, bool* end);
  // Ends a transaction that failed.
  void Rollback();

 private:
  struct Deleter {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  struct BufferDeleter {
    void operator()(char* buffer) const { PQfreemem(buffer); }
  };

  Fault Wait(short events, short* ready = nullptr);
  Fault Flush();
  Fault ConnectLoop();
  Fault FaultOf(const PGresult* result);
  // What libpq says about the connection, and the server said before it went; closes it.
  Fault Lost(const std::string& doing);
  void Notice(const PGresult* notice);
  void Drain();
  std::string Clean(std::string_view text) const;

  Wakeup* const wakeup_;
  const NoticeFunction on_notice_;
  std::unique_ptr<PGconn, Deleter> connection_;
  std::unique_ptr<char, BufferDeleter> row_;
  Clock::time_point deadline_ = Clock::time_point::max();
  std::string name_ = "the server";
  // Of the text that was sent last: libpq hands a warning out ahead of the results that came before
  // it, so which statement it belongs to shows only from what it lacks, a context.
  std::string warning_;
  // Why the server ends the session, where it said so while nothing was asked of it.
  std::string farewell_;
  std::string secrets_[2];  // password, sslpassword
};

}  // namespace sluice_postgres
