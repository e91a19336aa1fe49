// SPDX-License-Identifier: Apache-2.0
#include "plugin/preflight.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "model/digest.h"
#include "sluice/plugin.h"

namespace sluice {
namespace {

constexpr std::string_view kEntryPrefix = "sluice_plugin_entry_v";

Status CheckPin(const std::string& sha256, const std::string& pin) {
  if (pin.empty()) return Status::Ok();
  std::string expected = pin;
  std::transform(expected.begin(), expected.end(), expected.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (expected == sha256) return Status::Ok();
  return {StatusCode::kConfiguration,
          fmt::format("its SHA-256 is {}, the configuration pins {}: install the pinned file, or "
                      "change the pin if this one is meant",
                      sha256, pin)};
}

}  // namespace

Status CheckEntrySymbol(const ElfFacts& elf) {
  std::string other_majors;
  for (const std::string& symbol : elf.exported_symbols) {
    if (symbol == SLUICE_PLUGIN_ENTRY_SYMBOL) return Status::Ok();
    if (symbol.compare(0, kEntryPrefix.size(), kEntryPrefix) == 0) {
      other_majors += (other_majors.empty() ? "" : ", ") + symbol.substr(kEntryPrefix.size());
    }
  }
  if (!other_majors.empty()) {
    return {StatusCode::kPlugin,
            fmt::format("it speaks major version {} of the plugin ABI, this node speaks {}: use a "
                        "build of the plugin for version {}",
                        other_majors, SLUICE_ABI_MAJOR, SLUICE_ABI_MAJOR)};
  }
  return {StatusCode::kPlugin,
          fmt::format("a shared library, but not a Sluice plugin (it does not export {}): give the "
                      "path of a plugin",
                      SLUICE_PLUGIN_ENTRY_SYMBOL)};
}

Result<CheckedLibrary> Preflight(const std::filesystem::path& path, const std::string& pin) {
  SLUICE_ASSIGN_OR_RETURN(LibraryImage image, LibraryImage::Copy(path));
  const std::string sha256 = Sha256(image.bytes()).ToHex();
  // Before all else that looks into the bytes: a file that is not the pinned one is not examined.
  SLUICE_RETURN_IF_ERROR(CheckPin(sha256, pin));
  SLUICE_ASSIGN_OR_RETURN(ElfFacts elf, ReadElf(image.bytes()));
  return CheckedLibrary{std::move(image), std::move(elf), sha256};
}

}  // namespace sluice
