// SPDX-License-Identifier: Apache-2.0
#include "node/halt_record.h"

#include <nlohmann/json.hpp>

#include "base/log.h"

namespace sluice {

std::string EncodeHaltRecord(int64_t unix_nanos, Height height, const std::string& reason) {
  nlohmann::ordered_json record = {
      {"time", FormatTime(unix_nanos)}, {"height", height.value()}, {"reason", reason}};
  return record.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sluice
