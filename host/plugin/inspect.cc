// SPDX-License-Identifier: Apache-2.0
#include "plugin/inspect.h"

#include "model/digest.h"
#include "plugin/preflight.h"

namespace sluice {

Result<PluginInspection> InspectPlugin(const std::filesystem::path& path, bool run) {
  auto image = LibraryImage::Copy(path);
  if (!image) {
    return Error(
        image.error().WithContext("plugin " + path.stem().string() + ": " + path.string()));
  }
  PluginInspection out;
  out.path = path;
  out.file = image->file();
  out.sha256 = Sha256(image->bytes()).ToHex();
  const auto elf = ReadElf(image->bytes());
  if (!elf) {
    out.status = elf.error();
    return out;
  }
  out.machine = elf->machine;
  out.exported_symbols = elf->exported_symbols;
  out.status = CheckEntrySymbol(*elf);
  if (!out.status.ok() || !run) return out;

  PluginLoader loader({});
  // The pin makes sure that what is loaded is what was looked at.
  auto library = loader.Load(std::filesystem::absolute(path).string(), out.sha256);
  if (library) {
    out.identity = (*library)->identity();
  } else {
    out.status = library.error();
  }
  return out;
}

}  // namespace sluice
