// SPDX-License-Identifier: Apache-2.0
//
// What an operator can do about a sink that cannot count. Threading: a pure function.
#pragma once

#include <string_view>

namespace sluice {

// `reason`: why, as the sink's loop tells it; it begins with the name of the reason
// ("ahead: the sink is at 8, the node at 5").
std::string_view AdviceFor(std::string_view reason);

}  // namespace sluice
