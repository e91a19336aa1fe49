// SPDX-License-Identifier: Apache-2.0
//
// Loads a home's configuration: finds <home>/config/app.toml or app.yaml, reads it, lays
// environment overrides and templates over it, checks it as a whole.
//
//   LoadResult loaded = LoadConfig(home, ProcessEnvironment());
//   if (!loaded.ok()) return loaded.ToStatus();  // kConfiguration, every problem on a line of its
//   own Start(loaded.config);
//
// Threading: reads files; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/config.h"
#include "config/effective.h"
#include "config/problem.h"
#include "config/properties.h"
#include "config/references.h"

namespace sluice {

enum class ConfigFormat { kToml, kYaml };

// "app.toml" or "app.yaml": the file's name below <home>/config.
std::string_view ConfigFileName(ConfigFormat format);

struct LoadOptions {
  // Null is NodeProperties(). Another table (a test's, with keys of older names) must hold every
  // row that BindConfig reads.
  const PropertyTable* table = nullptr;
};

struct LoadResult {
  // Usable where there are no problems. Where there are, wrong values are defaults, so that further
  // checks (the policy's names) can add what they find.
  Config config;
  std::vector<Problem> problems;  // by place
  std::vector<Problem> warnings;
  std::vector<EffectiveValue> effective;  // for `config show`; secrets masked
  std::filesystem::path file;             // the file that was read; empty where none was found

  bool ok() const { return problems.empty(); }
  // OK, or kConfiguration with every problem on a line of its own.
  Status ToStatus() const;
};

LoadResult LoadConfig(const std::filesystem::path& home, const Environment& environment,
                      const LoadOptions& options = {});

// The same for a text that is not (or not yet) the home's file. `name` is shown in positions.
LoadResult LoadConfigText(std::string_view text, ConfigFormat format, std::string_view name,
                          const std::filesystem::path& home, const Environment& environment,
                          const LoadOptions& options = {});

}  // namespace sluice
