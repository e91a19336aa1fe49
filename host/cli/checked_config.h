// SPDX-License-Identifier: Apache-2.0
//
// A home's configuration checked as far as it can be without starting the node: the file, the
// policy, and every plugin's own word on its settings. What `config check` and `config show` share.
// Threading: one thread; loads plugin libraries, which runs code of them.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "config/load.h"
#include "node/node_setup.h"

namespace sluice {

struct CheckedConfig {
  LoadResult loaded;
  PreparedNode prepared;          // of what could be read
  std::vector<Problem> problems;  // all of them, by place
  std::string policy_text;        // in words; empty where the policy has a problem

  // Sinks whose library cannot be loaded: no fault of the file, but the node would not start.
  std::vector<const PreparedSink*> unloadable() const;
};

CheckedConfig CheckHomeConfig(const std::string& home);

}  // namespace sluice
