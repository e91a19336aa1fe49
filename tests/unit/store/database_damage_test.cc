// SPDX-License-Identifier: Apache-2.0
//
// Damage in RocksDB's own files: found, and named.
#include <gtest/gtest.h>

#include "raw_rocks.h"
#include "store_fixture.h"

namespace sluice {
namespace {

using test::FilesEnding;
using test::FlipByte;
using test::Noise;
using test::Set;

class DatabaseDamageTest : public test::DatabaseTest {
 protected:
  void ExpectRefusedNaming(const std::string& text) {
    ASSERT_FALSE(Open());
    EXPECT_EQ(status_.code(), StatusCode::kCorruption) << status_.ToString();
    EXPECT_NE(status_.message().find(text), std::string::npos) << status_.ToString();
  }
  std::filesystem::path Largest(const std::string& ending) {
    auto files = FilesEnding(options_.path, ending);
    EXPECT_FALSE(files.empty());
    return files.at(0);
  }
};

TEST_F(DatabaseDamageTest, FlippedByteInAStoreFileIsNamedWhenRead) {
  Commit({Set("x", "a", "1"), Set("x", "big", Noise(100000)), Set("x", "z", "1")});
  ASSERT_TRUE(database_->Reopen().ok());
  Close();
  const auto file = Largest(".sst");
  FlipByte(file, std::filesystem::file_size(file) / 2);
  ASSERT_TRUE(Open()) << status_.ToString();
  auto iterator = (*database_->CommittedView("x"))->Iterate(KeyRange(), false);
  while (iterator->Valid()) iterator->Next();
  EXPECT_EQ(iterator->status().code(), StatusCode::kCorruption);
  EXPECT_NE(iterator->status().message().find(file.filename()), std::string::npos)
      << iterator->status().ToString();
  auto value = (*database_->CommittedView("x"))->Get("big");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code(), StatusCode::kCorruption);
}

TEST_F(DatabaseDamageTest, MissingStoreFileIsNamed) {
  Commit({Set("x", "a", "1")});
  ASSERT_TRUE(database_->Reopen().ok());
  Close();
  const auto file = Largest(".sst");
  std::filesystem::remove(file);
  ExpectRefusedNaming(file.filename());
}

TEST_F(DatabaseDamageTest, TruncatedStoreFileIsNamed) {
  Commit({Set("x", "a", Noise(10000))});
  ASSERT_TRUE(database_->Reopen().ok());
  Close();
  const auto file = Largest(".sst");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 100);
  ExpectRefusedNaming(file.filename());
}

TEST_F(DatabaseDamageTest, FlippedByteInAJournalFileIsNamed) {
  Commit({Set("x", "a", "1")});
  Journal({Set("x", "b", Noise(100000))});
  ASSERT_TRUE(database_->Reopen().ok());
  Close();
  const auto file = Largest(".blob");
  FlipByte(file, std::filesystem::file_size(file) / 2);
  ExpectRefusedNaming("journal record 2");
}

TEST_F(DatabaseDamageTest, MissingJournalFileIsNamed) {
  Journal({Set("x", "b", Noise(100000))});
  ASSERT_TRUE(database_->Reopen().ok());
  Close();
  const auto file = Largest(".blob");
  std::filesystem::remove(file);
  ExpectRefusedNaming(file.filename());
}

TEST_F(DatabaseDamageTest, TornTailOfTheLogIsCut) {
  Commit({Set("x", "a", "1")});
  Commit({Set("x", "b", Noise(1000))});
  Crash();
  const auto file = Largest(".log");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 10);
  ASSERT_TRUE(Open()) << status_.ToString();
  EXPECT_EQ(database_->committed().height, Height(1));
  EXPECT_EQ(database_->journaled_height(), Height(1));
  EXPECT_EQ(Get("x", "a"), "1");
  EXPECT_EQ(Get("x", "b"), std::nullopt);
  Commit({Set("x", "b", "2")});
}

TEST_F(DatabaseDamageTest, FlippedByteInTheLogIsNamed) {
  for (int i = 0; i < 5; ++i) Commit({Set("x", "a", Noise(3000))});
  Crash();
  const auto file = Largest(".log");
  FlipByte(file, std::filesystem::file_size(file) / 2);
  ExpectRefusedNaming(file.filename());
}

TEST_F(DatabaseDamageTest, FlippedByteInTheLastWriteIsNoTornTail) {
  for (int i = 0; i < 3; ++i) Commit({Set("x", "a", Noise(3000))});
  Crash();
  const auto file = Largest(".log");
  FlipByte(file, std::filesystem::file_size(file) - 100);
  ExpectRefusedNaming(file.filename());
}

TEST_F(DatabaseDamageTest, FlippedByteInTheManifestIsNamed) {
  Commit({Set("x", "a", "1")});
  Close();
  for (const auto& entry : std::filesystem::directory_iterator(options_.path)) {
    if (entry.path().filename().string().starts_with("MANIFEST")) FlipByte(entry.path(), 50);
  }
  ExpectRefusedNaming("MANIFEST");
}

}  // namespace
}  // namespace sluice
