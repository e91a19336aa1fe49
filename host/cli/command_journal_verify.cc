// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "base/clock.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/read_home.h"
#include "cli/run_command.h"

namespace sluice {
namespace {

constexpr Duration kProgressInterval = std::chrono::milliseconds(200);

}  // namespace

int RunJournalVerify(const CommandLine& line) {
  Result<ReadHome> home = OpenHomeToRead(line.home);
  if (!home) return Fail(home.error());
  const Database& database = *home->database;
  const Height first = database.journal_first();
  const Height last = database.journaled_height();
  const bool terminal = isatty(STDERR_FILENO) == 1;
  TimePoint shown_at = Now();
  Status status = database.VerifyJournal([&](Height height) {
    if (!terminal || Now() < shown_at + kProgressInterval) return;
    shown_at = Now();
    std::fprintf(stderr, "\r\x1b[Kheight %llu of %llu",
                 static_cast<unsigned long long>(height.value()),
                 static_cast<unsigned long long>(last.value()));
  });
  if (terminal) std::fprintf(stderr, "\r\x1b[K");
  if (!status.ok()) return Fail(status);
  const uint64_t records = last + 1 - first;
  if (line.json) {
    Print("{{\"first\":{},\"last\":{},\"records\":{},\"digest\":\"{}\",\"ok\":true}}\n",
          first.value(), last.value(), records, database.journaled_digest().ToHex());
  } else if (records == 0) {
    Print("the journal is empty: everything up to height {} is committed and delivered\n",
          last.value());
  } else {
    Print("journal heights {} to {}: {} records, every checksum and digest is right\n",
          first.value(), last.value(), records);
  }
  return kExitDone;
}

}  // namespace sluice
