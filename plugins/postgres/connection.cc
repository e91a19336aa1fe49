// SPDX-License-Identifier: Apache-2.0
#include "postgres/connection.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace sluice_postgres {
namespace {

// Where conninfo has no connect_timeout: long enough for a busy server, short enough that an
// address that swallows packets is told from it.
constexpr std::chrono::seconds kConnectTimeout{10};
// How much is handed to libpq at once: it buffers what the socket does not take, without a bound.
constexpr size_t kChunkBytes = 256 * 1024;

struct OptionsDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, OptionsDeleter>;

Options ParseConninfo(const std::string& conninfo) {
  char* error = nullptr;
  Options options(PQconninfoParse(conninfo.c_str(), &error));
  PQfreemem(error);
  return options;
}

std::string Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

// Verbose messages end with the place in the server's source, which helps nobody here.
std::string WithoutLocation(std::string_view message) {
  std::string out;
  while (!message.empty()) {
    const size_t end = message.find('\n');
    const std::string_view line = message.substr(0, end);
    if (line.substr(0, 9) != "LOCATION:") {
      if (!out.empty()) out += ' ';
      out += line;
    }
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
  }
  return Trim(out);
}

std::string ResultField(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : Trim(text);
}

}  // namespace

std::string WrongConninfo(const std::string& conninfo) {
  if (conninfo.empty() || ParseConninfo(conninfo) != nullptr) return {};
  return "is neither a libpq connection string nor a URI (what is wrong with it is not shown, "
         "since it may hold a password); quote values with blanks as in "
         "password='two words', and percent-encode them in a URI";
}

std::string UserOfConninfo(const std::string& conninfo) {
  const Options options = ParseConninfo(conninfo);
  bool by_service = false;
  // libpq lists service first; a user beside it counts all the same.
  for (const PQconninfoOption* at = options.get(); at != nullptr && at->keyword != nullptr; ++at) {
    if (at->val == nullptr || *at->val == '\0') continue;
    const std::string_view name = at->keyword;
    if (name == "user") return at->val;
    if (name == "service") by_service = true;
  }
  if (by_service) return {};
  const char* user = std::getenv("PGUSER");
  return user == nullptr ? std::string() : user;
}

// --- opening and closing -----------------------------------------------------------------------

Fault Connection::Open(const std::string& conninfo, const std::string& application_name) {
  Close();
  if (!wakeup_->Open()) return Fault::Retry("no descriptor is left to wait with");
  // The names without a value are libpq's to fill in: environment, service file, password file.
  std::vector<const char*> names;
  std::vector<const char*> values;
  const Options options = ParseConninfo(conninfo);
  auto timeout = std::chrono::duration_cast<Clock::duration>(kConnectTimeout);
  for (const PQconninfoOption* at = options.get(); at != nullptr && at->keyword != nullptr; ++at) {
    if (at->val == nullptr || *at->val == '\0') continue;
    names.push_back(at->keyword);
    values.push_back(at->val);
    const std::string_view name = at->keyword;
    if (name == "password") secrets_[0] = at->val;
    if (name == "sslpassword") secrets_[1] = at->val;
    if (name == "connect_timeout" && std::atoi(at->val) > 0) {
      timeout = std::chrono::seconds(std::max(std::atoi(at->val), 2));
    }
  }
  names.push_back("application_name");
  values.push_back(application_name.c_str());
  names.push_back("client_encoding");
  values.push_back("UTF8");
  names.push_back(nullptr);
  values.push_back(nullptr);
  connection_.reset(PQconnectStartParams(names.data(), values.data(), 0));
  if (connection_ == nullptr) return Fault::Retry("no memory for a connection");
  if (PQstatus(connection_.get()) == CONNECTION_BAD) {
    // Nothing was tried yet: the parameters themselves are wrong.
    const std::string why = Clean(PQerrorMessage(connection_.get()));
    Close();
    return Fault::Operator("cannot connect: " + why);
  }
  // The only way to see the SQLSTATE of a refused connection.
  PQsetErrorVerbosity(connection_.get(), PQERRORS_VERBOSE);
  PQsetNoticeReceiver(
      connection_.get(),
      [](void* self, const PGresult* notice) { static_cast<Connection*>(self)->Notice(notice); },
      this);
  const Clock::time_point deadline = deadline_;
  deadline_ = std::min(deadline, Clock::now() + timeout);
  Fault fault = ConnectLoop();
  deadline_ = deadline;
  if (!fault.ok()) {
    Close();
    return fault;
  }
  PQsetErrorVerbosity(connection_.get(), PQERRORS_DEFAULT);
  if (PQsetnonblocking(connection_.get(), 1) != 0) return Lost("preparing the connection");
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  name_ = text(PQhost(connection_.get())) + ":" + text(PQport(connection_.get())) + "/" +
          text(PQdb(connection_.get()));
  return {};
}

