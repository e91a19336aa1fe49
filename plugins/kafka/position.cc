// SPDX-License-Identifier: Apache-2.0
#include "kafka/position.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace sluice_kafka {

using nlohmann::json;

namespace {

bool ReadNumber(const json& object, const char* name, uint64_t* out) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return false;
  *out = found->get<uint64_t>();
  return true;
}

bool ReadCopy(const json& object, CopyMark* out) {
  return object.is_object() && ReadNumber(object, "height", &out->height) &&
         ReadNumber(object, "epoch", &out->epoch) && ReadNumber(object, "parts", &out->parts) &&
         ReadNumber(object, "rows", &out->rows);
}

bool ReadBegins(const json& object, std::map<std::string, std::vector<int64_t>>* out) {
  if (!object.is_object()) return false;
  for (const auto& [topic, offsets] : object.items()) {
    if (!offsets.is_array()) return false;
    std::vector<int64_t>& begins = (*out)[topic];
    for (const json& offset : offsets) {
      if (!offset.is_number_unsigned()) return false;
      begins.push_back(offset.get<int64_t>());
    }
  }
  return true;
}

}  // namespace

int64_t Position::BeginOf(const std::string& in_topic, int32_t partition) const {
  const auto found = begins.find(in_topic);
  if (found == begins.end() || static_cast<size_t>(partition) >= found->second.size()) return 0;
  return found->second[static_cast<size_t>(partition)];
}

std::string PositionKey(std::string_view stream, std::string_view sink) {
  return std::string(stream) + "." + std::string(sink);
}

std::string EncodePosition(const Position& position) {
  json object = json::object();
  object["stream"] = position.stream;
  object["sink"] = position.sink;
  object["epoch"] = position.epoch;
  object["height"] = position.height;
  object["digest"] = sluice::sdk::ToHex(sluice::sdk::View(position.digest));
  object["base"] = position.base;
  object["filtered"] = position.filtered;
  object["plain_keys"] = position.plain_keys;
  if (!position.layout.empty()) object["layout"] = position.layout;
  if (!position.encoding.empty()) object["encoding"] = position.encoding;
  if (!position.topic.empty()) object["topic"] = position.topic;
  object["topics"] = position.topics;
  object["all_topics"] = position.all_topics;
  if (const std::optional<CopyMark>& copy = position.snapshot; copy) {
    object["snapshot"] = {{"height", copy->height},
                          {"epoch", copy->epoch},
                          {"parts", copy->parts},
                          {"rows", copy->rows}};
  }
  if (position.copying) object["copying"] = true;
  if (!position.begins.empty()) object["begins"] = position.begins;
  return object.dump();
}

bool DecodePosition(std::string_view value, Position* position) {
  const json object = json::parse(value, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return false;
  const auto number = [&](const char* name, uint64_t* out) {
    return ReadNumber(object, name, out);
  };
  const auto text = [&](const char* name, std::string* out) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) return false;
    *out = found->get<std::string>();
    return true;
  };
  const auto flag = [&](const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_boolean() && found->get<bool>();
  };
  *position = Position();
  std::string digest;
  if (!text("stream", &position->stream) || !text("sink", &position->sink) ||
      !text("digest", &digest) || !number("epoch", &position->epoch) ||
      !number("height", &position->height) || !number("base", &position->base)) {
    return false;
  }
  const std::optional<sluice_digest> bytes = sluice::sdk::DigestFromHex(digest);
  if (!bytes) return false;
  position->digest = *bytes;
  position->filtered = flag("filtered");
  position->plain_keys = flag("plain_keys");
  (void)text("layout", &position->layout);
  (void)text("encoding", &position->encoding);
  (void)text("topic", &position->topic);
  position->all_topics = position->base == 0;
  if (const auto all = object.find("all_topics"); all != object.end()) {
    position->all_topics = all->is_boolean() && all->get<bool>();
  }
  position->copying = flag("copying");
  if (const auto copy = object.find("snapshot"); copy != object.end()) {
    if (!ReadCopy(*copy, &position->snapshot.emplace())) return false;
  }
  if (const auto begins = object.find("begins"); begins != object.end()) {
    if (!ReadBegins(*begins, &position->begins)) return false;
  }
  const auto topics = object.find("topics");
  if (topics == object.end()) return true;
  if (!topics->is_array()) return false;
  for (const json& topic : *topics) {
    if (!topic.is_string()) return false;
    position->topics.insert(topic.get<std::string>());
  }
  return true;
}

std::string ChangedSetting(const Position& stored, const Position& now) {
  const auto changed = [](const char* setting, const std::string& was, const std::string& is) {
    if (was.empty() || was == is) return std::string();
    return std::string("setting ") + setting + " is " + is + ", but was " + was;
  };
  if (std::string text = changed("topic", stored.topic, now.topic); !text.empty()) return text;
  if (std::string text = changed("layout", stored.layout, now.layout); !text.empty()) return text;
  if (std::string text = changed("encoding", stored.encoding, now.encoding); !text.empty()) {
    return text;
  }
  // Keys of blocks are heights.
  if (now.layout == "blocks" || stored.plain_keys == now.plain_keys) return "";
  return std::string("setting stores (or the node's stores) gives the topic ") +
         (now.plain_keys ? "one store, but was several" : "several stores, but was one") +
         ", which changes the records' keys";
}

}  // namespace sluice_kafka
