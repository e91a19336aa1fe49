// SPDX-License-Identifier: Apache-2.0
//
// What is known of a plugin file before any of its code runs: kind of file, owner, mode, ELF
// headers, entry symbol, SHA-256 pin. Threading: one thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/status.h"
#include "plugin/elf_image.h"
#include "plugin/library_image.h"

namespace sluice {

struct CheckedLibrary {
  LibraryImage image;
  ElfFacts elf;
  std::string sha256;  // hexadecimal, lower case
};

// `pin`: the SHA-256 expected, in hexadecimal of any case, or empty. kPlugin, or kConfiguration
// where the pin is not met. Texts name no file.
Result<CheckedLibrary> Preflight(const std::filesystem::path& path, const std::string& pin);

// kPlugin unless the library exports the entry of the host's ABI major.
Status CheckEntrySymbol(const ElfFacts& elf);

}  // namespace sluice
