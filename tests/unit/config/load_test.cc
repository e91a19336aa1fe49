// SPDX-License-Identifier: Apache-2.0
//
// Finding the file; and the ready configurations in configs/.
#include "config/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

TEST(LoadConfig, ReadsTomlOrYaml) {
  TemporaryHome toml;
  toml.Write("config/app.toml", "[node]\nstream_id = \"t\"\n");
  LoadResult from_toml = LoadConfig(toml.path(), {});
  ASSERT_EQ(Problems(from_toml), "");
  EXPECT_EQ(from_toml.config.node.stream_id, "t");
  EXPECT_EQ(from_toml.file, toml.path() / "config/app.toml");
  TemporaryHome yaml;
  yaml.Write("config/app.yaml", "node: {stream_id: y}\n");
  EXPECT_EQ(LoadConfig(yaml.path(), {}).config.node.stream_id, "y");
}

TEST(LoadConfig, BothFilesAreAnError) {
  TemporaryHome home;
  home.Write("config/app.toml", "");
  home.Write("config/app.yaml", "");
  EXPECT_EQ(
      Problems(LoadConfig(home.path(), {})),
      (home.path() / "config").string() + ": holds both app.toml and app.yaml; remove one of them");
}

TEST(LoadConfig, MissingFileSaysToInit) {
  TemporaryHome home;
  LoadResult result = LoadConfig(home.path(), {});
  EXPECT_EQ(result.ToStatus().code(), StatusCode::kConfiguration);
  EXPECT_EQ(Problems(result), home.path().string() +
                                  ": no config/app.toml and no config/app.yaml; run `sluice init "
                                  "--home " +
                                  home.path().string() + "` to write one");
}

TEST(LoadConfig, MissingHomeSaysToInit) {
  LoadResult result = LoadConfig("/nowhere/at/all", {});
  EXPECT_EQ(Problems(result),
            "/nowhere/at/all: there is no such home; run `sluice init --home /nowhere/at/all` to "
            "write one");
}

TEST(LoadConfig, FolderInThePlaceOfTheFileIsAnError) {
  TemporaryHome home;
  std::filesystem::create_directory(home.path() / "config/app.toml");
  EXPECT_FALSE(LoadConfig(home.path(), {}).ok());
}

TEST(LoadConfig, StatusHoldsEveryProblem) {
  LoadResult result = Toml("[commit]\nwindow = 0\nsync = 1\n");
  Status status = result.ToStatus();
  EXPECT_EQ(status.code(), StatusCode::kConfiguration);
  EXPECT_EQ(status.message(), Problems(result));
  EXPECT_EQ(std::count(status.message().begin(), status.message().end(), '\n'), 1);
}

TEST(ReadyConfigurations, LoadWithoutProblems) {
  std::filesystem::path folder = std::filesystem::path(SLUICE_SOURCE_DIR) / "configs";
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::string extension = entry.path().extension().string();
    if (extension != ".toml" && extension != ".yaml") continue;
    std::ifstream in(entry.path());
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    ConfigFormat format = extension == ".toml" ? ConfigFormat::kToml : ConfigFormat::kYaml;
    LoadResult result = LoadConfigText(text, format, entry.path().filename().string(), "/h", {});
    EXPECT_EQ(Problems(result), "");
    EXPECT_EQ(Warnings(result), "");
    EXPECT_EQ(text.rfind("# SPDX-License-Identifier", 0), 0u) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 5);
}

}  // namespace
}  // namespace sluice
