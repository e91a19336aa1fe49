// SPDX-License-Identifier: Apache-2.0
//
// simdjson's on-demand parser walks the line once, in place. Three properties of it shape this
// file:
//  - It does not look at what is not read. Every value is therefore read here, and values that
//    are taken over as they are written go through ScanJsonValue.
//  - It reports errors without a usable position. After any error the line is walked once more by
//    ScanJsonLine, and the leftmost fault is the one that is reported.
//  - Its texts are unescaped into a buffer. Texts without a backslash, nearly all, are instead
//    taken from the line itself.
#include "driver/replay/line_parser.h"

#include <fmt/core.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

#include "base/bytes.h"
#include "base/json_text.h"
#include "driver/replay/json_scanner.h"
#include "driver/replay/parse_time.h"

namespace sluice {
namespace {

namespace ondemand = simdjson::ondemand;

static_assert(LineParser::kPadding >= simdjson::SIMDJSON_PADDING);

// Fields as bits, so that a set of them is a number.
constexpr unsigned kOp = 1u << 0;
constexpr unsigned kStore = 1u << 1;
constexpr unsigned kKey = 1u << 2;
constexpr unsigned kKeyBase64 = 1u << 3;
constexpr unsigned kValue = 1u << 4;
constexpr unsigned kValueBase64 = 1u << 5;
constexpr unsigned kOps = 1u << 6;
constexpr unsigned kHeight = 1u << 7;
constexpr unsigned kTime = 1u << 8;
constexpr unsigned kTxs = 1u << 9;
constexpr unsigned kOperationFields = kOp | kStore | kKey | kKeyBase64 | kValue | kValueBase64;
constexpr unsigned kTransactionFields = kOps;
constexpr unsigned kBlockFields = kHeight | kTime | kTxs;

unsigned FieldOf(std::string_view name) {
  switch (name.size()) {
    case 2:
      return name == "op" ? kOp : 0;
    case 3:
      return name == "key" ? kKey : name == "ops" ? kOps : name == "txs" ? kTxs : 0;
    case 4:
      return name == "time" ? kTime : 0;
    case 5:
      return name == "store" ? kStore : name == "value" ? kValue : 0;
    case 6:
      return name == "height" ? kHeight : 0;
    case 10:
      return name == "key_base64" ? kKeyBase64 : 0;
    case 12:
      return name == "value_base64" ? kValueBase64 : 0;
    default:
      return 0;
  }
}

LineKind KindOf(unsigned field) {
  if ((field & kOperationFields) != 0) return LineKind::kOperation;
  return (field & kTransactionFields) != 0 ? LineKind::kTransaction : LineKind::kBlock;
}

unsigned FieldsOf(LineKind kind) {
  switch (kind) {
    case LineKind::kBlock:
      return kBlockFields;
    case LineKind::kTransaction:
      return kTransactionFields;
    case LineKind::kOperation:
      return kOperationFields;
  }
  return 0;
}

std::string_view Describe(LineKind kind) {
  switch (kind) {
    case LineKind::kBlock:
      return "a block has height, time and txs";
    case LineKind::kTransaction:
      return "a transaction has ops";
    case LineKind::kOperation:
      return "an operation has op, store, key or key_base64, value or value_base64";
  }
  return "";
}

// What an object of the line has shown so far.
struct ObjectState {
  const char* start = nullptr;  // its brace
  unsigned seen = 0;
  // Of an operation's value, for what can only be judged when `op` is known.
  const char* value_name = nullptr;
  const char* value_start = nullptr;
  bool value_is_null = false;
};

}  // namespace

class LineParser::Impl {
 public:
  explicit Impl(const std::vector<std::string>& stores) : stores_(stores.begin(), stores.end()) {}

  std::optional<LineError> Parse(std::string_view line, Block* block, ParsedLine* parsed) {
    line_ = line;
    block_ = block;
    fault_at_ = nullptr;
    height_at_ = line.data();
    if (ParseRoot(&parsed->kind)) {
      parsed->height_column = ColumnOf(height_at_);
      return std::nullopt;
    }
    return Explain();
  }

