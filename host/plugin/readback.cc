// SPDX-License-Identifier: Apache-2.0
#include "plugin/readback.h"

#include <fmt/core.h>

#include <cstring>
#include <utility>

#include "plugin/abi_text.h"
#include "plugin/call_frame.h"
#include "plugin/instance.h"
#include "plugin/readback_cursor.h"
#include "plugin/silent_listener.h"

namespace sluice {
namespace {

constexpr size_t kTableSize =
    offsetof(sluice_readback_v1, close) + sizeof(sluice_readback_v1::close);

std::string_view ToView(const sluice_text& text) {
  return text.size == 0 ? std::string_view() : std::string_view(text.data, text.size);
}
std::string_view ToView(const sluice_bytes& bytes) {
  if (bytes.size == 0) return {};
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

Digest ToDigest(const sluice_digest& digest) {
  Digest out;
  std::memcpy(out.bytes.data(), digest.bytes, sizeof(digest.bytes));
  return out;
}

tl::unexpected<Status> Broke(std::string text) {
  return Error(StatusCode::kFatal, "the plugin broke the ABI: " + std::move(text));
}

Result<std::vector<Change>> ReadChanges(const sluice_readback_item& item) {
  std::vector<Change> out;
  // The stride is the plugin's size of a change; a smaller one lacks fields of 1.0.
  if (item.change_count > 0 && item.change_stride < sizeof(sluice_change)) {
    return Broke(fmt::format("changes with a stride of {} bytes", item.change_stride));
  }
  out.reserve(item.change_count);
  const auto* position = reinterpret_cast<const char*>(item.changes);
  for (uint64_t i = 0; i < item.change_count; ++i, position += item.change_stride) {
    const auto& change = *reinterpret_cast<const sluice_change*>(position);
    if (change.kind != SLUICE_CHANGE_SET && change.kind != SLUICE_CHANGE_DELETE) {
      if ((change.flags & SLUICE_CHANGE_MUST_UNDERSTAND) == 0) continue;
      return Error(StatusCode::kUnsupported,
                   fmt::format("height {} holds a change of kind {}, which this version does not "
                               "know: use the version that wrote it",
                               item.height, change.kind));
    }
    Change read;
    read.kind = change.kind == SLUICE_CHANGE_SET ? ChangeKind::kSet : ChangeKind::kDelete;
    read.transaction = change.transaction;
    read.sequence = change.sequence;
    read.store = ToView(change.store);
    read.key = ToView(change.key);
    read.value = ToView(change.value);
    out.push_back(read);
  }
  return out;
}

class ReadbackCursor final : public Readback {
 public:
  ReadbackCursor(RawInstance raw, const sluice_readback_v1* table,
                 std::unique_ptr<SilentListener> listener)
      : listener_(std::move(listener)), raw_(raw), table_(table) {}
  ~ReadbackCursor() override {
    if (open_) {
      const CallFrame frame(raw_.handle());
      table_->close(raw_.state(), cursor_);
    }
    raw_.Destroy();
  }

  Status Open(const ReadbackArgs& args) {
    sluice_readback_args abi_args{};
    abi_args.struct_size = sizeof(abi_args);
    abi_args.settings = ToText(args.settings_json);
    abi_args.stream_id = ToText(args.stream_id);
    abi_args.sink_name = ToText(args.sink.str());
    abi_args.home = ToText(args.home);
    abi_args.last_height = args.last_height.value();
    sluice_readback_info abi_info{};
    abi_info.struct_size = sizeof(abi_info);
    abi_info.position.struct_size = sizeof(abi_info.position);
    CallFrame frame(raw_.handle());
    SLUICE_RETURN_IF_ERROR(frame.Finish(table_->open(raw_.state(), &abi_args, &abi_info)));
    open_ = true;
    cursor_ = abi_info.cursor;
    if (abi_info.content != SLUICE_READBACK_CHANGES && abi_info.content != SLUICE_READBACK_STATE) {
      return Broke(fmt::format("a readback of content {}", abi_info.content)).value();
    }
    info_.content = abi_info.content == SLUICE_READBACK_STATE ? ReadbackContent::kState
                                                              : ReadbackContent::kChanges;
    info_.filtered = (abi_info.flags & SLUICE_READBACK_FILTERED) != 0;
    info_.truncated = (abi_info.flags & SLUICE_READBACK_TRUNCATED) != 0;
    info_.first_height = Height(abi_info.first_height);
    SLUICE_ASSIGN_OR_RETURN(info_.position, PositionFromAbi(abi_info.position));
    return Status::Ok();
  }

  const ReadbackInfo& info() const override { return info_; }

  Result<bool> Next(ReadbackItem* item) override {
    sluice_readback_item abi_item{};
    abi_item.struct_size = sizeof(abi_item);
    CallFrame frame(raw_.handle());
    SLUICE_RETURN_IF_ERROR(frame.Finish(table_->next(raw_.state(), cursor_, &abi_item)));
    *item = {};
    if (abi_item.kind == SLUICE_READBACK_END) return false;
    if (abi_item.kind == SLUICE_READBACK_ROW) {
      item->is_row = true;
      item->height = Height(abi_item.height);
      item->digest = ToDigest(abi_item.digest);
      item->digest_known = (abi_item.flags & SLUICE_READBACK_NO_DIGEST) == 0;
      item->store = ToView(abi_item.store);
      item->key = ToView(abi_item.key);
      item->value = ToView(abi_item.value);
      return true;
    }
    if (abi_item.kind != SLUICE_READBACK_HEIGHT) {
      return Broke(fmt::format("a readback item of kind {}", abi_item.kind));
    }
    item->height = Height(abi_item.height);
    item->digest = ToDigest(abi_item.digest);
    item->digest_known = (abi_item.flags & SLUICE_READBACK_NO_DIGEST) == 0;
    if (abi_item.has_previous_digest != 0) {
      item->previous_digest = ToDigest(abi_item.previous_digest);
    }
    item->canonical = ToView(abi_item.canonical);
    item->filtered = (abi_item.flags & SLUICE_BATCH_FILTERED) != 0;
    SLUICE_ASSIGN_OR_RETURN(item->changes, ReadChanges(abi_item));
    return true;
  }

 private:
  const std::unique_ptr<SilentListener> listener_;  // must outlive the instance
  RawInstance raw_;
  const sluice_readback_v1* const table_;
  void* cursor_ = nullptr;
  bool open_ = false;
  ReadbackInfo info_;
};

}  // namespace

Result<std::unique_ptr<Readback>> OpenReadbackCursor(const sluice_plugin* library,
                                                     const PluginIdentity& identity,
                                                     const ReadbackArgs& args) {
  auto listener = std::make_unique<SilentListener>("verify");
  SLUICE_ASSIGN_OR_RETURN(RawInstance raw,
                          RawInstance::Create(library, {args.sink, 0}, listener.get()));
  const auto* table =
      static_cast<const sluice_readback_v1*>(raw.GetExtension(SLUICE_EXT_READBACK_V1));
  if (table == nullptr || table->struct_size < kTableSize) {
    raw.Destroy();
    return Error(StatusCode::kUnsupported,
                 fmt::format("plugin {} {} cannot read back what its sink holds (no {})",
                             identity.id, identity.version, SLUICE_EXT_READBACK_V1));
  }
  auto cursor = std::make_unique<ReadbackCursor>(raw, table, std::move(listener));
  SLUICE_RETURN_IF_ERROR(cursor->Open(args));
  return std::unique_ptr<Readback>(std::move(cursor));
}

}  // namespace sluice
