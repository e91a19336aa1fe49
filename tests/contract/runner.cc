// SPDX-License-Identifier: Apache-2.0
#include "contract/runner.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <fstream>

#include "base/log.h"
#include "contract/child.h"

namespace sluice::contract {
namespace {

constexpr size_t kLogLines = 12;

// What the sink and the host log goes into a file of the check.
void RedirectOutput(const std::filesystem::path& log) {
  const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return;
  ::dup2(fd, STDOUT_FILENO);
  ::dup2(fd, STDERR_FILENO);
  ::close(fd);
}

std::string LastLines(const std::filesystem::path& log) {
  std::ifstream in(log);
  std::deque<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
    if (lines.size() > kLogLines) lines.pop_front();
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string Seconds(Duration duration) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(duration).count());
}

}  // namespace

CheckResult RunCheck(const Check& check, const Subject& subject,
                     const std::filesystem::path& folder) {
  const std::filesystem::path home = folder / "home";
  const std::filesystem::path log = folder / "log";
  std::filesystem::create_directories(home);
  Report report;
  const TimePoint began = Now();
  Child child([&] {
    RedirectOutput(log);
    (void)InitLog("debug", LogFormat::kText);
    CheckContext context(subject, check.name, home.string(), &report);
    const Status status = check.run(&context);
    if (!status.ok()) report.Add(Finding::kFailed, status.message());
    return 0;
  });
  const Exit exit = child.Wait(subject.check_limit);

  CheckResult result;
  result.took = Now() - began;
  if (exit.timed_out) {
    report.Add(Finding::kFailed, fmt::format("a call into the plugin has not returned within {}",
                                             Seconds(subject.check_limit)));
  } else if (!exit.exited || exit.code != 0) {
    report.Add(Finding::kFailed, "the process of the check " + exit.ToString());
  }
  result.findings = report.Lines();
  const auto has = [&](Finding finding) {
    return std::any_of(result.findings.begin(), result.findings.end(),
                       [finding](const Report::Line& line) { return line.finding == finding; });
  };
  if (has(Finding::kFailed)) {
    result.verdict = Verdict::kFailed;
    result.log = LastLines(log);
  } else if (has(Finding::kNotChecked)) {
    result.verdict = Verdict::kNotChecked;
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return result;
}

std::string Describe(const Check& check, const CheckResult& result) {
  std::string text;
  switch (result.verdict) {
    case Verdict::kPassed:
      text = "PASS  ";
      break;
    case Verdict::kFailed:
      text = "FAIL  ";
      break;
    case Verdict::kNotChecked:
      text = "----  ";
      break;
  }
  text += check.name;
  for (const Report::Line& line : result.findings) {
    if (line.finding == Finding::kNote) text += fmt::format("\n      note: {}", line.text);
    if (line.finding == Finding::kNotChecked) {
      text += fmt::format("\n      not checked: {}", line.text);
    }
  }
  if (result.verdict == Verdict::kFailed) {
    for (const Report::Line& line : result.findings) {
      if (line.finding == Finding::kFailed) text += fmt::format("\n      what: {}", line.text);
    }
    text += fmt::format("\n      why it matters: {}\n      to do: {}", check.why, check.change);
    for (size_t at = 0; at < result.log.size();) {
      const size_t end = result.log.find('\n', at);
      text += fmt::format("\n      log: {}", result.log.substr(at, end - at));
      at = end + 1;
    }
  }
  return text + "\n";
}

}  // namespace sluice::contract