Fault Connection::ConnectLoop() {
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) {
      const std::string message = PQerrorMessage(connection_.get());
      const std::string sqlstate = SqlStateInMessage(message);
      const std::string text = "cannot connect: " + Clean(WithoutLocation(message));
      if (PQconnectionNeedsPassword(connection_.get()) != 0) {
        return Fault::Operator(text + "; put it into conninfo, PGPASSFILE or a service file");
      }
      return Fault::Server(sqlstate, text);
    }
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (Fault fault = Wait(events); !fault.ok()) return fault.WithContext("cannot connect");
    state = PQconnectPoll(connection_.get());
  }
  return {};
}

void Connection::Close() {
  row_.reset();
  farewell_.clear();
  warning_.clear();
  connection_.reset();
}

std::string Connection::Parameter(const char* name) const {
  const char* value = PQparameterStatus(connection_.get(), name);
  return value == nullptr ? std::string() : value;
}

// libpq's own texts never hold a password; a server, or an extension of it, might quote one.
std::string Connection::Clean(std::string_view text) const {
  std::string out = Trim(text);
  for (const std::string& secret : secrets_) {
    if (secret.empty()) continue;
    for (size_t at = out.find(secret); at != std::string::npos; at = out.find(secret, at + 3)) {
      out.replace(at, secret.size(), "***");
    }
  }
  return out;
}

// --- waiting -----------------------------------------------------------------------------------

Fault Connection::Wait(short events, short* ready) {
  for (;;) {
    if (wakeup_->Take()) {
      Close();
      return Fault::Cancelled();
    }
    int timeout_ms = -1;
    if (deadline_ != Clock::time_point::max()) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      if (left <= 0) {
        const std::string name = name_;
        Close();
        return Fault::Retry(name + " did not answer in time");
      }
      timeout_ms = static_cast<int>(std::min<int64_t>(left, 3'600'000));
    }
    pollfd waiting[2] = {{PQsocket(connection_.get()), events, 0},
                         {wakeup_->descriptor(), POLLIN, 0}};
    const int count = poll(waiting, 2, timeout_ms);
    if (count < 0 && errno != EINTR) return Lost("waiting for the server");
    if (count > 0 && waiting[0].revents != 0) {
      if (ready != nullptr) *ready = waiting[0].revents;
      return {};
    }
  }
}

Fault Connection::Flush() {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left == 0) return {};
    if (left < 0) return Lost("writing to the server");
    short ready = 0;
    if (Fault fault = Wait(POLLIN | POLLOUT, &ready); !fault.ok()) return fault;
    // A server that has something to say may take nothing before it was heard.
    if ((ready & POLLIN) != 0 && PQconsumeInput(connection_.get()) == 0) {
      return Lost("reading from the server");
    }
  }
}

// --- faults ------------------------------------------------------------------------------------

Fault Connection::FaultOf(const PGresult* result) {
  const std::string sqlstate = ResultField(result, PG_DIAG_SQLSTATE);
  if (sqlstate.empty()) return Lost("asking the server");
  std::string text = name_ + " says: " + ResultField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string detail = ResultField(result, PG_DIAG_MESSAGE_DETAIL);
  const std::string hint = ResultField(result, PG_DIAG_MESSAGE_HINT);
  if (!detail.empty()) text += " (" + detail + ")";
  if (!hint.empty()) text += " (hint: " + hint + ")";
  text += " [SQLSTATE " + sqlstate + "]";
  return Fault::Server(sqlstate, Clean(text));
}

// An error that comes between two statements is a notice for libpq.
void Connection::Notice(const PGresult* notice) {
  const std::string sqlstate = ResultField(notice, PG_DIAG_SQLSTATE);
  const std::string severity = ResultField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  const std::string text = Clean(WithoutLocation(PQresultErrorMessage(notice)));
  if (severity == "FATAL" || severity == "PANIC" || sqlstate.substr(0, 3) == "57P") {
    farewell_ =
        Clean(ResultField(notice, PG_DIAG_MESSAGE_PRIMARY)) + " [SQLSTATE " + sqlstate + "]";
  }
  // One out of a trigger says where it is from; one of the server's COMMIT has no such context.
  if (severity == "WARNING" && ResultField(notice, PG_DIAG_CONTEXT).empty()) warning_ = text;
  if (on_notice_) on_notice_(text);
}

Fault Connection::Lost(const std::string& doing) {
  std::string text = name_ + ": the connection broke while " + doing + ": " +
                     Clean(WithoutLocation(PQerrorMessage(connection_.get())));
  if (!farewell_.empty()) text += "; the server had said: " + farewell_;
  Close();
  return Fault::Server("", text);
}

// --- statements --------------------------------------------------------------------------------

Fault Connection::Send(const std::string& sql) {
  if (!open()) return Fault::Retry(name_ + ": there is no connection");
  warning_.clear();
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return Lost("sending a statement");
  return Flush();
}

