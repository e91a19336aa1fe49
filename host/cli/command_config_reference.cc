// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "config/reference.h"
#include "metrics/exposition.h"

namespace sluice {

int RunConfigReference(const CommandLine& line) {
  std::string text;
  if (line.metrics) {
    text = line.json ? MetricsReferenceJson() : MetricsReference();
  } else {
    text = line.json ? ReferenceJson(NodeProperties()) : ReferenceMarkdown(NodeProperties());
  }
  if (text.empty() || text.back() != '\n') text += '\n';
  PrintBytes(text);
  return kExitDone;
}

}  // namespace sluice
