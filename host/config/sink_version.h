// SPDX-License-Identifier: Apache-2.0
//
// The configuration version of a sink: equal versions mean that a running instance needs no
// restart. Threading: pure function.
#pragma once

#include <string>

#include "config/config.h"

namespace sluice {

// SHA-256, in hexadecimal, over everything that an instance of the sink is made with. Not in it:
// the name, enabled and ack, which change what the host does with the sink and not the instance.
std::string SinkConfigVersion(const SinkConfig& sink);

}  // namespace sluice
