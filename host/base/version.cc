// SPDX-License-Identifier: Apache-2.0
#include "base/version.h"

namespace sluice {

const char* SluiceVersion() { return SLUICE_VERSION; }

}  // namespace sluice
