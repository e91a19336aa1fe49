// SPDX-License-Identifier: Apache-2.0
//
// Makes a stopped home one of another format version, as a newer release would have written it:
//
//   set_home_format <home>/data/db <version, 1 to 127>
#include <rocksdb/db.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

// The record "format" of the default column family begins with the version as a varint.
rocksdb::Status SetVersion(const std::string& path, char version) {
  rocksdb::DBOptions options;
  std::vector<std::string> names;
  rocksdb::Status status = rocksdb::DB::ListColumnFamilies(options, path, &names);
  if (!status.ok()) return status;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) {
    rocksdb::ColumnFamilyOptions family;
    // What is written out on the way must be as the home keeps it.
    family.enable_blob_files = name == "journal";
    families.emplace_back(name, family);
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  status = rocksdb::DB::Open(options, path, families, &handles, &opened);
  if (!status.ok()) return status;
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::string record;
  status = db->Get({}, "format", &record);
  if (status.ok()) {
    record.at(0) = version;
    rocksdb::WriteOptions durable;
    durable.sync = true;
    status = db->Put(durable, "format", record);
  }
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const rocksdb::Status status = SetVersion(argv[1], static_cast<char>(std::atoi(argv[2])));
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