 private:
  bool Fail(const char* at, std::string text) {
    fault_at_ = at;
    fault_ = std::move(text);
    return false;
  }
  // simdjson has found bad JSON; Explain finds where.
  bool FailSyntax(simdjson::error_code error) {
    fault_at_ = nullptr;
    fault_ = fmt::format("bad JSON: {}", simdjson::error_message(error));
    return false;
  }

  size_t ColumnOf(const char* at) const { return static_cast<size_t>(at - line_.data()) + 1; }

  LineError Explain() const {
    std::optional<JsonFault> fault = ScanJsonLine(line_);
    if (fault && (fault_at_ == nullptr || fault->offset + 1 <= ColumnOf(fault_at_))) {
      return LineError{fault->offset + 1, std::move(fault->text)};
    }
    return LineError{fault_at_ == nullptr ? 1 : ColumnOf(fault_at_), fault_};
  }

  bool ParseRoot(LineKind* kind) {
    size_t start = line_.find_first_not_of(" \t\r");
    if (start == std::string_view::npos || line_[start] != '{') {
      return Fail(line_.data() + std::min(start, line_.size()),
                  "a line is one JSON object: a block, a transaction or an operation");
    }
    ondemand::document document;
    auto error = parser_.iterate(line_.data(), line_.size(), line_.size() + kPadding).get(document);
    if (error) return FailSyntax(error);
    ondemand::object object;
    if ((error = document.get_object().get(object))) return FailSyntax(error);

    ObjectState state;
    state.start = line_.data() + start;
    bool first = true;
    bool read = EachField(object, [&](unsigned id, const char* name_at, ondemand::value& value) {
      if (first) {
        first = false;
        *kind = KindOf(id);
        if (*kind != LineKind::kBlock) block_->transactions.emplace_back();
        if (*kind == LineKind::kOperation) block_->transactions.back().operations.emplace_back();
      }
      if (!CheckField(*kind, id, name_at, &state)) return false;
      switch (*kind) {
        case LineKind::kBlock:
          return BlockField(id, value);
        case LineKind::kTransaction:
          return Operations(value, 2, &block_->transactions.back());
        case LineKind::kOperation:
          return OperationField(id, value, 1, &state, &LastOperation());
      }
      return false;
    });
    if (!read) return false;
    // Where bytes are left behind the object, simdjson still has a token to show.
    const char* rest = nullptr;
    if (document.current_location().get(rest) == simdjson::SUCCESS) {
      return FailSyntax(simdjson::TAPE_ERROR);
    }
    if (first) {
      return Fail(state.start, "an empty object is no block, transaction or operation; remove it");
    }
    if (*kind == LineKind::kBlock && (state.seen & kTxs) == 0) {
      return Fail(state.start, "a block without txs; add \"txs\":[] where it is to be empty");
    }
    return *kind != LineKind::kOperation || FinishOperation(state, &LastOperation());
  }

  // Each element of an array goes to `element(value)`, until one returns false. `not_array`: what
  // is said of any other value.
  template <typename Element>
  bool EachElement(ondemand::value& value, std::string_view not_array, Element element) {
    const char* start = StartOf(value);
    if (*start != '[') return Fail(start, std::string(not_array));
    ondemand::array array;
    auto error = value.get_array().get(array);
    if (error) return FailSyntax(error);
    for (auto result : array) {
      ondemand::value item;
      if ((error = std::move(result).get(item))) return FailSyntax(error);
      if (!element(item)) return false;
    }
    return true;
  }

  // Each field goes to `member(id, name_at, value)`, until one returns false; see ReadName.
  template <typename Member>
  bool EachField(ondemand::object& object, Member member) {
    for (auto result : object) {
      ondemand::field field;
      if (auto error = std::move(result).get(field)) return FailSyntax(error);
      const char* name_at = nullptr;
      unsigned id = 0;
      if (!ReadName(field, &name_at, &id)) return false;
      if (!member(id, name_at, field.value())) return false;
    }
    return true;
  }

