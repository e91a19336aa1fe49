// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "base/bytes.h"
#include "raw_rocks.h"
#include "store/records.h"
#include "store_fixture.h"

namespace sluice {
namespace {

using test::RawRocks;
using test::Set;

class DatabaseOpenTest : public test::DatabaseTest {
 protected:
  void ExpectRefused(StatusCode code, const std::string& text) {
    ASSERT_FALSE(Open());
    EXPECT_EQ(status_.code(), code) << status_.ToString();
    EXPECT_NE(status_.message().find(text), std::string::npos) << status_.ToString();
  }
  void PutFormat(const records::Format& format) {
    Close();
    RawRocks(options_.path).Put("default", "format", records::EncodeFormat(format));
  }
};

TEST_F(DatabaseOpenTest, HomeInUseIsRefused) {
  auto second = Database::Open(options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), StatusCode::kLocked);
  const std::string holder = "process " + std::to_string(::getpid());
  EXPECT_NE(second.error().message().find(holder), std::string::npos) << second.error().ToString();
}

TEST_F(DatabaseOpenTest, HomeOfNewerFormatIsRefused) {
  PutFormat({records::kFormatVersion + 1, "test", {"x", "y"}});
  ExpectRefused(StatusCode::kInvalid, "newer release");
}

TEST_F(DatabaseOpenTest, HomeOfAnotherStreamIsRefused) {
  options_.stream_id = "other";
  ExpectRefused(StatusCode::kInvalid, "belongs to stream 'test'");
  options_.stream_id = "test";
  EXPECT_TRUE(Open());
}

TEST_F(DatabaseOpenTest, StoreThatTheConfigurationForgotIsNamed) {
  options_.stores = {"x"};
  ExpectRefused(StatusCode::kConfiguration, "store 'y'");
}

TEST_F(DatabaseOpenTest, NewStoresAreMadeAndOrderIsFree) {
  Commit({Set("x", "a", "1"), Set("y", "a", "2")});
  options_.stores = {"y", "z", "x"};
  ASSERT_TRUE(Open()) << status_.ToString();
  EXPECT_EQ(Get("x", "a"), "1");
  EXPECT_EQ(Get("y", "a"), "2");
  Commit({Set("z", "a", "3")});
  ASSERT_TRUE(Open());
  EXPECT_EQ(Get("z", "a"), "3");
  EXPECT_FALSE(database_->CommittedView("w"));
}

TEST_F(DatabaseOpenTest, CreationThatACrashCutShortIsCompleted) {
  // A family is there, but not yet in the format record.
  Close();
  {
    rocksdb::DB* db = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (const char* name : {"default", "journal", "store.x", "store.y"}) {
      descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions());
    }
    ASSERT_TRUE(rocksdb::DB::Open({}, options_.path, descriptors, &families, &db).ok());
    rocksdb::ColumnFamilyHandle* stray = nullptr;
    ASSERT_TRUE(db->CreateColumnFamily({}, "store.z", &stray).ok());
    families.push_back(stray);
    for (auto* family : families) db->DestroyColumnFamilyHandle(family);
    delete db;
  }
  ASSERT_TRUE(Open()) << status_.ToString();
  options_.stores.push_back("z");
  ASSERT_TRUE(Open()) << status_.ToString();
  Commit({Set("z", "a", "1")});
}

TEST_F(DatabaseOpenTest, DatabaseOfAnotherProgramIsRefused) {
  options_.path = folder_.path() + "/foreign/db";
  std::filesystem::create_directories(options_.path);
  rocksdb::DB* db = nullptr;
  rocksdb::Options create;
  create.create_if_missing = true;
  ASSERT_TRUE(rocksdb::DB::Open(create, options_.path, &db).ok());
  ASSERT_TRUE(db->Put({}, "k", "v").ok());
  delete db;
  ExpectRefused(StatusCode::kInvalid, "no home of this program");
}

TEST_F(DatabaseOpenTest, MissingCurrentFileIsDamageNotANewHome) {
  Commit({Set("x", "a", "1")});
  Close();
  std::filesystem::remove(options_.path + "/CURRENT");
  ExpectRefused(StatusCode::kCorruption, "CURRENT is missing");
}

TEST_F(DatabaseOpenTest, MissingManifestIsNamed) {
  Close();
  for (const auto& file : std::filesystem::directory_iterator(options_.path)) {
    if (file.path().filename().string().starts_with("MANIFEST")) {
      std::filesystem::remove(file.path());
    }
  }
  ExpectRefused(StatusCode::kCorruption, "MANIFEST");
}

TEST_F(DatabaseOpenTest, OptionsFileIsTakenButNeverForDurability) {
  Close();
  options_.options_file = folder_.path() + "/OPTIONS";
  std::ofstream(options_.options_file)
      << "[Version]\n  rocksdb_version=7.8.3\n  options_file_version=1.1\n"
      << "[DBOptions]\n  wal_recovery_mode=kSkipAnyCorruptedRecords\n  manual_wal_flush=true\n"
      << "  wal_dir=/nowhere\n"
      << "[CFOptions \"default\"]\n  write_buffer_size=2097152\n"
      << "  compaction_style=kCompactionStyleFIFO\n";
  ASSERT_TRUE(Open()) << status_.ToString();
  Commit({Set("x", "a", "1")});
  ASSERT_TRUE(Open()) << status_.ToString();
  EXPECT_EQ(Get("x", "a"), "1");
  std::string written;
  for (const auto& file : std::filesystem::directory_iterator(options_.path)) {
    if (!file.path().filename().string().starts_with("OPTIONS-")) continue;
    std::ifstream stream(file.path());
    written.assign(std::istreambuf_iterator<char>(stream), {});
  }
  EXPECT_NE(written.find("wal_recovery_mode=kTolerateCorruptedTailRecords"), std::string::npos);
  EXPECT_NE(written.find("manual_wal_flush=false"), std::string::npos);
  EXPECT_EQ(written.find("kCompactionStyleFIFO"), std::string::npos);
  EXPECT_NE(written.find("write_buffer_size=2097152"), std::string::npos);
}

TEST_F(DatabaseOpenTest, OptionsFileThatCannotBeReadIsNamed) {
  options_.options_file = folder_.path() + "/OPTIONS";
  std::ofstream(options_.options_file) << "[DBOptions]\n  no_such_option=1\n";
  ExpectRefused(StatusCode::kConfiguration, options_.options_file);
}

TEST_F(DatabaseOpenTest, RocksDbWritesNoLogFileOfItsOwn) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder_.path())) {
    EXPECT_FALSE(file.path().filename().string().starts_with("LOG")) << file.path();
  }
}

}  // namespace
}  // namespace sluice
