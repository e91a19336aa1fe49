// SPDX-License-Identifier: Apache-2.0
#include "cli/store_reading.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/json_text.h"

namespace sluice {

Result<OpenedStore> OpenStore(const std::string& home, const std::string& store) {
  OpenedStore opened;
  SLUICE_ASSIGN_OR_RETURN(opened.home, OpenHomeToRead(home));
  const std::vector<std::string>& known = opened.home.database->stores();
  if (std::find(known.begin(), known.end(), store) == known.end()) {
    return Error(UnknownName("store", store, known));
  }
  opened.snapshot = opened.home.database->Snapshot();
  SLUICE_ASSIGN_OR_RETURN(opened.view, opened.snapshot->Store(store));
  return opened;
}

Result<uint64_t> CountKeys(const StoreView& view) {
  uint64_t keys = 0;
  std::unique_ptr<StoreIterator> at = view.Iterate(KeyRange(), false);
  for (; at->Valid(); at->Next()) ++keys;
  SLUICE_RETURN_IF_ERROR(at->status());
  return keys;
}

std::string CountJson(const std::string& store, uint64_t keys) {
  std::string json = "{\"store\":";
  AppendJsonString(&json, store);
  return json + ",\"keys\":" + std::to_string(keys) + "}";
}

std::string Printable(std::string_view bytes) {
  const bool control = std::any_of(bytes.begin(), bytes.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!control && IsUtf8(bytes)) return std::string(bytes);
  return "base64:" + ToBase64(bytes);
}

}  // namespace sluice
