// SPDX-License-Identifier: Apache-2.0
//
// Writes numbered batches into a RocksDB, some synced, and says on standard output which synced
// ones are acknowledged; or opens the database and lists what is in it. For rocksdb_test.py.
//
//   rocksdb_writer write FOLDER BATCHES     prints "acked N" after each synced batch N
//   rocksdb_writer list FOLDER              prints "batch N" for each batch that is there whole
//
// Every batch has kKeys keys; one that is there in part is an error. The exit code is 0, 1 for an
// error of the database (its text on standard error), 2 for wrong use.
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>

namespace {

constexpr int kKeys = 10;
constexpr int kSyncEvery = 3;
constexpr int kKeyDigits = 8;
constexpr int kValueBytes = 700;  // a batch spans pages

// RocksDB's own LOG writer aborts the process where the disk is full; a node sets a logger of its
// own, and so does this.
class NoLogger : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

int Fail(const char* what, const rocksdb::Status& status) {
  std::fprintf(stderr, "rocksdb_writer: %s: %s\n", what, status.ToString().c_str());
  return 1;
}

rocksdb::Status Open(const char* folder, std::unique_ptr<rocksdb::DB>* db) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = 128 << 10;  // so that a short run also writes tables and manifests
  options.info_log = std::make_shared<NoLogger>();
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, folder, &opened);
  db->reset(opened);
  return status;
}

std::string KeyOf(int batch, int index) {
  char text[32];
  std::snprintf(text, sizeof(text), "%0*d-%d", kKeyDigits, batch, index);
  return text;
}

int Write(const char* folder, int batches) {
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::Status status = Open(folder, &db);
  if (!status.ok()) return Fail("open", status);
  for (int number = 0; number < batches; ++number) {
    rocksdb::WriteBatch batch;
    for (int index = 0; index < kKeys; ++index) {
      batch.Put(KeyOf(number, index), std::string(kValueBytes, static_cast<char>('a' + index)));
    }
    rocksdb::WriteOptions options;
    options.sync = number % kSyncEvery == 0;
    status = db->Write(options, &batch);
    if (!status.ok()) return Fail("write", status);
    if (options.sync) {
      std::printf("acked %d\n", number);
      std::fflush(stdout);
    }
  }
  return 0;
}

int List(const char* folder) {
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::Status status = Open(folder, &db);
  if (!status.ok()) return Fail("open", status);
  std::map<int, int> keys;
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  std::unique_ptr<rocksdb::Iterator> entry(db->NewIterator(options));
  for (entry->SeekToFirst(); entry->Valid(); entry->Next()) {
    ++keys[std::atoi(entry->key().ToString().substr(0, kKeyDigits).c_str())];
  }
  if (!entry->status().ok()) return Fail("read", entry->status());
  for (const auto& [batch, count] : keys) {
    if (count != kKeys) {
      std::fprintf(stderr, "rocksdb_writer: batch %d has %d keys\n", batch, count);
      return 1;
    }
    std::printf("batch %d\n", batch);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "write") == 0) return Write(argv[2], std::atoi(argv[3]));
  if (argc == 3 && std::strcmp(argv[1], "list") == 0) return List(argv[2]);
  std::fprintf(stderr, "usage: rocksdb_writer write FOLDER BATCHES | list FOLDER\n");
  return 2;
}
