// SPDX-License-Identifier: Apache-2.0
//
// The status page as a browser gets it; status_page.html, put into the program when it is built.
#pragma once

#include <string_view>

namespace sluice {

extern const std::string_view kStatusPage;

}  // namespace sluice
