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

inline constexpr uint16_t kChangesSelectFields = 12;
inline constexpr uint16_t kStateSelectFields = 3;

// height, digest, filtered, count of changes, whether a change follows, then that change: one row a
// change, and one for a height without any; in order.
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
