// SPDX-License-Identifier: Apache-2.0
#include "config/load.h"

#include <fmt/core.h>

#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/bytes.h"
#include "config/bind.h"
#include "config/checker.h"
#include "config/environment.h"
#include "config/rules.h"
#include "config/templates.h"
#include "config/toml_reader.h"
#include "config/yaml_reader.h"

namespace sluice {

namespace {

// No configuration comes near; a mistaken file must not fill memory.
constexpr uintmax_t kMaxFileBytes = 16u << 20;

LoadResult Failed(const SourcePosition& at, std::string text) {
  LoadResult result;
  result.problems.push_back(MakeProblem(at, "", std::move(text)));
  return result;
}

}  // namespace

std::string_view ConfigFileName(ConfigFormat format) {
  return format == ConfigFormat::kToml ? "app.toml" : "app.yaml";
}

Status LoadResult::ToStatus() const {
  if (ok()) return Status::Ok();
  return {StatusCode::kConfiguration, FormatProblems(problems)};
}

LoadResult LoadConfig(const std::filesystem::path& home, const Environment& environment,
                      const LoadOptions& options) {
  std::filesystem::path folder = home / "config";
  std::filesystem::path toml = folder / ConfigFileName(ConfigFormat::kToml);
  std::filesystem::path yaml = folder / ConfigFileName(ConfigFormat::kYaml);
  std::error_code error;
  bool has_toml = std::filesystem::exists(toml, error);
  bool has_yaml = std::filesystem::exists(yaml, error);
  if (has_toml && has_yaml) {
    return Failed({folder.string(), 0, 0}, "holds both app.toml and app.yaml; remove one of them");
  }
  if (!has_toml && !has_yaml) {
    bool home_exists = std::filesystem::exists(home, error);
    return Failed({home.string(), 0, 0},
                  fmt::format("{}; run `sluice init --home {}` to write one",
                              home_exists ? "no config/app.toml and no config/app.yaml"
                                          : "there is no such home",
                              home.string()));
  }
  std::filesystem::path file = has_toml ? toml : yaml;
  ConfigFormat format = has_toml ? ConfigFormat::kToml : ConfigFormat::kYaml;
  if (!std::filesystem::is_regular_file(file, error)) {
    return Failed({file.string(), 0, 0}, "is not a regular file");
  }
  if (std::filesystem::file_size(file, error) > kMaxFileBytes || error) {
    return Failed({file.string(), 0, 0}, "is larger than 16 MiB, so it is no configuration");
  }
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in) return Failed({file.string(), 0, 0}, "cannot be read; check its mode");
  LoadResult result =
      LoadConfigText(text, format, ConfigFileName(format), home, environment, options);
  result.file = std::move(file);
  return result;
}

LoadResult LoadConfigText(std::string_view text, ConfigFormat format, std::string_view name,
                          const std::filesystem::path& home, const Environment& environment,
                          const LoadOptions& options) {
  if (!IsUtf8(text)) return Failed({std::string(name), 0, 0}, "is not UTF-8 text");
  tl::expected<ConfigNode, Problem> root =
      format == ConfigFormat::kToml ? ReadToml(text, name) : ReadYaml(text, name);
  LoadResult result;
  if (!root) {
    result.problems.push_back(std::move(root).error());
    return result;
  }
  const PropertyTable& table = options.table == nullptr ? NodeProperties() : *options.table;
  ApplyEnvironment(table, environment, &*root, &result.problems, &result.warnings);
  ApplyTemplates(&*root, &result.problems);
  ReferenceResolver resolver(home, environment);
  CheckOutput checked = CheckTree(table, *root, &resolver);
  result.config = BindConfig(checked.values);
  for (Problem& problem : checked.problems) result.problems.push_back(std::move(problem));
  for (Problem& warning : checked.warnings) result.warnings.push_back(std::move(warning));
  CheckRules(checked.values, result.config, home, &result.problems, &result.warnings);
  result.effective = EffectiveValues(checked.values);
  SortAndDeduplicate(&result.problems);
  SortAndDeduplicate(&result.warnings);
  return result;
}

}  // namespace sluice