  // An object within the line: each field that `kind` knows goes to `member(id, value)`.
  // `not_object`: what is said of any other value.
  template <typename Member>
  bool InnerObject(ondemand::value& value, LineKind kind, std::string_view not_object,
                   ObjectState* state, Member member) {
    state->start = StartOf(value);
    if (*state->start != '{') return Fail(state->start, std::string(not_object));
    ondemand::object object;
    auto error = value.get_object().get(object);
    if (error) return FailSyntax(error);
    return EachField(object, [&](unsigned id, const char* name_at, ondemand::value& field) {
      return CheckField(kind, id, name_at, state) && member(id, field);
    });
  }

  Operation& LastOperation() { return block_->transactions.back().operations.back(); }

  // The field's id, 0 where it is none of ours; name_at is its opening quote.
  bool ReadName(ondemand::field& field, const char** name_at, unsigned* id) {
    const char* raw = field.key().raw();
    *name_at = raw - 1;
    const char* end = line_.data() + line_.size();
    const auto* quote =
        static_cast<const char*>(std::memchr(raw, '"', static_cast<size_t>(end - raw)));
    // simdjson has made sure that every quote is closed, so this is for its faults only.
    if (quote == nullptr) return FailSyntax(simdjson::UNCLOSED_STRING);
    std::string_view name(raw, static_cast<size_t>(quote - raw));
    if (name.find('\\') != std::string_view::npos) {
      auto error = field.unescaped_key().get(name);
      if (error) return FailSyntax(error);
    }
    name_ = name;
    *id = FieldOf(name);
    return true;
  }

  bool CheckField(LineKind kind, unsigned id, const char* name_at, ObjectState* state) {
    if ((id & FieldsOf(kind)) == 0) {
      if (id == 0 && state->seen == 0) {
        return Fail(name_at,
                    fmt::format("unknown field {}; correct or remove it", QuotedForError(name_)));
      }
      return Fail(name_at, fmt::format("unknown field {}: {}; correct or remove it",
                                       QuotedForError(name_), Describe(kind)));
    }
    if ((state->seen & id) != 0) {
      return Fail(name_at,
                  fmt::format("field {} stands here twice; remove one", QuotedForError(name_)));
    }
    state->seen |= id;
    if (id == kValue || id == kValueBase64) state->value_name = name_at;
    constexpr unsigned kKeys = kKey | kKeyBase64;
    constexpr unsigned kValues = kValue | kValueBase64;
    if ((id & kKeys) != 0 && (state->seen & kKeys) == kKeys) {
      return Fail(name_at, "key beside key_base64; remove one");
    }
    if ((id & kValues) != 0 && (state->seen & kValues) == kValues) {
      return Fail(name_at, "value beside value_base64; remove one");
    }
    return true;
  }

  static const char* StartOf(ondemand::value& value) { return value.raw_json_token().data(); }

  // A text value. The view is good until the next line.
  bool Text(ondemand::value& value, std::string_view what, std::string_view* out) {
    const char* start = StartOf(value);
    if (*start != '"') return Fail(start, fmt::format("{} must be a text in quotes", what));
    const char* raw = start + 1;
    const char* end = line_.data() + line_.size();
    const auto* quote =
        static_cast<const char*>(std::memchr(raw, '"', static_cast<size_t>(end - raw)));
    if (quote == nullptr) return FailSyntax(simdjson::UNCLOSED_STRING);
    auto size = static_cast<size_t>(quote - raw);
    if (std::memchr(raw, '\\', size) == nullptr) {
      ondemand::raw_json_string ignored;
      auto error = value.get_raw_json_string().get(ignored);
      if (error) return FailSyntax(error);
      *out = std::string_view(raw, size);
      return true;
    }
    auto error = value.get_string().get(*out);
    if (error) return FailSyntax(error);
    // simdjson lets half of a surrogate pair through, which is no UTF-8.
    if (!IsUtf8(*out)) return FailSyntax(simdjson::STRING_ERROR);
    return true;
  }

