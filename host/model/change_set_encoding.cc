// SPDX-License-Identifier: Apache-2.0
#include "model/change_set_encoding.h"

namespace sluice::encoding {
namespace {

char* PutTag(char* out, uint8_t tag) {
  *out++ = static_cast<char>(tag);
  return out;
}

// A number with its tag; nothing where it is 0.
char* PutNumber(char* out, uint8_t tag, uint64_t value) {
  return value == 0 ? out : PutVarint(PutTag(out, tag), value);
}
constexpr size_t NumberSize(uint64_t value) { return value == 0 ? 0 : 1 + VarintSize(value); }
constexpr size_t BytesSize(size_t size) { return 1 + VarintSize(size) + size; }

}  // namespace

void AppendHead(std::string* out, std::string_view stream_id, Height height,
                int64_t time_unix_nanos) {
  out->push_back(static_cast<char>(kStreamIdTag));
  AppendLengthDelimited(out, stream_id);
  out->push_back(static_cast<char>(kHeightTag));
  AppendVarint(out, height.value());
  if (time_unix_nanos != 0) {
    out->push_back(static_cast<char>(kTimeTag));
    AppendFixed64(out, static_cast<uint64_t>(time_unix_nanos));
  }
}

size_t AppendChange(std::string* out, const Change& change) {
  const bool is_set = change.kind == ChangeKind::kSet;
  const size_t size = NumberSize(change.transaction) + NumberSize(change.sequence) + 2 +
                      BytesSize(change.store.size()) + BytesSize(change.key.size()) +
                      (is_set ? BytesSize(change.value.size()) : 0);

  // Everything up to the store's bytes goes through one small buffer: one append instead of nine.
  char head[6 + kMaxVarintSize * 4];
  char* end = PutVarint(PutTag(head, kChangeTag), size);
  end = PutNumber(end, kChangeTransactionTag, change.transaction);
  end = PutNumber(end, kChangeSequenceTag, change.sequence);
  end = PutTag(PutTag(end, kChangeKindTag), static_cast<uint8_t>(change.kind));
  end = PutVarint(PutTag(end, kChangeStoreTag), change.store.size());
  out->append(head, end);
  const size_t store_offset = out->size();
  out->append(change.store);

  out->append(head, PutVarint(PutTag(head, kChangeKeyTag), change.key.size()));
  out->append(change.key);
  if (is_set) {
    out->append(head, PutVarint(PutTag(head, kChangeValueTag), change.value.size()));
    out->append(change.value);
  }
  return store_offset;
}

void AppendTail(std::string* out, std::span<const TransactionResult> results, bool filtered) {
  for (const TransactionResult& result : results) {
    char body[2 + kMaxVarintSize * 2];
    char* end = PutNumber(body, kResultIndexTag, result.index);
    end = PutNumber(end, kResultCodeTag, result.code);
    out->push_back(static_cast<char>(kTransactionTag));
    AppendLengthDelimited(out, {body, static_cast<size_t>(end - body)});
  }
  if (filtered) out->append({static_cast<char>(kFilteredTag), 1});
}

}  // namespace sluice::encoding
