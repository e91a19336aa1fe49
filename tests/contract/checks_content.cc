// SPDX-License-Identifier: Apache-2.0
//
// What is in a block, and that the sink holds just that.
#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <vector>

#include "contract/check.h"
#include "contract/content.h"

namespace sluice::contract {
namespace {

Status HoldsAllOf(CheckContext* context, const History& history,
                  const IncarnationOptions& options = {}) {
  SLUICE_RETURN_IF_ERROR(context->Fill(history, history.last(), options));
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, history.last()));
  return ExpectContent(context, history, history.last());
}

// Bytes that no compression makes small, the same ones for the same seed.
std::string Noise(size_t size, uint64_t seed) {
  std::string bytes(size, '\0');
  uint64_t state = seed * 2 + 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(state >> 56U);
  }
  return bytes;
}

Status OrderAndBytes(CheckContext* context) {
  History history = context->NewHistory();
  // Stores by turns, keys that come again, transactions with none, one and several changes.
  history.Add({Set("main", "b", "1"), Set("orders", "b", "2"), Set("main", "a", "3", 1),
               Set("orders", "a", "4", 3), Set("main", "b", "5", 3), Set("main", "b", "6", 4)});
  history.Add({Set("orders", "z", "7"), Set("main", "z", "8"), Set("orders", "z", "9")});
  history.Add({Delete("main", "b", 2), Set("main", "b", "10", 2), Set("main", "c", "11", 5)});
  history.AddOrdinary(20);
  return HoldsAllOf(context, history);
}

Status Tombstones(CheckContext* context) {
  History history = context->NewHistory();
  history.Add({Set("main", "a", "1"), Set("main", "b", "1"), Set("main", "c", "1")});
  history.Add({Delete("main", "a")});
  history.Add({Delete("main", "never there"), Delete("orders", "nor this")});
  history.Add({Set("main", "d", "1"), Set("main", "d", "2"), Delete("main", "d")});
  history.Add({Delete("main", "b"), Set("main", "b", "2"), Delete("main", "b"),
               Set("main", "b", "3"), Delete("main", "e"), Set("main", "e", "1")});
  history.Add({Delete("main", "c"), Delete("main", "c")});
  history.Add({Set("main", "c", "again"), Set("main", "a", "again")});
  return HoldsAllOf(context, history);
}

Status EmptyBlocks(CheckContext* context) {
  History history = context->NewHistory();
  history.Add({});
  history.Add({});
  SLUICE_RETURN_IF_ERROR(context->Fill(history, Height(2)));
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height(2)));
  SLUICE_RETURN_IF_ERROR(ExpectContent(context, history, Height(2)));
  history.AddOrdinary(1);
  history.Add({});
  history.AddOrdinary(1);
  for (int i = 0; i < 4; ++i) history.Add({});
  return HoldsAllOf(context, history);
}

Status ManyChanges(CheckContext* context) {
  constexpr int kChanges = 2000;
  History history = context->NewHistory();
  for (int height = 1; height <= 5; ++height) {
    std::vector<Op> ops;
    for (int i = 0; i < kChanges; ++i) {
      const std::string key = fmt::format("key-{}", (i * 7 + height) % 1500);
      const auto transaction = static_cast<uint32_t>(i / 10);
      if (i % 11 == 5) {
        ops.push_back(Delete("main", key, transaction));
      } else {
        ops.push_back(Set("main", key, fmt::format("{}-{}", height, i), transaction));
      }
    }
    history.Add(ops);
  }
  return HoldsAllOf(context, history);
}

Status BinaryKeys(CheckContext* context) {
  History history = context->NewHistory();
  std::vector<Op> ops;
  for (int byte = 0; byte < 256; ++byte) {
    ops.push_back(Set("main", std::string(1, static_cast<char>(byte)), fmt::format("{}", byte)));
  }
  history.Add(ops);
  const std::string nul(1, '\0');
  const std::string high(1, '\xff');
  ops.clear();
  for (const std::string& key :
       {nul + nul, "a" + nul, "a" + nul + "b", nul + "a", high + high + high, high + nul,
        std::string("\n"), std::string("\r\n\t"), std::string("\\x00"), std::string("'\";--"),
        std::string("\xc3\x28"), std::string("main") + nul + "a", std::string(300, '\0')}) {
    ops.push_back(Set("main", key, key));
  }
  history.Add(ops);
  // Keys that are beginnings of others are others.
  history.Add({Set("main", "a", "short"), Delete("main", "a" + nul), Delete("main", nul)});
  return HoldsAllOf(context, history);
}

Status BinaryValues(CheckContext* context) {
  History history = context->NewHistory();
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  history.Add({Set("main", "all", all), Set("main", "nul", std::string(5, '\0')),
               Set("main", "text", "\xc3\xa9\xe2\x82\xac"), Set("main", "lines", "a\nb\r\n\n"),
               Set("main", "escapes", R"(\N \. \\ "quoted", 'single' {"a":1})")});
  return HoldsAllOf(context, history);
}

