// SPDX-License-Identifier: Apache-2.0
#include "config/rules.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/nearest.h"
#include "config/listen_address.h"
#include "config/units.h"

namespace sluice {

namespace {

class Rules {
 public:
  Rules(const CheckedValues& values, const Config& config, const std::filesystem::path& home,
        std::vector<Problem>* problems, std::vector<Problem>* warnings)
      : values_(values), config_(config), home_(home), problems_(problems), warnings_(warnings) {}

  void Run() {
    CheckStores("stores.old_values");
    for (const SinkConfig& sink : config_.sinks) CheckSink(sink);
    CheckFilePaths();
    CheckListener("admin.listen", "admin.token");
    CheckListener("driver.resp.listen", "driver.resp.password");
    CheckListener("admin.metrics_listen", "admin.token");
    if (!config_.commit.sync) {
      Warn("commit.sync",
           "false gives up the promises for power cuts; a crash of the process alone "
           "still loses nothing");
    }
  }

 private:
  // Where the value stands, or its table where it is a default.
  SourcePosition PlaceOf(const CheckedValue& value) const {
    return value.node.at.written() ? value.node.at : value.key_at;
  }

  void Fail(const std::string& path, std::string text) {
    problems_->push_back(MakeProblem(PlaceOf(values_.At(path)), path, std::move(text)));
  }
  void Warn(const std::string& path, std::string text) {
    warnings_->push_back(MakeProblem(PlaceOf(values_.At(path)), path, std::move(text)));
  }

  void CheckStores(const std::string& path) {
    const std::vector<std::string>& known = config_.stores.names;
    for (const ConfigNode& item : values_.At(path).node.items) {
      if (item.text == "*" || std::find(known.begin(), known.end(), item.text) != known.end()) {
        continue;
      }
      problems_->push_back(MakeProblem(
          item.at, path,
          fmt::format("there is no store {}; add it to stores.names", DescribeNode(item)),
          item.secret ? "" : NearestName(item.text, known)));
    }
  }

  void CheckSink(const SinkConfig& sink) {
    std::string prefix = "sinks." + sink.name.str() + ".";
    CheckStores(prefix + "stores");
    if (sink.ack && sink.ack_timeout >= config_.commit.ack_timeout) {
      Fail(prefix + "ack_timeout",
           fmt::format("{} is not below commit.ack_timeout, {}; the policy's deadline would pass "
                       "before the sink is tried again",
                       FormatDuration(sink.ack_timeout.count()),
                       FormatDuration(config_.commit.ack_timeout.count())));
    }
    if (sink.ack && sink.lazy) {
      Fail(prefix + "lazy",
           "true is for sinks with ack = false: a block cannot wait for the ack of a sink that "
           "waits for a change of its own");
    }
    if (sink.retry.max < sink.retry.initial) {
      Fail(prefix + "retry.max",
           fmt::format("{} is below retry.initial, {}", FormatDuration(sink.retry.max.count()),
                       FormatDuration(sink.retry.initial.count())));
    }
    if (sink.old_values && config_.stores.old_values.empty()) {
      Warn(prefix + "old_values", "has no effect: stores.old_values names no store");
    }
  }

  // "file", or a path to a library of that name.
  static bool IsFilePlugin(const std::string& plugin) {
    return plugin == "file" || std::filesystem::path(plugin).filename() == "file.so";
  }

  void CheckFilePaths() {
    std::map<std::filesystem::path, const SinkConfig*> seen;
    for (const SinkConfig& sink : config_.sinks) {
      const ConfigNode* path = sink.settings_tree.Find("path");
      if (!IsFilePlugin(sink.plugin) || path == nullptr || !path->is(NodeKind::kString)) continue;
      std::filesystem::path resolved = ResolvePath(home_, path->text);
      // "data/stream/" and "data/stream" are one folder.
      if (!resolved.has_filename()) resolved = resolved.parent_path();
      auto [other, first] = seen.emplace(resolved, &sink);
      if (first) continue;
      SourcePosition at = path->from_template.empty() ? path->at : sink.at;
      problems_->push_back(MakeProblem(
          at, "sinks." + sink.name.str() + ".settings.path",
          fmt::format("is the same folder as that of the sink {}; give each file sink its own",
                      other->second->name.str())));
    }
  }

  void CheckListener(const std::string& path, const std::string& secret) {
    const std::string& text = values_.Text(path);
    if (text.empty()) return;
    Result<ListenAddress> address = ParseListenAddress(text, home_);
    if (!address) {
      Fail(path, fmt::format("{}, got {}", address.error().message(),
                             DescribeNode(values_.At(path).node)));
      return;
    }
    if (!address->IsLocal() && values_.Text(secret).empty()) {
      Fail(path,
           fmt::format("{} is reachable from other machines; set {}, or listen on loopback or "
                       "a unix socket",
                       DescribeNode(values_.At(path).node), secret));
    }
  }

  const CheckedValues& values_;
  const Config& config_;
  const std::filesystem::path& home_;
  std::vector<Problem>* problems_;
  std::vector<Problem>* warnings_;
};

}  // namespace

void CheckRules(const CheckedValues& values, const Config& config,
                const std::filesystem::path& home, std::vector<Problem>* problems,
                std::vector<Problem>* warnings) {
  Rules(values, config, home, problems, warnings).Run();
}

}  // namespace sluice
