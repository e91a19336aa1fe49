// SPDX-License-Identifier: Apache-2.0
#include "commit/advice.h"

#include <array>
#include <utility>

namespace sluice {
namespace {

// The names that sinks' reasons begin with, as in docs/operating.md.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kAdvice = {{
    {"ahead",
     "the node is older than the sink, as after a restored backup: let it catch up without this "
     "sink first (docs/operating.md, \"Backing up and restoring a home\"), or give the sink an "
     "empty place"},
    {"diverged",
     "the sink holds another history: `sluice sink snapshot`, on the stopped home too, replaces it "
     "by the present state; or use the home that it belongs to"},
    {"fenced",
     "stop the other node that writes to the sink; after a restored backup, `sluice sink repair "
     "--take-over` (docs/operating.md, \"Backing up and restoring a home\")"},
    {"foreign",
     "stop the other node that writes to the sink, or give the sink a place of its own; after a "
     "restored backup, `sluice sink repair --take-over` (docs/operating.md, \"Backing up and "
     "restoring a home\")"},
    {"gap",
     "the journal cannot give the sink what it misses: `sluice sink snapshot`, on the stopped home "
     "too, gives it the present state; or take it out of the policy"},
    {"operator",
     "it was suspended by command: `sluice sink resume` it, on the stopped home too, or take it "
     "out of the policy"},
    {"lost",
     "the journal has forgotten what the sink misses: `sluice sink snapshot` gives it the present "
     "state; or take it out of the policy"},
}};

}  // namespace

std::string_view AdviceFor(std::string_view reason) {
  const std::string_view name = reason.substr(0, reason.find(':'));
  for (const auto& [known, advice] : kAdvice) {
    if (known == name) return advice;
  }
  return "mend the sink, or take it out of the policy";
}

}  // namespace sluice
