// SPDX-License-Identifier: Apache-2.0
//
// From a file to an identity: one faulty library for each way in which that can fail.
#include <gmock/gmock.h>
#include <link.h>

#include "plugin/loaded_code.h"
#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string LoadMessage(const std::string& plugin) {
  PluginLoader loader({});
  const auto library = loader.Load(TestPlugin(plugin).string(), "");
  if (library) return "(it loaded)";
  EXPECT_EQ(library.error().code(), StatusCode::kPlugin);
  return library.error().message();
}

std::string CreateMessage(const std::string& plugin) {
  PluginLoader loader({});
  const auto library = loader.Load(TestPlugin(plugin).string(), "");
  if (!library) return "(it did not load)";
  FakeListener listener;
  auto instance = (*library)->CreateInstance({SinkName("orders"), 0}, &listener);
  if (instance) {
    (*instance)->Destroy();
    return "(it was created)";
  }
  EXPECT_EQ(instance.error().code(), StatusCode::kPlugin);
  return instance.error().message();
}

TEST(Loading, GivesTheIdentity) {
  PluginLoader loader({});
  const auto library = loader.Load(TestPlugin("memory").string(), "");
  ASSERT_TRUE(library.has_value()) << library.error().ToString();
  const PluginIdentity& identity = (*library)->identity();
  EXPECT_EQ(identity.id, "memory");
  EXPECT_EQ(identity.version, "1.0.0");
  EXPECT_EQ(identity.highest_level, AckLevel::kVisible);
  EXPECT_EQ(identity.path, TestPlugin("memory"));
  EXPECT_EQ(identity.sha256, Sha256(ReadWhole(TestPlugin("memory"))).ToHex());
  EXPECT_THAT(identity.settings_schema, HasSubstr("\"record\""));
}

TEST(Loading, FindsANameInThePluginFoldersInOrder) {
  ScratchFolder first;
  ScratchFolder second;
  std::filesystem::copy_file(TestPlugin("null"), first.path() / "a.so");
  std::filesystem::copy_file(TestPlugin("memory"), second.path() / "a.so");
  std::filesystem::copy_file(TestPlugin("memory"), second.path() / "b.so");
  PluginLoader loader({first.path(), second.path()});
  EXPECT_EQ((*loader.Load("a", ""))->identity().id, "null");
  EXPECT_EQ((*loader.Load("b", ""))->identity().id, "memory");
}

TEST(Loading, SaysWhereItLookedForAName) {
  PluginLoader loader({"/nowhere/one", "/nowhere/two"});
  const auto library = loader.Load("c", "");
  ASSERT_FALSE(library.has_value());
  EXPECT_EQ(library.error().code(), StatusCode::kPlugin);
  EXPECT_EQ(library.error().message(),
            "plugin c: c.so is in none of the plugin folders (/nowhere/one, /nowhere/two): install "
            "it there, or give a path with a slash");
}

TEST(Loading, LoadsOneLibraryOnceHoweverManySinksUseIt) {
  ScratchFolder folder;
  std::filesystem::copy_file(TestPlugin("memory"), folder.path() / "copy.so");
  PluginLoader loader({});
  const auto first = loader.Load(TestPlugin("memory").string(), "");
  const auto again = loader.Load(TestPlugin("memory").string(), "");
  const auto copy = loader.Load((folder.path() / "copy.so").string(), "");
  EXPECT_EQ(first->get(), again->get());
  EXPECT_EQ(first->get(), copy->get());
}

TEST(Loading, AFileReplacedAtTheSamePathIsNewCode) {
  ScratchFolder folder;
  const auto path = folder.path() / "x.so";
  PluginLoader loader({});
  WriteWhole(path, ReadWhole(TestPlugin("memory")));
  const auto before = loader.Load(path.string(), "");
  WriteWhole(path, ReadWhole(TestPlugin("null")));
  const auto after = loader.Load(path.string(), "");
  ASSERT_TRUE(before.has_value() && after.has_value());
  EXPECT_EQ((*before)->identity().id, "memory");
  EXPECT_EQ((*after)->identity().id, "null");
}

