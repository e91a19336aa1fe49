// SPDX-License-Identifier: Apache-2.0
#include "plugin/preflight.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// Loads the file as the node does and gives back the whole message.
std::string LoadError(const std::filesystem::path& path, const std::string& pin = "",
                      StatusCode code = StatusCode::kPlugin) {
  PluginLoader loader({});
  const auto library = loader.Load(path.string(), pin);
  if (library) return "(it loaded)";
  EXPECT_EQ(library.error().code(), code);
  EXPECT_THAT(library.error().message(),
              StartsWith("plugin " + path.stem().string() + ": " + path.string() + ": "));
  return library.error().message();
}

class PreflightTest : public testing::Test {
 protected:
  std::filesystem::path Write(std::string_view bytes) {
    WriteWhole(folder_.path() / "x.so", bytes);
    return folder_.path() / "x.so";
  }
  // A good plugin with `change` made to its bytes.
  std::filesystem::path WriteChanged(const std::function<void(std::string*)>& change) {
    std::string bytes = ReadWhole(TestPlugin("null"));
    change(&bytes);
    return Write(bytes);
  }
  ScratchFolder folder_;
};

TEST_F(PreflightTest, AcceptsAGoodPluginAndNamesWhatItExports) {
  const auto checked = Preflight(TestPlugin("null"), "");
  ASSERT_TRUE(checked.has_value()) << checked.error().ToString();
  EXPECT_THAT(checked->elf.exported_symbols, testing::ElementsAre("sluice_plugin_entry_v1"));
  EXPECT_EQ(checked->sha256, Sha256(ReadWhole(TestPlugin("null"))).ToHex());
  EXPECT_TRUE(CheckEntrySymbol(checked->elf).ok());
}

TEST_F(PreflightTest, RefusesAMissingFile) {
  EXPECT_THAT(LoadError(folder_.path() / "gone.so"), HasSubstr("no such file: install it there"));
}

TEST_F(PreflightTest, RefusesAnEmptyFile) {
  EXPECT_THAT(LoadError(Write("")), HasSubstr("the file is empty: copy or build it again"));
}

TEST_F(PreflightTest, RefusesWhatIsNoLibrary) {
  EXPECT_THAT(LoadError(Write("#!/bin/sh\necho hello\n")),
              HasSubstr("not a shared library (no ELF header)"));
}

TEST_F(PreflightTest, RefusesADirectory) {
  EXPECT_THAT(LoadError(folder_.path()), HasSubstr("is a directory"));
}

TEST_F(PreflightTest, RefusesAPipeWithoutWaitingForIt) {
  const auto path = folder_.path() / "pipe.so";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(LoadError(path), HasSubstr("not a regular file"));
}

TEST_F(PreflightTest, RefusesAFileThatEverybodyMayWrite) {
  const auto path = WriteChanged([](std::string*) {});
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_THAT(LoadError(path), HasSubstr("everybody may write to it (mode 0666): run chmod o-w"));
}

TEST_F(PreflightTest, RefusesAStrangersFile) {
  if (::geteuid() != 0) {
    // Only root can give a file away; for others the file of a stranger is one that is not theirs,
    // which a test cannot make. The rule itself has no other branch.
    SUCCEED();
    return;
  }
  const auto path = WriteChanged([](std::string*) {});
  ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  EXPECT_THAT(LoadError(path), HasSubstr("its owner is user 12345"));
}

TEST_F(PreflightTest, RefusesA32BitLibrary) {
  const auto path = WriteChanged([](std::string* b) { (*b)[EI_CLASS] = ELFCLASS32; });
  EXPECT_THAT(LoadError(path), HasSubstr("a 32-bit library, this node is 64-bit: build it for"));
}

TEST_F(PreflightTest, RefusesAForeignByteOrder) {
  const auto path = WriteChanged([](std::string* b) { (*b)[EI_DATA] = ELFDATA2MSB; });
  EXPECT_THAT(LoadError(path), HasSubstr("a big-endian library"));
}

TEST_F(PreflightTest, RefusesAnotherMachine) {
  const auto path =
      WriteChanged([](std::string* b) { (*b)[offsetof(Elf64_Ehdr, e_machine)] = EM_SPARC; });
  EXPECT_THAT(LoadError(path), AllOf(HasSubstr("built for machine 2, this node runs on ")));
}

TEST_F(PreflightTest, RefusesAnObjectFile) {
  const auto path =
      WriteChanged([](std::string* b) { (*b)[offsetof(Elf64_Ehdr, e_type)] = ET_REL; });
  EXPECT_THAT(LoadError(path), HasSubstr("an ELF file, but not a shared library"));
}

TEST_F(PreflightTest, RefusesALibraryThatIsNoPlugin) {
  EXPECT_THAT(LoadError(TestPlugin("no_entry")),
              HasSubstr("not a Sluice plugin (it does not export sluice_plugin_entry_v1)"));
}

TEST_F(PreflightTest, RefusesAnotherMajorVersion) {
  EXPECT_THAT(LoadError(TestPlugin("wrong_major")),
              HasSubstr("speaks major version 2 of the plugin ABI, this node speaks 1"));
}

TEST_F(PreflightTest, RefusesAFileThatIsNotThePinnedOne) {
  const std::string pin(64, 'a');
  EXPECT_THAT(LoadError(TestPlugin("null"), pin, StatusCode::kConfiguration),
              AllOf(HasSubstr("the configuration pins " + pin), HasSubstr("its SHA-256 is ")));
}

TEST_F(PreflightTest, AcceptsThePinInEitherCase) {
  std::string pin = Sha256(ReadWhole(TestPlugin("null"))).ToHex();
  for (char& c : pin) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_TRUE(PluginLoader({}).Load(TestPlugin("null").string(), pin).has_value());
}

// A truncated library would kill the process inside the loader.
TEST_F(PreflightTest, RefusesEveryTruncatedLibrary) {
  const std::string whole = ReadWhole(TestPlugin("null"));
  for (size_t size = 1; size < whole.size(); size += size < 4096 ? 37 : 331) {
    const auto checked = Preflight(Write(whole.substr(0, size)), "");
    ASSERT_FALSE(checked.has_value()) << "of " << whole.size() << " bytes the first " << size;
    if (size >= sizeof(Elf64_Ehdr)) {
      ASSERT_THAT(checked.error().message(), HasSubstr("is truncated or damaged"));
    }
  }
  ASSERT_FALSE(Preflight(Write(whole.substr(0, whole.size() - 1)), "").has_value());
}

}  // namespace
}  // namespace sluice
