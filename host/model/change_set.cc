// SPDX-License-Identifier: Apache-2.0
//
// Reading canonical bytes. They are the protobuf message sluice.stream.v1.ChangeSet in the one form
// that equal content has, so that a digest over them means something; what is not in that form is
// refused.
//
//   change_set  := 0A bytes(stream_id)          not empty, UTF-8
//                  10 varint(height)            from 1
//                  [19 fixed64(time)]           nanoseconds since 1970 as two's complement; not 0
//                  (22 message(change))*
//                  (2A message(result))*
//                  [30 01]                      filtered
//   change      := [08 varint(transaction)]     not 0; never less than that of the change before
//                  [10 varint(sequence)]        not 0; one more than the change before; filtered:
//                  more 18 kind                      01 set, 02 delete 22 bytes(store) not empty,
//                  UTF-8 2A bytes(key)                not empty [32 bytes(value)] exactly on set;
//                  may be empty
//   result      := [08 varint(index)]           not 0; 0, 1, 2, … without a gap
//                  [10 varint(code)]            not 0
//   bytes(x)    := varint(size of x) x          size below 2^31
//   message(x)  := bytes(x)
//   varint      := base 128, least significant group first, shortest form
//   fixed64     := 8 bytes, least significant first
//
// A change's transaction has a result, and its code is 0: a failed transaction leaves no change.
// docs/formats.md walks through an example.
#include "model/change_set.h"

#include <fmt/core.h>

#include <utility>

#include "base/bytes.h"
#include "model/change_set_encoding.h"

