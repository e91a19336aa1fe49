// SPDX-License-Identifier: Apache-2.0
#include "plugin/loaded_code.h"

#include <link.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace sluice {
namespace {

struct Entry {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  std::string description;
  const Entry* next = nullptr;
};
std::atomic<const Entry*> g_entries{nullptr};

struct Search {
  uintptr_t address;
  Entry* entry;
};

int FindLibrary(struct dl_phdr_info* info, size_t /*size*/, void* data) {
  auto* search = static_cast<Search*>(data);
  uintptr_t begin = UINTPTR_MAX;
  uintptr_t end = 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    begin = std::min<uintptr_t>(begin, info->dlpi_addr + segment.p_vaddr);
    end = std::max<uintptr_t>(end, info->dlpi_addr + segment.p_vaddr + segment.p_memsz);
  }
  if (search->address < begin || search->address >= end) return 0;
  search->entry->begin = begin;
  search->entry->end = end;
  return 1;
}

}  // namespace

void RegisterLoadedCode(const void* inside, const std::string& description) {
  auto* entry = new Entry;  // never freed: it is read by signal handlers
  entry->description = description;
  Search search{reinterpret_cast<uintptr_t>(inside), entry};
  ::dl_iterate_phdr(&FindLibrary, &search);
  const Entry* head = g_entries.load(std::memory_order_relaxed);
  do {
    entry->next = head;
  } while (!g_entries.compare_exchange_weak(head, entry, std::memory_order_release,
                                            std::memory_order_relaxed));
}

const char* DescribeLoadedCode(const void* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  for (const Entry* entry = g_entries.load(std::memory_order_acquire); entry != nullptr;
       entry = entry->next) {
    if (wanted >= entry->begin && wanted < entry->end) return entry->description.c_str();
  }
  return nullptr;
}

}  // namespace sluice
