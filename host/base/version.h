// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sluice {

// "0.1.0": the project's version, from CMakeLists.txt.
const char* SluiceVersion();

}  // namespace sluice
