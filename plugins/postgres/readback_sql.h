// SPDX-License-Identifier: Apache-2.0
//
// The queries with which a sink's rows are read back. Threading: none of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postgres/connection.h"
#include "postgres/position.h"
#include "postgres/settings.h"

namespace sluice_postgres {

inline constexpr uint16_t kChangesSelectFields = 11;
inline constexpr uint16_t kStateSelectFields = 3;

// height, then digest, filtered, count of changes of a row of the heights, then seq, tx, op, store,
// key, value, old_value of a row of the changes; what belongs to the other kind is NULL. In the
// order of heights; the rows of one height come in any order.
std::string ChangesSelect(const Settings& settings, const SinkKey& key, uint64_t first,
                          uint64_t last);

// store, key, value; with table_per_store out of the tables named, and nothing where there is none.
std::string StateSelect(const Settings& settings, const SinkKey& key,
                        const std::vector<std::string>& store_tables);
// The names of tables that may be a store's, appended to `tables`.
Fault ReadStoreTables(const Settings& settings, Connection* connection,
                      std::vector<std::string>* tables);

// How many keys of the state are not what the changes from `first` on give, and one of them: count,
// store, key as hexadecimal digits. `state` is what StateSelect gave. `complete`: these are all
// changes, so that a row of the state that none has written counts as well.
std::string StateDifferenceSelect(const Settings& settings, const SinkKey& key, uint64_t first,
                                  bool complete, const std::string& state);

}  // namespace sluice_postgres