Status EmptyValues(CheckContext* context) {
  History history = context->NewHistory();
  history.Add({Set("main", "empty", ""), Set("main", "full", "x"), Set("orders", "empty", "")});
  history.Add({Set("main", "full", ""), Set("main", "empty", "now full")});
  history.Add({Set("main", "empty", ""), Delete("orders", "empty")});
  return HoldsAllOf(context, history);
}

Status ManyStores(CheckContext* context) {
  History history = context->NewHistory();
  std::vector<Op> ops;
  for (int i = 0; i < 20; ++i)
    ops.push_back(Set(fmt::format("store-{}", i), "same key", std::to_string(i)));
  history.Add(ops);
  history.Add({Delete("store-3", "same key"), Set("store-4", "same key", "other")});
  return HoldsAllOf(context, history);
}

Status OldValues(CheckContext* context) {
  History history = context->NewHistory();
  history.Add({Set("main", "a", "first"), Set("main", "a", "second"), Set("main", "b", "")});
  history.Add({Delete("main", "a"), Set("main", "b", "x"), Set("main", "c", "new")});
  IncarnationOptions options;
  options.with_old_values = true;
  return HoldsAllOf(context, history, options);
}

// The last height of `history` holds what is `what`: it is taken, or refused for good by a text
// that names what cannot be taken, with everything before it kept.
Status TakenOrRefused(CheckContext* context, const History& history, const std::string& what) {
  const Height held = history.last() - 1;
  Status answer;
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    SLUICE_RETURN_IF_ERROR(sink->DeliverUntil(history, held));
    answer = sink->Deliver(history, history.last(), history.last());
  }
  if (answer.ok()) {
    SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, history.last()));
    return ExpectContent(context, history, history.last());
  }
  if (answer.code() != StatusCode::kReject && answer.code() != StatusCode::kUnsupported) {
    return Wrong("{} was neither taken nor refused for good: {}", what, answer.ToString());
  }
  const std::string& text = answer.message();
  const bool names =
      text.find("key") != std::string::npos || text.find("value") != std::string::npos ||
      text.find("record") != std::string::npos || text.find("bytes") != std::string::npos;
  if (!names) return Wrong("{} was refused, by a text that does not say what: {}", what, text);
  context->Note(fmt::format("{} is refused: {}", what, text));
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, held));
  return ExpectContent(context, history, held);
}

Status Key1KiB(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(1);
  history.Add({Set("main", Noise(1024, 1), "a"), Set("main", Noise(1023, 1), "b")});
  return HoldsAllOf(context, history);
}

Status Key64KiB(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(2);
  history.Add({Set("main", Noise(64 << 10, 2), "long")});
  return TakenOrRefused(context, history, "a key of 64 KiB");
}

Status Value1MiB(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(1);
  history.Add({Set("main", "large", Noise(1 << 20, 3)), Set("main", "small", "x")});
  history.Add({Set("main", "large", Noise(1 << 20, 4))});
  return HoldsAllOf(context, history);
}

Status ValueVeryLarge(CheckContext* context) {
  const uint64_t bytes = context->subject().large_bytes;
  History history = context->NewHistory();
  history.AddOrdinary(2);
  history.Add({Set("main", "very large", Noise(bytes, 5))});
  return TakenOrRefused(context, history, fmt::format("a value of {} MiB", bytes >> 20U));
}

}  // namespace

std::vector<Check> ContentChecks() {
  const char* const kSame = "what the sink holds must be what the stores hold, byte by byte";
  const char* const kBytes =
      "treat keys and values as bytes with a length, never as text that ends at a NUL";
  const char* const kLimit =
      "answer REJECT with a text that names the key or value and its size or the limit";
  return {
      {"content.order_and_bytes", kSame,
       "store the changes in their order, with transaction and sequence", OrderAndBytes},
      {"content.tombstones", kSame,
       "take a delete of what is not there, and let the last change of a key win", Tombstones},
      {"content.empty_blocks", "heights without a change are acked and counted like all others",
       "store the position of a height without changes too", EmptyBlocks},
      {"content.2000_changes", kSame, "bound nothing by the number of changes", ManyChanges},
      {"content.binary_keys", kSame, kBytes, BinaryKeys},
      {"content.binary_values", kSame, kBytes, BinaryValues},
      {"content.empty_values", "an empty value is a value: the key is there",
       "tell an empty value from none", EmptyValues},
      {"content.many_stores", kSame, "keep keys of different stores apart", ManyStores},
      {"content.old_values", "the operator may ask for the values before a change",
       "pass over what you do not need; give back only what was given", OldValues},
      {"content.key_1_KiB", kSame, kBytes, Key1KiB},
      {"content.key_64_KiB", "a key beyond a limit must not stop the node without a word", kLimit,
       Key64KiB},
      {"content.value_1_MiB", kSame, "take values of at least 1 MiB", Value1MiB},
      {"content.value_very_large", "a value beyond a limit must not stop the node without a word",
       kLimit, ValueVeryLarge},
  };
}

}  // namespace sluice::contract
