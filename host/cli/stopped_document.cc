// SPDX-License-Identifier: Apache-2.0
#include "cli/stopped_document.h"

#include <memory>

#include "cli/read_home.h"
#include "node/node_status.h"
#include "node/stopped_status.h"

namespace sluice {

Result<std::string> StoppedDocument(const Config& config, const std::string& home) {
  Result<std::unique_ptr<Database>> database = OpenDatabaseToRead(config, home);
  if (!database && database.error().code() != StatusCode::kNotFound) {
    return Error(database.error());
  }
  SLUICE_ASSIGN_OR_RETURN(NodeStatus status,
                          StoppedStatus(config, database ? database->get() : nullptr));
  return StatusToJson(status);
}

}  // namespace sluice
