// SPDX-License-Identifier: Apache-2.0
//
// From the format library's faults to the ABI's statuses. Threading: a pure function.
#pragma once

#include <sluice/plugin.hpp>

#include "file/fault.h"

namespace sluice_file {

inline sluice::sdk::Status StatusOf(const Fault& fault) {
  using sluice::sdk::Status;
  switch (fault.kind()) {
    case FaultKind::kNone:
      return Status::Ok();
    case FaultKind::kIo:
    case FaultKind::kNoSpace:
    case FaultKind::kLocked:
      return Status::Retry(fault.text());
    case FaultKind::kInvalid:
      return Status::Invalid(fault.text());
    case FaultKind::kFenced:
      return Status::Fenced(fault.text());
    case FaultKind::kDamage:
      break;
  }
  return Status::Fatal(
      fault.text() +
      "; nothing was changed: restore the file from a copy, or move the folder away "
      "and start the sink anew");
}

}  // namespace sluice_file
