// SPDX-License-Identifier: Apache-2.0
//
// The queries with which a sink's rows are read back. Threading: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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
// The names of tables that may be a store's.
std::string StoreTablesSelect(const Settings& settings);

// How many keys of the state are not what the changes above `base` give, and one of them: count,
// store, key as hexadecimal digits. `state` is what StateSelect gave. Rows of the state that no
// change has written count only where base is 0.
std::string StateDifferenceSelect(const Settings& settings, const SinkKey& key, uint64_t base,
                                  const std::string& state);

}  // namespace sluice_postgres
