// SPDX-License-Identifier: Apache-2.0
//
// Digests as the ABI gives them and as the format library has them. Threading: pure functions.
#pragma once

#include <sluice/plugin.h>

#include <algorithm>
#include <iterator>

#include "file/frame.h"

namespace sluice_file {

inline Digest ToDigest(const sluice_digest& digest) {
  Digest out;
  std::copy(std::begin(digest.bytes), std::end(digest.bytes), out.begin());
  return out;
}

inline sluice_digest FromDigest(const Digest& digest) {
  sluice_digest out;
  std::copy(digest.begin(), digest.end(), std::begin(out.bytes));
  return out;
}

}  // namespace sluice_file
