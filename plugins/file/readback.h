// SPDX-License-Identifier: Apache-2.0
//
// Reading back what the sink holds (sluice.readback/1): takes no lock, changes nothing, and may run
// while another process writes. Memory: one height. Threading: control thread.
#pragma once

#include <memory>
#include <sluice/plugin.hpp>

namespace sluice_file {

sluice::sdk::Status OpenFileReadback(const sluice::sdk::ReadbackArgs& args,
                                     sluice::sdk::ReadbackInfo* info,
                                     std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor);

}  // namespace sluice_file
