// SPDX-License-Identifier: Apache-2.0
//
// Bytes that are accepted as canonical are the ones that writing their content gives.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "model/change_set.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto parsed = sluice::ChangeSet::Parse(bytes, sluice::Digest(), sluice::Digest());
  if (!parsed) return 0;
  const auto written = sluice::FilterChangeSet(**parsed, sluice::ChangeFilter());
  if (!(*parsed)->filtered()) bytes += "\x30\x01";  // the filter marks what it writes
  SLUICE_CHECK(written->canonical() == bytes, "accepted bytes are not canonical");
  return 0;
}
