// SPDX-License-Identifier: Apache-2.0
#include "node/reload_keys.h"

#include <algorithm>
#include <map>
#include <string_view>

namespace sluice {

std::vector<std::string> DifferingKeys(const std::vector<EffectiveValue>& before,
                                       const std::vector<EffectiveValue>& after) {
  std::map<std::string, const std::string*> known;
  for (const EffectiveValue& value : before) known.emplace(value.path, &value.text);
  std::vector<std::string> keys;
  for (const EffectiveValue& value : after) {
    const auto found = known.find(value.path);
    if (found == known.end() || *found->second != value.text) keys.push_back(value.path);
    if (found != known.end()) known.erase(found);
  }
  for (const auto& [path, text] : known) keys.push_back(path);
  std::sort(keys.begin(), keys.end());
  return keys;
}

bool IsOfThePolicy(const std::string& key) {
  return key == "commit.policy" || key == "commit.level" || key == "commit.ack_timeout" ||
         key == "commit.on_failure" || key == "commit.recover_timeout";
}

bool NeedsRestart(const std::string& key) {
  const auto begins = [&](std::string_view prefix) { return key.rfind(prefix, 0) == 0; };
  return !IsOfThePolicy(key) && !begins("sinks.") && !begins("templates.") && !begins("lifecycle.");
}

}  // namespace sluice