  bool Base64(ondemand::value& value, std::string_view what, std::string* out) {
    const char* start = StartOf(value);
    std::string_view text;
    if (!Text(value, what, &text)) return false;
    std::optional<std::string> bytes = FromBase64(text);
    if (!bytes) {
      return Fail(start, fmt::format("{} is not base64 (RFC 4648 with padding); correct it", what));
    }
    *out = std::move(*bytes);
    return true;
  }

  bool BlockField(unsigned id, ondemand::value& value) {
    if (id == kHeight) return HeightValue(value);
    if (id == kTime) {
      const char* start = StartOf(value);
      std::string_view text;
      if (!Text(value, "time", &text)) return false;
      auto nanos = ParseRfc3339(text);
      if (!nanos) return Fail(start, nanos.error());
      block_->time_unix_nanos = *nanos;
      return true;
    }
    return EachElement(
        value, "txs must be an array of transactions",
        [&](ondemand::value& transaction) { return TransactionObject(transaction); });
  }

  bool HeightValue(ondemand::value& value) {
    constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
    const char* start = StartOf(value);
    height_at_ = start;
    size_t end = static_cast<size_t>(start - line_.data());
    if (ScanJsonValue(line_, &end, 1)) return FailSyntax(simdjson::NUMBER_ERROR);
    std::string_view digits(start, end - static_cast<size_t>(start - line_.data()));
    uint64_t height = 0;
    bool valid = true;
    for (char c : digits) {
      if (c < '0' || c > '9' || height > kMax / 10) {
        valid = false;
        break;
      }
      height = height * 10 + static_cast<uint64_t>(c - '0');
    }
    if (!valid || height == 0 || height > kMax) {
      return Fail(start, "height must be a whole number from 1 to 9223372036854775807");
    }
    block_->height = Height(height);
    return true;
  }

  bool TransactionObject(ondemand::value& value) {
    ObjectState state;
    Transaction& transaction = block_->transactions.emplace_back();
    bool read =
        InnerObject(value, LineKind::kTransaction, "a transaction must be an object with ops",
                    &state, [&](unsigned, ondemand::value& operations) {
                      return Operations(operations, 4, &transaction);
                    });
    if (!read) return false;
    return state.seen != 0 || Fail(state.start, "a transaction without ops; add them");
  }

  // `depth`: the objects and arrays that are open within the array of operations, itself counted.
  bool Operations(ondemand::value& value, int depth, Transaction* transaction) {
    return EachElement(
        value, "ops must be an array of operations", [&](ondemand::value& operation) {
          return OperationObject(operation, depth + 1, &transaction->operations.emplace_back());
        });
  }

  bool OperationObject(ondemand::value& value, int depth, Operation* operation) {
    ObjectState state;
    bool read = InnerObject(value, LineKind::kOperation,
                            "an operation must be an object with op, store and key", &state,
                            [&](unsigned id, ondemand::value& member) {
                              return OperationField(id, member, depth, &state, operation);
                            });
    return read && FinishOperation(state, operation);
  }

  bool OperationField(unsigned id, ondemand::value& value, int depth, ObjectState* state,
                      Operation* operation) {
    const char* start = StartOf(value);
    switch (id) {
      case kOp:
        return OpValue(value, start, operation);
      case kStore:
        return StoreValue(value, start, operation);
      case kKey: {
        std::string_view text;
        if (!Text(value, "key", &text)) return false;
        operation->key.assign(text);
        return !text.empty() || Fail(start, "an empty key; give it one byte at least");
      }
      case kKeyBase64:
        if (!Base64(value, "key_base64", &operation->key)) return false;
        return !operation->key.empty() || Fail(start, "an empty key; give it one byte at least");
      case kValueBase64:
        state->value_start = start;
        return Base64(value, "value_base64", &operation->value.emplace());
      default:
        state->value_start = start;
        return ValueField(value, start, depth, state, operation);
    }
  }

