// SPDX-License-Identifier: Apache-2.0
//
// Makes a stopped home one as a newer release or a bad disk would have left it:
//
//   edit_home <home>/data/db version <1 to 127>    of another format version
//   edit_home <home>/data/db record <name> <text>  with another text in a record of the node
#include <rocksdb/db.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

rocksdb::Status Put(rocksdb::DB* db, const std::string& key, const std::string& value) {
  rocksdb::WriteOptions durable;
  durable.sync = true;
  return db->Put(durable, key, value);
}

// The record "format" of the default column family begins with the version as a varint.
rocksdb::Status SetVersion(rocksdb::DB* db, char version) {
  std::string record;
  rocksdb::Status status = db->Get({}, "format", &record);
  if (!status.ok()) return status;
  record.at(0) = version;
  return Put(db, "format", record);
}

rocksdb::Status Edit(const std::string& path,
                     const std::function<rocksdb::Status(rocksdb::DB*)>& edit) {
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
  status = edit(db.get());
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  rocksdb::Status status;
  if (arguments.size() == 3 && arguments[1] == "version") {
    status = Edit(arguments[0], [&](rocksdb::DB* db) {
      return SetVersion(db, static_cast<char>(std::atoi(arguments[2].c_str())));
    });
  } else if (arguments.size() == 4 && arguments[1] == "record") {
    status = Edit(arguments[0],
                  [&](rocksdb::DB* db) { return Put(db, "record/" + arguments[2], arguments[3]); });
  } else {
    std::cerr << "usage: see the head of edit_home.cc\n";
    return 2;
  }
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