namespace sluice {
namespace {

using namespace encoding;  // NOLINT(google-build-using-namespace): the tags of the grammar above

std::string_view ReadText(WireReader* reader, const char* empty, const char* not_utf8) {
  const size_t start = reader->offset();
  const std::string_view text = reader->ReadLengthDelimited();
  if (text.empty()) {
    reader->Fail(start, empty);
  } else if (!IsUtf8(text)) {
    reader->Fail(start, not_utf8);
  }
  return text;
}

void Expect(WireReader* reader, uint8_t tag, const char* missing) {
  if (!reader->TakeTag(tag)) reader->Fail(reader->offset(), missing);
}

Change ReadChange(WireReader* reader, std::string_view previous_store) {
  Change change;
  const size_t outer_end = reader->EnterMessage();
  if (reader->TakeTag(kChangeTransactionTag)) {
    change.transaction = static_cast<uint32_t>(reader->ReadNonZero(UINT32_MAX));
  }
  if (reader->TakeTag(kChangeSequenceTag)) {
    change.sequence = static_cast<uint32_t>(reader->ReadNonZero(UINT32_MAX));
  }
  Expect(reader, kChangeKindTag, "a change without its kind");
  const size_t kind_offset = reader->offset();
  const uint64_t kind = reader->ReadVarint();
  if (kind != 1 && kind != 2) reader->Fail(kind_offset, "a change neither set nor delete");
  change.kind = static_cast<ChangeKind>(kind);

  Expect(reader, kChangeStoreTag, "a change without its store");
  const size_t store_offset = reader->offset();
  change.store = reader->ReadLengthDelimited();
  // Changes of one store come in runs: the same name need not be looked at again.
  if (change.store != previous_store && !IsUtf8(change.store)) {
    reader->Fail(store_offset, "a store's name is not UTF-8");
  }
  if (change.store.empty()) reader->Fail(store_offset, "a store's name is empty");

  Expect(reader, kChangeKeyTag, "a change without its key");
  const size_t key_offset = reader->offset();
  change.key = reader->ReadLengthDelimited();
  if (change.key.empty()) reader->Fail(key_offset, "a key is empty");

  if (change.kind == ChangeKind::kSet) {
    Expect(reader, kChangeValueTag, "a set without its value");
    change.value = reader->ReadLengthDelimited();
  }
  reader->LeaveMessage(outer_end);
  return change;
}

TransactionResult ReadResult(WireReader* reader) {
  TransactionResult result;
  const size_t outer_end = reader->EnterMessage();
  if (reader->TakeTag(kResultIndexTag)) {
    result.index = static_cast<uint32_t>(reader->ReadNonZero(UINT32_MAX));
  }
  if (reader->TakeTag(kResultCodeTag)) {
    result.code = static_cast<uint32_t>(reader->ReadNonZero(UINT32_MAX));
  }
  reader->LeaveMessage(outer_end);
  return result;
}

// Where a well-formed change begins (its tag), from what stands between there and its store's
// bytes.
size_t ChangeOffset(std::string_view canonical, const Change& change) {
  const size_t value_field = change.kind == ChangeKind::kSet
                                 ? 1 + VarintSize(change.value.size()) + change.value.size()
                                 : 0;
  const size_t store_field = 1 + VarintSize(change.store.size());
  const size_t numbers = (change.transaction == 0 ? 0 : 1 + VarintSize(change.transaction)) +
                         (change.sequence == 0 ? 0 : 1 + VarintSize(change.sequence)) + 2;
  const size_t body = numbers + store_field + change.store.size() + 1 +
                      VarintSize(change.key.size()) + change.key.size() + value_field;
  return static_cast<size_t>(change.store.data() - canonical.data()) - store_field - numbers -
         VarintSize(body) - 1;
}

}  // namespace

Result<std::shared_ptr<const ChangeSet>> ChangeSet::Parse(std::string canonical,
                                                          const Digest& previous_digest,
                                                          const Digest& digest,
                                                          std::vector<OldValue> old_values) {
  std::shared_ptr<ChangeSet> change_set(new ChangeSet());
  change_set->canonical_ = std::move(canonical);
  change_set->previous_digest_ = previous_digest;
  change_set->digest_ = digest;
  change_set->old_values_ = std::move(old_values);
  if (Status status = change_set->Decode(); !status.ok()) {
    return Error(status.WithContext("change set is not in canonical form"));
  }
  SLUICE_RETURN_IF_ERROR(change_set->AttachOldValues());
  return change_set;
}

Status ChangeSet::Decode() {
  if (canonical_.size() > kMaxWireLength) {
    return Status(StatusCode::kCorruption,
                  fmt::format("byte {}: longer than any change set", kMaxWireLength));
  }
  WireReader reader(canonical_);
  Expect(&reader, kStreamIdTag, "no stream id");
  stream_id_ = ReadText(&reader, "the stream id is empty", "the stream id is not UTF-8");
  Expect(&reader, kHeightTag, "no height");
  height_ = Height(reader.ReadNonZero());
  if (reader.TakeTag(kTimeTag)) {
    const size_t start = reader.offset();
    time_unix_nanos_ = static_cast<int64_t>(reader.ReadFixed64());
    if (time_unix_nanos_ == 0) reader.Fail(start, "default value written out");
  }

  // Until `filtered` at the end is known, a first gap in the sequence is only remembered.
  size_t gap_offset = 0;
  std::string_view store;
  while (reader.ok()) {
    const size_t start = reader.offset();
    if (!reader.TakeTag(kChangeTag)) break;
    const Change change = ReadChange(&reader, store);
    const uint64_t next = changes_.empty() ? 0 : uint64_t{changes_.back().sequence} + 1;
    if (change.sequence < next) reader.Fail(start, "a change's sequence does not rise");
    if (!changes_.empty() && change.transaction < changes_.back().transaction) {
      reader.Fail(start, "a change's transaction is before that of the change before it");
    }
    if (change.sequence != next && gap_offset == 0) gap_offset = start;
    if (!reader.ok()) break;
    store = change.store;
    changes_.push_back(change);
  }

  while (reader.ok()) {
    const size_t start = reader.offset();
    if (!reader.TakeTag(kTransactionTag)) break;
    const TransactionResult result = ReadResult(&reader);
    if (result.index != transactions_.size()) {
      reader.Fail(start, "a transaction result is missing, repeated or out of order");
    }
    transactions_.push_back(result);
  }

  if (reader.TakeTag(kFilteredTag)) {
    reader.ReadNonZero(1);
    filtered_ = true;
  }
  reader.ExpectEnd();
  if (reader.ok()) CheckAcrossFields(&reader, gap_offset);
  return reader.ToStatus();
}

void ChangeSet::CheckAcrossFields(WireReader* reader, size_t gap_offset) const {
  if (!filtered_ && gap_offset != 0) {
    reader->Fail(gap_offset, "a change is missing from an unfiltered change set");
  }
  for (const Change& change : changes_) {
    if (change.transaction >= transactions_.size()) {
      reader->Fail(ChangeOffset(canonical_, change), "a change of a transaction without result");
    } else if (transactions_[change.transaction].code != 0) {
      reader->Fail(ChangeOffset(canonical_, change), "a change of a failed transaction");
    }
  }
}

Status ChangeSet::AttachOldValues() {
  size_t i = 0;
  const OldValue* previous = nullptr;
  for (const OldValue& old_value : old_values_) {
    while (i < changes_.size() && changes_[i].sequence < old_value.sequence) ++i;
    const bool repeated = previous != nullptr && previous->sequence >= old_value.sequence;
    if (repeated || i == changes_.size() || changes_[i].sequence != old_value.sequence) {
      return Status(
          StatusCode::kCorruption,
          fmt::format("change set of height {}: old value for change {}, which is {}", height_,
                      old_value.sequence, repeated ? "out of order" : "not in it"));
    }
    changes_[i].has_old_value = true;
    changes_[i].old_value = old_value.value;
    previous = &old_value;
  }
  return Status::Ok();
}

Status ChangeSet::CheckDigest() const {
  if (filtered_) {
    return Status(StatusCode::kInvalid,
                  fmt::format("change set of height {} is filtered: its digest is over the "
                              "unfiltered bytes and cannot be checked",
                              height_));
  }
  const Digest computed = NextDigest(previous_digest_, canonical_);
  if (computed == digest_) return Status::Ok();
  return Status(StatusCode::kCorruption,
                fmt::format("change set of height {}: its digest should be {} but is {}", height_,
                            computed.ToHex(), digest_.ToHex()));
}

size_t ChangeSet::memory_bytes() const {
  size_t bytes = sizeof(*this) + canonical_.capacity() + changes_.capacity() * sizeof(Change) +
                 transactions_.capacity() * sizeof(TransactionResult) +
                 old_values_.capacity() * sizeof(OldValue);
  for (const OldValue& old_value : old_values_) bytes += old_value.value.capacity();
  return bytes;
}

}  // namespace sluice
