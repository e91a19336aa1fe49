// SPDX-License-Identifier: Apache-2.0
#include "plugin/elf_image.h"

#include <elf.h>
#include <fmt/core.h>

#include <cstring>
#include <limits>
#include <optional>

namespace sluice {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kHostMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kHostMachine = EM_AARCH64;
#else
#error "Name this machine's ELF number here."
#endif

std::string MachineName(uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i386";
    case EM_RISCV:
      return "riscv";
    default:
      return fmt::format("machine {}", machine);
  }
}

tl::unexpected<Status> Wrong(std::string text) {
  return Error(StatusCode::kPlugin, std::move(text));
}

tl::unexpected<Status> Truncated(std::string_view what, uint64_t promised, uint64_t size) {
  return Wrong(
      fmt::format("is truncated or damaged ({} would need {} bytes, the file has {}): "
                  "copy or build it again",
                  what, promised, size));
}

// Where a piece of `count` entries ends; the largest number where that overflows.
uint64_t EndOf(uint64_t offset, uint64_t count, uint64_t entry_size = 1) {
  uint64_t size = 0;
  uint64_t end = 0;
  if (__builtin_mul_overflow(count, entry_size, &size) ||
      __builtin_add_overflow(offset, size, &end)) {
    return std::numeric_limits<uint64_t>::max();
  }
  return end;
}

// Copied out, because headers of a damaged file need not be aligned. The caller has checked the
// end.
template <typename T>
T At(std::string_view bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

Status CheckIdentification(std::string_view bytes) {
  if (bytes.empty()) {
    return {StatusCode::kPlugin, "the file is empty: copy or build it again"};
  }
  if (bytes.size() < SELFMAG || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
    return {StatusCode::kPlugin,
            "not a shared library (no ELF header): give the path of a plugin's .so file"};
  }
  if (bytes.size() < EI_NIDENT) {
    return Truncated("the ELF header", sizeof(Elf64_Ehdr), bytes.size()).value();
  }
  if (bytes[EI_CLASS] != ELFCLASS64) {
    return {StatusCode::kPlugin,
            "a 32-bit library, this node is 64-bit: build it for " + MachineName(kHostMachine)};
  }
  if (bytes[EI_DATA] != ELFDATA2LSB) {
    return {StatusCode::kPlugin, "a big-endian library, this node is little-endian: build it for " +
                                     MachineName(kHostMachine)};
  }
  if (bytes.size() < sizeof(Elf64_Ehdr)) {
    return Truncated("the ELF header", sizeof(Elf64_Ehdr), bytes.size()).value();
  }
  const auto header = At<Elf64_Ehdr>(bytes, 0);
  if (header.e_machine != kHostMachine) {
    return {StatusCode::kPlugin, fmt::format("built for {}, this node runs on {}: build it for {}",
                                             MachineName(header.e_machine),
                                             MachineName(kHostMachine), MachineName(kHostMachine))};
  }
  if (header.e_type != ET_DYN) {
    return {StatusCode::kPlugin,
            "an ELF file, but not a shared library: link it as one (-shared), or with "
            "sluice_add_plugin()"};
  }
  return Status::Ok();
}

Status CheckSegments(std::string_view bytes, const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0) {
    return {StatusCode::kPlugin, "has no program headers: copy or build it again"};
  }
  const uint64_t table_end = EndOf(header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr));
  if (table_end > bytes.size()) {
    return Truncated("its program headers", table_end, bytes.size()).value();
  }
  bool has_dynamic = false;
  bool has_load = false;
  for (uint16_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = At<Elf64_Phdr>(bytes, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (segment.p_type != PT_LOAD && segment.p_type != PT_DYNAMIC) continue;
    const uint64_t end = EndOf(segment.p_offset, segment.p_filesz);
    if (end > bytes.size()) return Truncated("a segment", end, bytes.size()).value();
    if (segment.p_type == PT_DYNAMIC) has_dynamic = true;
    if (segment.p_type == PT_LOAD) has_load = true;
  }
  if (!has_dynamic || !has_load) {
    return {StatusCode::kPlugin, "has nothing to load (no dynamic section): build it again"};
  }
  return Status::Ok();
}

// The section of type SHT_DYNSYM. Section headers stand at the end of what linkers write, so that
// asking for them also finds a file whose end is missing.
Result<std::optional<Elf64_Shdr>> FindDynamicSymbols(std::string_view bytes,
                                                     const Elf64_Ehdr& header) {
  if (header.e_shoff == 0 || header.e_shnum == 0) return std::optional<Elf64_Shdr>();
  if (header.e_shentsize != sizeof(Elf64_Shdr)) {
    return Wrong("has section headers of an unknown size: build it again");
  }
  const uint64_t table_end = EndOf(header.e_shoff, header.e_shnum, sizeof(Elf64_Shdr));
  if (table_end > bytes.size()) {
    return Truncated("its section headers", table_end, bytes.size());
  }
  std::optional<Elf64_Shdr> found;
  for (uint16_t i = 0; i < header.e_shnum; ++i) {
    const auto section = At<Elf64_Shdr>(bytes, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (section.sh_type == SHT_NOBITS || section.sh_type == SHT_NULL) continue;
    const uint64_t end = EndOf(section.sh_offset, section.sh_size);
    if (end > bytes.size()) return Truncated("a section", end, bytes.size());
    if (section.sh_type == SHT_DYNSYM) found = section;
  }
  return found;
}

}  // namespace

Result<ElfFacts> ReadElf(std::string_view bytes) {
  SLUICE_RETURN_IF_ERROR(CheckIdentification(bytes));
  const auto header = At<Elf64_Ehdr>(bytes, 0);
  SLUICE_RETURN_IF_ERROR(CheckSegments(bytes, header));
  SLUICE_ASSIGN_OR_RETURN(const std::optional<Elf64_Shdr> symbols,
                          FindDynamicSymbols(bytes, header));
  if (!symbols) {
    return Wrong(
        "has no table of exported symbols: do not strip its section headers "
        "(strip --strip-unneeded keeps them)");
  }
  if (symbols->sh_entsize != sizeof(Elf64_Sym) || symbols->sh_link >= header.e_shnum) {
    return Wrong("has a damaged table of exported symbols: build it again");
  }
  const auto names = At<Elf64_Shdr>(bytes, header.e_shoff + symbols->sh_link * sizeof(Elf64_Shdr));
  if (names.sh_type != SHT_STRTAB) {
    return Wrong("has a damaged table of symbol names: build it again");
  }
  const std::string_view texts = bytes.substr(names.sh_offset, names.sh_size);

  ElfFacts facts;
  facts.machine = MachineName(header.e_machine);
  for (uint64_t i = 0; i < symbols->sh_size / sizeof(Elf64_Sym); ++i) {
    const auto symbol = At<Elf64_Sym>(bytes, symbols->sh_offset + i * sizeof(Elf64_Sym));
    const auto binding = ELF64_ST_BIND(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF || (binding != STB_GLOBAL && binding != STB_WEAK)) continue;
    if (symbol.st_name >= texts.size()) {
      return Wrong("has a damaged table of symbol names: build it again");
    }
    const std::string_view rest = texts.substr(symbol.st_name);
    facts.exported_symbols.emplace_back(rest.substr(0, rest.find('\0')));
  }
  return facts;
}

}  // namespace sluice
