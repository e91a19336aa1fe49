// SPDX-License-Identifier: Apache-2.0
#include "file/jsonl_line.h"

#include <simdjson.h>

#include <cstring>

#include "file/text_encoding.h"

namespace sluice_file {
namespace {

void AppendField(std::string_view name, std::string_view bytes, std::string* out) {
  out->append(",\"").append(name);
  if (IsUtf8(bytes)) {
    out->append("\":");
    AppendJsonString(bytes, out);
  } else {
    out->append("_base64\":\"");
    AppendBase64(bytes, out);
    out->push_back('"');
  }
}

void AppendStart(std::string_view stream, uint64_t height, std::string* out) {
  out->append("{\"stream\":");
  AppendJsonString(stream, out);
  out->append(",\"height\":").append(std::to_string(height));
}

// Looks fields up; remembers the first that is missing or of a wrong type.
class Fields {
 public:
  explicit Fields(simdjson::dom::object object) : object_(object) {}

  uint64_t Number(const char* name) {
    uint64_t number = 0;
    if (object_[name].get_uint64().get(number) != simdjson::SUCCESS) Wrong(name);
    return number;
  }
  uint32_t Number32(const char* name) {
    const uint64_t number = Number(name);
    if (number > UINT32_MAX) Wrong(name);
    return static_cast<uint32_t>(number);
  }
  std::string_view Text(const char* name) {
    std::string_view text;
    if (object_[name].get_string().get(text) != simdjson::SUCCESS) Wrong(name);
    return text;
  }
  bool Flag(const char* name) {
    bool flag = false;
    return object_[name].get_bool().get(flag) == simdjson::SUCCESS && flag;
  }
  bool Has(const char* name) const { return object_[name].error() == simdjson::SUCCESS; }
  // The field `name`, or decoded from `encoded`.
  std::string Bytes(const char* name, const char* encoded) {
    if (Has(name)) return std::string(Text(name));
    std::string bytes;
    if (!DecodeBase64(Text(encoded), &bytes)) Wrong(encoded);
    return bytes;
  }
  void Wrong(const char* name) {
    if (wrong_.empty()) wrong_ = std::string("field ") + name + " is missing or wrong";
  }
  const std::string& wrong() const { return wrong_; }

 private:
  const simdjson::dom::object object_;
  std::string wrong_;
};

constexpr std::string_view kSnapshotNames[] = {"", "begin", "row", "end"};

SnapshotLine ParseSnapshot(Fields* fields) {
  if (!fields->Has("snapshot")) return SnapshotLine::kNone;
  const std::string_view name = fields->Text("snapshot");
  for (const SnapshotLine known : {SnapshotLine::kBegin, SnapshotLine::kRow, SnapshotLine::kEnd}) {
    if (name == kSnapshotNames[static_cast<size_t>(known)]) return known;
  }
  fields->Wrong("snapshot");
  return SnapshotLine::kNone;
}

void ParseChange(Fields* fields, JsonlLine* line) {
  const std::string_view op = fields->Text("op");
  line->is_delete = op == "delete";
  if (!line->is_delete && op != "set") fields->Wrong("op");
  const SnapshotLine snapshot = ParseSnapshot(fields);
  line->is_row = snapshot == SnapshotLine::kRow;
  if (snapshot != SnapshotLine::kNone && (!line->is_row || line->is_delete)) {
    fields->Wrong("snapshot");
  }
  if (!line->is_row) {
    line->transaction = fields->Number32("tx");
    line->sequence = fields->Number32("seq");
  }
  line->store = fields->Text("store");
  line->key = fields->Bytes("key", "key_base64");
  if (!line->is_delete) line->value = fields->Bytes("value", "value_base64");
  line->has_old_value = fields->Has("old_value") || fields->Has("old_value_base64");
  if (line->has_old_value) line->old_value = fields->Bytes("old_value", "old_value_base64");
}

void ParseClosing(Fields* fields, ClosingLine* line) {
  line->epoch = fields->Number("epoch");
  line->changes = fields->Number("changes");
  line->filtered = fields->Flag("filtered");
  line->is_base = fields->Flag("base");
  line->snapshot = ParseSnapshot(fields);
  if (line->snapshot == SnapshotLine::kRow) fields->Wrong("snapshot");
  std::string digest;
  if (!DecodeHex(fields->Text("digest"), &digest) || digest.size() != line->digest.size()) {
    fields->Wrong("digest");
    return;
  }
  std::memcpy(line->digest.data(), digest.data(), digest.size());
}

}  // namespace

void AppendChangeLine(std::string_view stream, uint64_t height, const ChangeView& change,
                      std::string* out) {
  AppendStart(stream, height, out);
  out->append(",\"tx\":").append(std::to_string(change.transaction));
  out->append(",\"seq\":").append(std::to_string(change.sequence));
  out->append(change.is_delete ? ",\"op\":\"delete\",\"store\":" : ",\"op\":\"set\",\"store\":");
  AppendJsonString(change.store, out);
  AppendField("key", change.key, out);
  if (!change.is_delete) AppendField("value", change.value, out);
  if (change.has_old_value) AppendField("old_value", change.old_value, out);
  out->append("}\n");
}

void AppendRowLine(std::string_view stream, uint64_t height, std::string_view store,
                   std::string_view key, std::string_view value, std::string* out) {
  AppendStart(stream, height, out);
  out->append(",\"snapshot\":\"row\",\"op\":\"set\",\"store\":");
  AppendJsonString(store, out);
  AppendField("key", key, out);
  AppendField("value", value, out);
  out->append("}\n");
}

void AppendClosingLine(const ClosingLine& line, std::string* out) {
  AppendStart(line.stream, line.height, out);
  out->append(",\"epoch\":").append(std::to_string(line.epoch));
  out->append(",\"changes\":").append(std::to_string(line.changes));
  out->append(",\"digest\":\"");
  AppendHex({reinterpret_cast<const char*>(line.digest.data()), line.digest.size()}, out);
  out->push_back('"');
  if (line.filtered) out->append(",\"filtered\":true");
  if (line.is_base) out->append(",\"base\":true");
  if (line.snapshot != SnapshotLine::kNone) {
    out->append(",\"snapshot\":\"").append(kSnapshotNames[static_cast<size_t>(line.snapshot)]);
    out->push_back('"');
  }
  out->append("}\n");
}

struct JsonlParser::Memory {
  simdjson::dom::parser parser;
};

JsonlParser::JsonlParser() : memory_(std::make_unique<Memory>()) {}
JsonlParser::~JsonlParser() = default;

std::string JsonlParser::Parse(std::string_view text, JsonlLine* line) {
  *line = JsonlLine();
  simdjson::dom::object object;
  if (memory_->parser.parse(text.data(), text.size()).get_object().get(object) !=
      simdjson::SUCCESS) {
    return "the line is not a JSON object";
  }
  Fields fields(object);
  line->closing.stream = fields.Text("stream");
  line->closing.height = fields.Number("height");
  line->is_change = fields.Has("op");
  if (line->is_change) {
    ParseChange(&fields, line);
  } else {
    ParseClosing(&fields, &line->closing);
  }
  return fields.wrong();
}

}  // namespace sluice_file
