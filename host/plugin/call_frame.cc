// SPDX-License-Identifier: Apache-2.0
#include "plugin/call_frame.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace sluice {
namespace {

constexpr uint64_t kTextBytesMax = 4096;

thread_local CallFrame* t_innermost = nullptr;

}  // namespace

CallFrame::CallFrame(const HostHandle* handle, const std::shared_ptr<BatchView>* batch)
    : handle_(handle), batch_(batch), outer_(t_innermost) {
  t_innermost = this;
}

CallFrame::~CallFrame() { t_innermost = outer_; }

CallFrame* CallFrame::Find(const HostHandle* handle) {
  CallFrame* frame = t_innermost;
  while (frame != nullptr && frame->handle_ != handle) frame = frame->outer_;
  return frame;
}

Status CallFrame::Finish(int32_t abi_status) {
  const StatusCode code = StatusCodeFromAbi(abi_status);
  if (code == StatusCode::kOk) return Status::Ok();
  std::string text = std::exchange(reason_, {});
  if (text.empty()) text = "(the plugin gave no reason)";
  if (code == StatusCode::kFatal && abi_status != SLUICE_FATAL) {
    text += fmt::format(" (it answered {}, which is no status)", abi_status);
  }
  return {code, std::move(text)};
}

std::string CopyPluginText(const sluice_text& text) {
  if (text.data == nullptr || text.size == 0) return {};
  std::string copy(text.data, std::min(text.size, kTextBytesMax));
  // A cut in the middle of a character must not cost the whole text.
  if (text.size > kTextBytesMax) {
    while (!copy.empty() && (static_cast<unsigned char>(copy.back()) & 0xC0U) == 0x80U) {
      copy.pop_back();
    }
    if (!copy.empty() && static_cast<unsigned char>(copy.back()) >= 0x80U) copy.pop_back();
    copy += "…";
  }
  const bool utf8 = IsUtf8(copy);
  for (char& c : copy) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20U || byte == 0x7FU) c = ' ';
    if (byte >= 0x80U && !utf8) c = '?';
  }
  while (!copy.empty() && copy.back() == ' ') copy.pop_back();
  return copy;
}

}  // namespace sluice
