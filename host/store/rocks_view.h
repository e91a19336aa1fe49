// SPDX-License-Identifier: Apache-2.0
//
// Views of the stores as committed, through RocksHandle: a database that is opened again under them
// does not end them.
// Threading: views from any thread; an iterator belongs to one.
// Ownership: they share the handle. Iterators and snapshots keep the database from being reopened.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "store/rocks_handle.h"
#include "store/view.h"

namespace sluice {

// `store_index`: in the order of the handle's stores.
std::shared_ptr<const StoreView> MakeCommittedView(std::shared_ptr<const RocksHandle> handle,
                                                   size_t store_index, std::string store);

// `path`: of the database, for error texts. `stream_id`: for the digest before the first height.
std::shared_ptr<const StateSnapshot> MakeSnapshot(std::shared_ptr<const RocksHandle> handle,
                                                  std::string_view path,
                                                  std::string_view stream_id);

}  // namespace sluice
