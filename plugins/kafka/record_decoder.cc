// SPDX-License-Identifier: Apache-2.0
#include "kafka/record_decoder.h"

#include <charconv>
#include <sluice/plugin.hpp>

#include "kafka/record.h"

namespace sluice_kafka {
namespace {

template <typename Number>
bool ToNumber(std::string_view text, Number* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

// The headers of ours in a record; others are passed over.
class Headers {
 public:
  explicit Headers(const rd_kafka_message_t& message) {
    if (rd_kafka_message_headers(&message, &headers_) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      headers_ = nullptr;
    }
  }
  std::optional<std::string_view> Find(const char* name) const {
    const void* value = nullptr;
    size_t size = 0;
    if (headers_ == nullptr ||
        rd_kafka_header_get_last(headers_, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::nullopt;
    }
    return std::string_view(static_cast<const char*>(value), size);
  }
  template <typename Number>
  bool Read(const char* name, Number* out) const {
    const std::optional<std::string_view> text = Find(name);
    return text && ToNumber(*text, out);
  }

 private:
  rd_kafka_headers_t* headers_ = nullptr;
};

StoredChange ToChange(const sluice_file::ChangeView& view) {
  return {view.is_delete,          view.transaction,      view.sequence,
          std::string(view.store), std::string(view.key), std::string(view.value)};
}

}  // namespace

std::string ReadRecord(const rd_kafka_message_t& message, Layout layout, StoredRecord* out) {
  *out = StoredRecord();
  const Headers headers(message);
  const auto wrong = [](const char* name) {
    return std::string("header ") + name + " is missing or wrong";
  };
  if (!headers.Read(kHeaderHeight, &out->height)) return wrong(kHeaderHeight);
  const std::optional<std::string_view> digest = headers.Find(kHeaderDigest);
  const std::optional<sluice_digest> bytes =
      digest ? sluice::sdk::DigestFromHex(*digest) : std::nullopt;
  if (!bytes) return wrong(kHeaderDigest);
  out->digest = *bytes;
  out->stream = headers.Find(kHeaderStream).value_or("");
  out->of_copy = headers.Find(kHeaderSnapshot).has_value();
  if (out->of_copy && !headers.Read(kHeaderEpoch, &out->copy_epoch)) return wrong(kHeaderEpoch);
  if (layout == Layout::kChanges) {
    if (!headers.Read(kHeaderSequence, &out->sequence)) return wrong(kHeaderSequence);
    if (!headers.Read(kHeaderTransaction, &out->transaction)) return wrong(kHeaderTransaction);
    const std::optional<std::string_view> store = headers.Find(kHeaderStore);
    if (!store) return wrong(kHeaderStore);
    out->store = *store;
  } else {
    if (const auto previous = headers.Find(kHeaderPreviousDigest); previous) {
      out->previous_digest = sluice::sdk::DigestFromHex(*previous);
    }
    if (headers.Find(kHeaderChunks)) {
      if (!headers.Read(kHeaderChunks, &out->chunks)) return wrong(kHeaderChunks);
      if (!headers.Read(kHeaderChunk, &out->chunk)) return wrong(kHeaderChunk);
    }
    if (headers.Find(kHeaderParts)) {
      if (!headers.Read(kHeaderParts, &out->copy_parts.emplace())) return wrong(kHeaderParts);
    } else if (out->of_copy && !headers.Read(kHeaderPart, &out->copy_part)) {
      return wrong(kHeaderPart);
    }
  }
  out->key.assign(static_cast<const char*>(message.key), message.key_len);
  out->is_tombstone = message.payload == nullptr;
  if (!out->is_tombstone) {
    out->value.assign(static_cast<const char*>(message.payload), message.len);
  }
  return {};
}

std::string RecordDecoder::DecodeChange(const StoredRecord& record, StoredChange* out) {
  *out = StoredChange();
  out->is_delete = record.is_tombstone;
  out->transaction = record.transaction;
  out->sequence = static_cast<uint32_t>(record.sequence);
  out->store = record.store;
  out->key = record.key;
  if (!plain_keys_) {
    const size_t prefix = record.store.size() + 1;
    if (record.key.compare(0, record.store.size(), record.store) != 0 ||
        record.key.size() < prefix || record.key[record.store.size()] != '\0') {
      return "its key does not begin with its store";
    }
    out->key = record.key.substr(prefix);
  }
  if (record.is_tombstone) return {};
  if (encoding_ == Encoding::kJson) {
    std::string wrong = parser_.Parse(record.value, &line_);
    if (wrong.empty() && !line_.is_change) wrong = "its value is no change line";
    out->value = line_.value;
    return wrong;
  }
  // A Change is what stands in field 4 of a ChangeSet.
  wrapped_.assign(1, '\x22');
  for (size_t left = record.value.size();; left >>= 7) {
    if (left < 0x80) {
      wrapped_.push_back(static_cast<char>(left));
      break;
    }
    wrapped_.push_back(static_cast<char>(left | 0x80));
  }
  wrapped_ += record.value;
  std::string wrong = sluice_file::DecodeChangeSet(wrapped_, &view_);
  if (wrong.empty() && view_.changes.size() != 1) wrong = "its value is no Change";
  if (wrong.empty()) out->value = view_.changes.front().value;
  return wrong;
}

std::string RecordDecoder::DecodeBlock(std::string_view value, std::vector<StoredChange>* changes,
                                       bool* filtered) {
  changes->clear();
  if (encoding_ == Encoding::kJson) return DecodeLines(value, changes, filtered);
  std::string wrong = sluice_file::DecodeChangeSet(value, &view_);
  *filtered = view_.filtered;
  for (const sluice_file::ChangeView& view : view_.changes) changes->push_back(ToChange(view));
  return wrong;
}

std::string RecordDecoder::DecodeLines(std::string_view value, std::vector<StoredChange>* changes,
                                       bool* filtered) {
  while (!value.empty()) {
    const size_t end = std::min(value.find('\n'), value.size());
    std::string wrong = parser_.Parse(value.substr(0, end), &line_);
    if (!wrong.empty()) return wrong;
    value.remove_prefix(std::min(end + 1, value.size()));
    if (line_.is_change) {
      changes->push_back({line_.is_delete, line_.transaction, line_.sequence, line_.store,
                          line_.key, line_.value});
      continue;
    }
    *filtered = line_.closing.filtered;
    if (line_.closing.changes != changes->size() || !value.empty()) {
      return "its closing line does not fit its change lines";
    }
    return {};
  }
  return "its closing line is missing";
}

}  // namespace sluice_kafka
