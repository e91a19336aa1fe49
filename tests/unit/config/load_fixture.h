// SPDX-License-Identifier: Apache-2.0
//
// Loads a text as if it were a home's file, and shows problems as an operator sees them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "config/load.h"

namespace sluice {

inline LoadResult Toml(std::string_view text, const Environment& environment = {},
                       const std::filesystem::path& home = "/home-of-test") {
  return LoadConfigText(text, ConfigFormat::kToml, "app.toml", home, environment);
}

inline LoadResult Yaml(std::string_view text, const Environment& environment = {},
                       const std::filesystem::path& home = "/home-of-test") {
  return LoadConfigText(text, ConfigFormat::kYaml, "app.yaml", home, environment);
}

inline std::string Problems(const LoadResult& result) { return FormatProblems(result.problems); }
inline std::string Warnings(const LoadResult& result) { return FormatProblems(result.warnings); }

// A file sink, to which a test adds lines of its own.
inline std::string WithSink(std::string_view lines) {
  return "[sinks.audit]\nplugin = \"file\"\n" + std::string(lines) + "\n";
}

// "path = text" a line, for comparing what two files say whatever their order and format.
inline std::string Values(const LoadResult& result) {
  std::string out;
  for (const EffectiveValue& value : result.effective)
    out += value.path + " = " + value.text + "\n";
  return out;
}

// A folder that is removed at the end of the test.
class TemporaryHome {
 public:
  TemporaryHome() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "sluice-config-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directories(path_ / "config");
  }
  ~TemporaryHome() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryHome(const TemporaryHome&) = delete;
  TemporaryHome& operator=(const TemporaryHome&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void Write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace sluice
