// SPDX-License-Identifier: Apache-2.0
#include "store/rocks_handle.h"

#include "store/background_errors.h"

namespace sluice {

OpenedRocks::~OpenedRocks() {
  if (!db) return;
  for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
  // Nothing may depend on it: what is not in the log, the destructor would not save either.
  (void)db->Close();
}

Status OpenedRocks::background_error() const { return errors ? errors->first() : Status::Ok(); }

void RocksHandle::Close() {
  gate_.Close();
  opened_.reset();
  status_ = Status(StatusCode::kFailed, "the database is closed");
}

void RocksHandle::Replace(Result<std::unique_ptr<OpenedRocks>> opened) {
  if (opened) {
    opened_ = *std::move(opened);
    status_ = Status::Ok();
  } else {
    opened_.reset();
    status_ = std::move(opened).error();
  }
  gate_.Open();
}

}  // namespace sluice
