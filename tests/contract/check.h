// SPDX-License-Identifier: Apache-2.0
//
// A check: one promise that a sink makes to the node, tried on a sink of its own. Checks are
// functions that return the first thing that is wrong; AllChecks lists them with what each is for.
//
// Threading: a check runs in a process of its own that has one thread and has not loaded the
// plugin when it begins.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "contract/child.h"
#include "contract/history.h"
#include "contract/incarnation.h"
#include "contract/report.h"
#include "plugin/plugin_library.h"

namespace sluice::contract {

// What is checked, and how patiently.
struct Subject {
  std::string plugin;  // a path, or a name to be looked for
  std::vector<std::filesystem::path> plugin_folders;
  // A JSON object, as an operator would write it; `{sink}` in it stands for the sink's name.
  std::string settings = "{}";
  std::string stream_id = "contract";
  std::string sink_prefix;  // of the names of all sinks of this run
  Duration check_limit = std::chrono::seconds(300);
  Duration ack_limit = std::chrono::seconds(60);
  uint64_t large_bytes = uint64_t{64} << 20;
};

class CheckContext {
 public:
  // `home`: an empty folder, the sink's own.
  CheckContext(const Subject& subject, const std::string& check_name, std::string home,
               Report* report);

  const Subject& subject() const { return subject_; }
  const SinkPlace& place() const { return place_; }
  Report* report() const { return report_; }

  // Loads the plugin and completes the settings, once; from then on no Child may be made. Error:
  // the plugin or the settings cannot be used at all.
  Result<PluginLibrary*> Load();

  // A history of this run's stream.
  History NewHistory() const { return History(subject_.stream_id); }

  // A new incarnation with the next epoch, created and started; where start answers RETRY, another
  // one, until `limit`.
  Result<std::unique_ptr<Incarnation>> StartNew(IncarnationOptions options, Duration limit);
  // The same, attached where the sink stands, as the node would. The node's journal is `history`.
  Result<std::unique_ptr<Incarnation>> Open(const History& history,
                                            IncarnationOptions options = {});

  // Opens, delivers through `last`, ends in order.
  Status Fill(const History& history, Height last, const IncarnationOptions& options = {});

  void Note(const std::string& text) { report_->Add(Finding::kNote, text); }
  void NotChecked(const std::string& text) { report_->Add(Finding::kNotChecked, text); }

  // Whether the plugin says where its sink stands; where it does not, says so once.
  Result<bool> Resumes();
  // Whether the plugin has sluice.snapshot/1; where it has not, says so once.
  Result<bool> TakesSnapshots();

 private:
  const Subject& subject_;
  SinkPlace place_;
  Report* const report_;
  std::unique_ptr<PluginLoader> loader_;
  std::shared_ptr<PluginLibrary> library_;
};

struct Check {
  std::string name;    // "again.suffix_after_restart"
  std::string why;     // why it matters, where it fails
  std::string change;  // what to change in the plugin
  Status (*run)(CheckContext* context);
};

// In the order in which they are run.
const std::vector<Check>& AllChecks();

// What each source contributes.
std::vector<Check> SettingsChecks();
std::vector<Check> LifeChecks();
std::vector<Check> ResumeChecks();
std::vector<Check> RefusalChecks();
std::vector<Check> FenceChecks();
std::vector<Check> ContentChecks();
std::vector<Check> FilterChecks();
std::vector<Check> AckChecks();
std::vector<Check> ParallelChecks();
std::vector<Check> RestartChecks();
std::vector<Check> SnapshotChecks();

// The first thing that is wrong.
template <typename... Args>
Status Wrong(fmt::format_string<Args...> format, Args&&... args) {
  return {StatusCode::kFailed, fmt::format(format, std::forward<Args>(args)...)};
}

// Where the sink stands, as resume answers in a new incarnation that then ends: what a check
// expects is that it is `expected` of `history`, written by `epoch` (0: whichever).
Status ExpectStandsAt(CheckContext* context, const History& history, Height expected,
                      Epoch epoch = Epoch(), const IncarnationOptions& options = {});
// The same of an answer.
Status ExpectPosition(const SinkPosition& position, const History& history, Height expected,
                      Epoch epoch = Epoch());

}  // namespace sluice::contract
