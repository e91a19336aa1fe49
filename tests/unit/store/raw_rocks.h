// SPDX-License-Identifier: Apache-2.0
//
// The database's files and records behind its back, to break them.
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace sluice::test {

class RawRocks {
 public:
  explicit RawRocks(const std::string& path) {
    std::vector<std::string> names;
    rocksdb::DBOptions options;
    EXPECT_TRUE(rocksdb::DB::ListColumnFamilies(options, path, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names) {
      rocksdb::ColumnFamilyOptions family;
      family.enable_blob_files = name == "journal";
      family.min_blob_size = 4096;
      families.emplace_back(name, family);
    }
    const rocksdb::Status status = rocksdb::DB::Open(options, path, families, &families_, &db_);
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  ~RawRocks() {
    for (auto* family : families_) db_->DestroyColumnFamilyHandle(family);
    delete db_;
  }
  void Put(const std::string& family, const std::string& key, const std::string& value) {
    EXPECT_TRUE(db_->Put({}, Family(family), key, value).ok());
  }
  void Delete(const std::string& family, const std::string& key) {
    EXPECT_TRUE(db_->Delete({}, Family(family), key).ok());
  }
  std::string Get(const std::string& family, const std::string& key) {
    std::string value;
    EXPECT_TRUE(db_->Get({}, Family(family), key, &value).ok());
    return value;
  }

 private:
  rocksdb::ColumnFamilyHandle* Family(const std::string& name) {
    for (auto* family : families_) {
      if (family->GetName() == name) return family;
    }
    ADD_FAILURE() << "no family " << name;
    return nullptr;
  }

  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  rocksdb::DB* db_ = nullptr;
};

// Bytes that no compression makes smaller, and no zeros for long.
inline std::string Noise(size_t bytes) {
  std::string text(bytes, '\0');
  uint64_t state = 88172645463325252u;
  for (char& c : text) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = static_cast<char>(state);
  }
  return text;
}

// Files in `folder` whose name ends so, the largest first.
inline std::vector<std::filesystem::path> FilesEnding(const std::string& folder,
                                                      const std::string& ending) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().string().ends_with(ending)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return std::filesystem::file_size(a) > std::filesystem::file_size(b);
  });
  return files;
}

inline void FlipByte(const std::filesystem::path& file, uint64_t offset) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(stream.get());
  stream.seekp(static_cast<std::streamoff>(offset));
  stream.put(static_cast<char>(byte ^ 0x20));
  ASSERT_TRUE(stream.good());
}

}  // namespace sluice::test
