// SPDX-License-Identifier: Apache-2.0
#include "store/baseline.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <filesystem>

#include "store/rocks_options.h"
#include "store/rocks_status.h"

namespace sluice {
namespace {

class PlainRocks : public Baseline {
 public:
  explicit PlainRocks(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}

  Status Write(const std::vector<std::pair<std::string, std::string>>& puts, bool sync) override {
    batch_.Clear();
    for (const auto& [key, value] : puts) {
      if (rocksdb::Status status = batch_.Put(key, value); !status.ok()) {
        return FromRocks(status, "baseline: filling a batch");
      }
    }
    rocksdb::WriteOptions options;
    options.sync = sync;
    return FromRocks(db_->Write(options, &batch_), "baseline: writing a batch");
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteBatch batch_;
};

}  // namespace

Result<std::unique_ptr<Baseline>> Baseline::Create(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(RocksOptions options, MakeRocksOptions(""));
  rocksdb::Options rocks(options.db, options.store);
  rocks.create_if_missing = true;
  rocks.memtable_insert_with_hint_prefix_extractor.reset();  // its keys come in any order
  // Where the folder is not there yet, RocksDB logs that as an error.
  std::filesystem::create_directories(path);
  rocksdb::DB* db = nullptr;
  SLUICE_RETURN_IF_ERROR(FromRocks(rocksdb::DB::Open(rocks, path, &db), "baseline: " + path));
  return std::make_unique<PlainRocks>(std::unique_ptr<rocksdb::DB>(db));
}

}  // namespace sluice