TEST(Loading, AFailedLoadDoesNotShadowTheNextLibrary) {
  ScratchFolder folder;
  const auto path = folder.path() / "x.so";
  PluginLoader loader({});
  WriteWhole(path, ReadWhole(TestPlugin("missing_symbol")));
  EXPECT_FALSE(loader.Load(path.string(), "").has_value());
  EXPECT_FALSE(loader.Load(path.string(), "").has_value());
  WriteWhole(path, ReadWhole(TestPlugin("memory")));
  EXPECT_EQ((*loader.Load(path.string(), ""))->identity().id, "memory");
}

TEST(Loading, KeepsTheLoadersOwnText) {
  const std::string message = LoadMessage("missing_symbol");
  EXPECT_THAT(message, AllOf(HasSubstr("the loader refused it ("),
                             HasSubstr("undefined symbol: sluice_tests_function_that_nobody_has"),
                             HasSubstr(TestPlugin("missing_symbol").string())));
  EXPECT_THAT(message, testing::Not(HasSubstr("/proc/")));
}

TEST(Loading, NoTableIsRefused) {
  EXPECT_THAT(LoadMessage("no_table"), HasSubstr("its entry function returned no table"));
}

TEST(Loading, AShortTableIsRefused) {
  EXPECT_THAT(LoadMessage("short_table"),
              HasSubstr("its table has 24 bytes, this node needs at least 88: build it again"));
}

TEST(Loading, AnotherDraftOfTheAbiIsRefused) {
  EXPECT_THAT(LoadMessage("wrong_tag"),
              HasSubstr("built against the ABI draft \"sluice-abi-1.0-draft.0\", this node has \""
                        "sluice-abi-1.0-draft.1\": build it again"));
}

TEST(Loading, ANewerMinorVersionIsFine) { EXPECT_EQ(LoadMessage("newer_minor"), "(it loaded)"); }

TEST(Loading, AShortInstanceTableIsRefused) {
  EXPECT_THAT(CreateMessage("short_instance"), HasSubstr("its instance table has "));
}

TEST(Loading, AnInstanceWithoutDeliverIsRefused) {
  EXPECT_THAT(CreateMessage("no_deliver"), HasSubstr("its instance table has no deliver function"));
}

TEST(Loading, AFailedCreateGivesThePluginsText) {
  EXPECT_EQ(CreateMessage("create_fails"),
            "plugin create_fails: " + TestPlugin("create_fails").string() +
                ": no licence on this machine");
}

TEST(Loading, AnExceptionInCreateIsAnError) {
  EXPECT_THAT(CreateMessage("throws_in_create"), HasSubstr("thrown in create"));
}

// Every library that this process has loaded from memory has a name at its addresses.
TEST(Loading, AnAddressNamesItsPlugin) {
  PluginLoader loader({});
  const auto library = loader.Load(TestPlugin("memory").string(), "");
  ASSERT_TRUE(library.has_value());
  std::vector<std::string> described;
  ::dl_iterate_phdr(
      [](struct dl_phdr_info* info, size_t /*size*/, void* data) {
        if (std::string_view(info->dlpi_name).substr(0, 6) != "/proc/") return 0;
        const char* text = DescribeLoadedCode(reinterpret_cast<const void*>(info->dlpi_addr));
        static_cast<std::vector<std::string>*>(data)->emplace_back(text == nullptr ? "" : text);
        return 0;
      },
      &described);
  EXPECT_THAT(described,
              testing::Contains("plugin memory 1.0.0 (sha256 " + (*library)->identity().sha256 +
                                ", " + TestPlugin("memory").string() + ")"));
  EXPECT_EQ(DescribeLoadedCode(&described), nullptr);
}

}  // namespace
}  // namespace sluice
