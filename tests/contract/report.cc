// SPDX-License-Identifier: Apache-2.0
#include "contract/report.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <new>

#include "base/check.h"

namespace sluice::contract {
namespace {
constexpr size_t kTextBytes = 64 << 10;
}  // namespace

struct Report::Page {
  std::atomic<uint64_t> epoch{0};
  std::atomic<size_t> used{0};
  std::array<char, kTextBytes> text{};
};

Report::Report() : page_(nullptr) {
  void* const memory =
      ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SLUICE_CHECK(memory != MAP_FAILED, "there is memory for a report");
  page_ = new (memory) Page;
}

Report::~Report() { ::munmap(page_, sizeof(Page)); }

void Report::Add(Finding finding, std::string_view text) {
  std::string line(1, static_cast<char>(finding));
  line += text;
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  const size_t at = page_->used.fetch_add(line.size());
  if (at >= kTextBytes) return;
  std::copy_n(line.begin(), std::min(line.size(), kTextBytes - at), page_->text.begin() + at);
}

std::vector<Report::Line> Report::Lines() const {
  std::vector<Line> lines;
  std::string_view left(page_->text.data(), std::min(page_->used.load(), kTextBytes));
  while (!left.empty()) {
    const std::string_view line = left.substr(0, left.find('\n'));
    if (!line.empty()) {
      lines.push_back({static_cast<Finding>(line.front()), std::string(line.substr(1))});
    }
    left.remove_prefix(std::min(left.size(), line.size() + 1));
  }
  return lines;
}

Epoch Report::NextEpoch() { return Epoch(page_->epoch.fetch_add(1) + 1); }

}  // namespace sluice::contract