  bool OpValue(ondemand::value& value, const char* start, Operation* operation) {
    std::string_view text;
    if (!Text(value, "op", &text)) return false;
    if (text == "set") {
      operation->kind = OperationKind::kSet;
    } else if (text == "delete") {
      operation->kind = OperationKind::kDelete;
    } else if (text == "require") {
      operation->kind = OperationKind::kRequire;
    } else {
      return Fail(start,
                  fmt::format("unknown op {}; op is set, delete or require", QuotedForError(text)));
    }
    return true;
  }

  bool StoreValue(ondemand::value& value, const char* start, Operation* operation) {
    std::string_view text;
    if (!Text(value, "store", &text)) return false;
    // Neighbouring operations mostly name the same store.
    if (text != last_store_) {
      auto found = stores_.find(text);
      if (found == stores_.end()) {
        return Fail(start, fmt::format("unknown store {}; correct it, or add it to [stores] names",
                                       QuotedForError(text)));
      }
      last_store_ = *found;
    }
    operation->store.assign(text);
    return true;
  }

  bool ValueField(ondemand::value& value, const char* start, int depth, ObjectState* state,
                  Operation* operation) {
    if (*start == '"') {
      std::string_view text;
      if (!Text(value, "value", &text)) return false;
      operation->value.emplace(text);
      return true;
    }
    size_t begin = static_cast<size_t>(start - line_.data());
    size_t end = begin;
    if (ScanJsonValue(line_, &end, depth)) return FailSyntax(simdjson::TAPE_ERROR);
    if (*start == 'n') {
      state->value_is_null = true;
    } else {
      operation->value.emplace(line_.substr(begin, end - begin));
    }
    return true;
  }

  bool FinishOperation(const ObjectState& state, Operation* operation) {
    if ((state.seen & kOp) == 0) return Fail(state.start, "an operation without op; add it");
    if ((state.seen & kStore) == 0) return Fail(state.start, "an operation without store; add it");
    if ((state.seen & (kKey | kKeyBase64)) == 0) {
      return Fail(state.start, "an operation without key; add key or key_base64");
    }
    bool has_value = state.value_name != nullptr;
    if (operation->kind == OperationKind::kDelete) {
      return !has_value || Fail(state.value_name, "a value on delete; remove it");
    }
    if (!has_value) {
      return Fail(state.start, operation->kind == OperationKind::kSet
                                   ? "set without a value; add value or value_base64"
                                   : "require without a value; add it, or null for an absent key");
    }
    if (state.value_is_null && operation->kind == OperationKind::kSet) {
      return Fail(state.value_start, "null is no value to set; delete the key, or set \"null\"");
    }
    return true;
  }

  std::set<std::string, std::less<>> stores_;
  std::string last_store_;
  ondemand::parser parser_;

  // Of the line at hand.
  std::string_view line_;
  Block* block_ = nullptr;
  std::string_view name_;  // the field at hand
  const char* height_at_ = nullptr;
  const char* fault_at_ = nullptr;  // null: bad JSON
  std::string fault_;
};

LineParser::LineParser(const std::vector<std::string>& stores)
    : impl_(std::make_unique<Impl>(stores)) {}
LineParser::~LineParser() = default;

std::optional<LineError> LineParser::Parse(std::string_view line, Block* block,
                                           ParsedLine* parsed) {
  return impl_->Parse(line, block, parsed);
}

std::string QuotedForError(std::string_view text) {
  constexpr size_t kMaxBytes = 40;
  std::string out;
  if (text.size() <= kMaxBytes) {
    AppendJsonString(&out, text);
    return out;
  }
  size_t size = kMaxBytes;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  AppendJsonString(&out, text.substr(0, size));
  return out + "…";
}

}  // namespace sluice
