// SPDX-License-Identifier: Apache-2.0
#include "store/view.h"

namespace sluice {

KeyRange KeyRange::Prefix(std::string_view prefix) {
  KeyRange range;
  if (prefix.empty()) return range;
  range.lower = std::string(prefix);
  // The first key after all that begin so: 0xff cannot be counted up, the byte before it can.
  std::string upper(prefix);
  while (!upper.empty() && static_cast<unsigned char>(upper.back()) == 0xff) upper.pop_back();
  if (!upper.empty()) {
    upper.back() = static_cast<char>(static_cast<unsigned char>(upper.back()) + 1);
    range.upper = std::move(upper);
  }
  return range;
}

}  // namespace sluice
