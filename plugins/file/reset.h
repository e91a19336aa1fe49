// SPDX-License-Identifier: Apache-2.0
//
// Makes a sink's folder empty: the files of its stream are deleted, FENCE stays and keeps older
// incarnations out. What else is in the folder is left alone.
// Threading: control thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "file/fault.h"

namespace sluice_file {

struct ResetArgs {
  std::filesystem::path folder;
  uint64_t epoch = 0;
  std::string stream;
  std::string sink;
};

// Durable when it returns OK. Damaged files are deleted as well. kFenced, kInvalid (the folder is
// another stream's or sink's), kDamage (nobody can tell whose it is): nothing was changed. After
// any other fault, or a crash, the epoch may be raised and files may be left, from the first one
// on: it is to be called again.
Fault ResetFolder(const ResetArgs& args);

}  // namespace sluice_file
