// SPDX-License-Identifier: Apache-2.0
#include "postgres/settings.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "postgres/connection.h"
#include "postgres/sql_text.h"

namespace sluice_postgres {
namespace {

using nlohmann::json;

Fault Wrong(const std::string& name, const std::string& what) {
  return Fault::Operator("setting " + name + ": " + what);
}

// Reads members of the object; remembers the first that is wrong.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {}

  void Read(const char* name, std::string* out) {
    const json* found = Find(name);
    if (found == nullptr) return;
    if (!found->is_string()) return Fail(name, "must be a text");
    *out = found->get<std::string>();
  }
  void Read(const char* name, bool* out) {
    const json* found = Find(name);
    if (found == nullptr) return;
    if (!found->is_boolean()) return Fail(name, "must be true or false");
    *out = found->get<bool>();
  }
  void Read(const char* name, uint64_t* out) {
    const json* found = Find(name);
    if (found == nullptr) return;
    if (!found->is_number_unsigned()) return Fail(name, "must be a number, 0 or above");
    *out = found->get<uint64_t>();
  }
  void Read(const char* name, std::chrono::milliseconds* out) {
    auto count = static_cast<uint64_t>(out->count());
    Read(name, &count);
    *out = std::chrono::milliseconds(count);
  }
  const json* Find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  void Fail(const char* name, const std::string& what) {
    if (fault_.ok()) fault_ = Wrong(name, what);
  }
  const Fault& fault() const { return fault_; }

 private:
  const json& object_;
  Fault fault_;
};

void ReadValueAs(Reader* reader, Settings* settings) {
  const json* found = reader->Find("value_as");
  if (found == nullptr) return;
  if (!found->is_object()) return reader->Fail("value_as", "must be a table: store = form");
  for (const auto& [store, form] : found->items()) {
    if (form == "text") {
      settings->value_as[store] = ValueForm::kText;
    } else if (form == "jsonb") {
      settings->value_as[store] = ValueForm::kJsonb;
    } else if (form != "bytea") {
      return reader->Fail("value_as", "store " + store + ": text, jsonb or bytea");
    }
  }
  if (!settings->value_as.empty() && !settings->state) {
    reader->Fail("value_as", "is about the state table; set state = true");
  }
}

void ReadReadback(Reader* reader, Settings* settings) {
  std::string text = "auto";
  reader->Read("readback", &text);
  if (text != "auto" && text != "changes" && text != "state") {
    return reader->Fail("readback", "auto, changes or state");
  }
  if (text == "changes" && !settings->changes) {
    return reader->Fail("readback", "no changes are kept; set changes = true");
  }
  if (text == "state" && !settings->state) {
    return reader->Fail("readback", "no state is kept; set state = true");
  }
  settings->readback = ReadbackSource::kBoth;
  if (text == "state" || !settings->changes) settings->readback = ReadbackSource::kState;
  if (text == "changes" || !settings->state) settings->readback = ReadbackSource::kChanges;
}

Fault CheckTogether(const Settings& settings) {
  if (!settings.changes && !settings.state) {
    return Wrong("changes", "nothing would be kept; set changes or state to true");
  }
  if (settings.connections == 0) return Wrong("connections", "must be 1 or above");
  if (settings.batch_blocks == 0) return Wrong("batch_blocks", "must be 1 or above");
  for (const auto& [name, value] :
       {std::pair<const char*, const std::string&>{"schema", settings.schema},
        {"changes_table", settings.changes_table},
        {"state_table", settings.state_table}}) {
    if (const std::string wrong = WrongIdentifier(value); !wrong.empty()) return Wrong(name, wrong);
  }
  for (const std::string* name : {&settings.changes_table, &settings.state_table}) {
    if (name->rfind("sluice_", 0) == 0) {
      return Wrong(name == &settings.state_table ? "state_table" : "changes_table",
                   "names that begin with sluice_ are the sink's own");
    }
  }
  if (settings.changes && settings.state && settings.changes_table == settings.state_table) {
    return Wrong("state_table", "is the name of the changes table as well");
  }
  if (const std::string wrong = WrongConninfo(settings.conninfo); !wrong.empty()) {
    return Wrong("conninfo", wrong);
  }
  return {};
}

}  // namespace

int32_t Settings::level() const {
  if (synchronous_commit == "off") return SLUICE_LEVEL_RECEIVED;
  return synchronous_commit == "remote_apply" ? SLUICE_LEVEL_VISIBLE : SLUICE_LEVEL_DURABLE;
}

ValueForm Settings::form_of(std::string_view store) const {
  const auto found = value_as.find(store);
  return found == value_as.end() ? ValueForm::kBytes : found->second;
}

Fault ParseSettings(std::string_view text, Settings* settings) {
  *settings = Settings();
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Fault::Operator("the settings are not a JSON object");
  Reader reader(object);
  reader.Read("conninfo", &settings->conninfo);
  reader.Read("schema", &settings->schema);
  reader.Read("changes", &settings->changes);
  reader.Read("state", &settings->state);
  reader.Read("changes_table", &settings->changes_table);
  reader.Read("state_table", &settings->state_table);
  reader.Read("table_per_store", &settings->table_per_store);
  reader.Read("create", &settings->create);
  reader.Read("batch_blocks", &settings->batch_blocks);
  reader.Read("batch_bytes", &settings->batch_bytes);
  reader.Read("linger", &settings->linger);
  reader.Read("synchronous_commit", &settings->synchronous_commit);
  reader.Read("lock_timeout", &settings->lock_timeout);
  reader.Read("idle_in_transaction_timeout", &settings->idle_in_transaction_timeout);
  reader.Read("connections", &settings->connections);
  const std::string& commit = settings->synchronous_commit;
  if (commit != "off" && commit != "local" && commit != "remote_write" && commit != "on" &&
      commit != "remote_apply") {
    reader.Fail("synchronous_commit", "off, local, remote_write, on or remote_apply");
  }
  std::string bad = "halt";
  reader.Read("on_bad_value", &bad);
  if (bad != "halt" && bad != "null" && bad != "skip") {
    reader.Fail("on_bad_value", "halt, null or skip");
  }
  if (bad == "null") settings->on_bad_value = OnBadValue::kNull;
  if (bad == "skip") settings->on_bad_value = OnBadValue::kSkip;
  ReadValueAs(&reader, settings);
  ReadReadback(&reader, settings);
  if (!reader.fault().ok()) return reader.fault();
  return CheckTogether(*settings);
}

}  // namespace sluice_postgres