Fault Connection::Next(PgResult* result) {
  result->reset();
  while (PQisBusy(connection_.get()) != 0) {
    if (Fault fault = Wait(POLLIN); !fault.ok()) return fault;
    if (PQconsumeInput(connection_.get()) == 0) return Lost("waiting for its answer");
  }
  result->reset(PQgetResult(connection_.get()));
  if (*result == nullptr) return {};
  const ExecStatusType status = PQresultStatus(result->get());
  if (status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE) return {};
  Fault fault = FaultOf(result->get());
  result->reset();
  Drain();
  return fault;
}

// What is left of a text that failed; the connection is then free for the next one.
void Connection::Drain() {
  while (open()) {
    while (PQisBusy(connection_.get()) != 0) {
      if (!Wait(POLLIN).ok()) return;
      if (PQconsumeInput(connection_.get()) == 0) return Close();
    }
    const PgResult result(PQgetResult(connection_.get()));
    if (result == nullptr) break;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) return Close();
  }
  if (open() && PQstatus(connection_.get()) != CONNECTION_OK) Close();
}

Fault Connection::Execute(const std::string& sql, PgResult* last) {
  if (Fault fault = Send(sql); !fault.ok()) return fault;
  PgResult result;
  for (;;) {
    if (Fault fault = Next(&result); !fault.ok()) return fault;
    if (result == nullptr) return {};
    if (last != nullptr) *last = std::move(result);
  }
}

Fault Connection::Commit() {
  if (Fault fault = Send("COMMIT"); !fault.ok()) return fault;
  PgResult result;
  if (Fault fault = Next(&result); !fault.ok()) return fault;
  if (Fault fault = Committed(result); !fault.ok()) return fault;
  return Next(&result);
}

Fault Connection::Committed(const PgResult& result) {
  // In a transaction that has failed, COMMIT succeeds and rolls back.
  if (std::string_view(PQcmdStatus(result.get())) != "COMMIT") {
    Drain();
    return Fault::Retry(name_ + " rolled the transaction back");
  }
  if (warning_.empty()) return {};
  const std::string text = name_ + " warned at COMMIT: " + warning_;
  Close();
  return Fault::Retry(text + "; where the sink stands is asked on a new connection");
}

Fault Connection::ExecuteWithText(const std::string& sql, std::string_view parameter) {
  if (!open()) return Fault::Retry(name_ + ": there is no connection");
  const char* values[1] = {parameter.data() == nullptr ? "" : parameter.data()};
  const int lengths[1] = {static_cast<int>(parameter.size())};
  const int formats[1] = {1};  // with a length, so that it need not end in a zero byte
  if (PQsendQueryParams(connection_.get(), sql.c_str(), 1, nullptr, values, lengths, formats, 1) ==
      0) {
    return Lost("sending a statement");
  }
  if (Fault fault = Flush(); !fault.ok()) return fault;
  PgResult result;
  do {
    if (Fault fault = Next(&result); !fault.ok()) return fault;
  } while (result != nullptr);
  return {};
}

void Connection::Rollback() {
  if (!open() || PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) return;
  if (Fault fault = Execute("ROLLBACK"); !fault.ok()) Close();
}

// --- COPY --------------------------------------------------------------------------------------

Fault Connection::PutCopy(std::string_view data) {
  while (!data.empty()) {
    const std::string_view chunk = data.substr(0, kChunkBytes);
    const int taken =
        PQputCopyData(connection_.get(), chunk.data(), static_cast<int>(chunk.size()));
    if (taken < 0) return Lost("copying rows to it");
    if (Fault fault = Flush(); !fault.ok()) return fault;
    if (taken > 0) data.remove_prefix(chunk.size());
  }
  return {};
}

Fault Connection::EndCopy() {
  if (PQputCopyEnd(connection_.get(), nullptr) < 0) return Lost("ending a copy to it");
  return Flush();
}

void Connection::RefuseCopy(const char* why) {
  if (PQputCopyEnd(connection_.get(), why) < 0 || !Flush().ok()) return Close();
  Drain();
}

Fault Connection::GetCopy(std::string_view* row, bool* end) {
  *end = false;
  row_.reset();
  for (;;) {
    char* buffer = nullptr;
    const int size = PQgetCopyData(connection_.get(), &buffer, /*async=*/1);
    row_.reset(buffer);
    if (size > 0) {
      *row = {buffer, static_cast<size_t>(size)};
      return {};
    }
    if (size == -1) {
      *end = true;
      return {};
    }
    if (size < -1) return Lost("copying rows from it");
    if (Fault fault = Wait(POLLIN); !fault.ok()) return fault;
    if (PQconsumeInput(connection_.get()) == 0) return Lost("copying rows from it");
  }
}

}  // namespace sluice_postgres
