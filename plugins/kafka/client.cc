// SPDX-License-Identifier: Apache-2.0
#include "kafka/client.h"

#include <syslog.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "kafka/errors.h"

namespace sluice_kafka {

using sluice::sdk::Status;

namespace {

struct DestroyConf {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using ConfPointer = std::unique_ptr<rd_kafka_conf_t, DestroyConf>;

// Of every client. Where a broker is slow to come back, librdkafka would wait for up to 10 s.
Properties CommonDefaults() {
  return {{"reconnect.backoff.ms", "50"}, {"reconnect.backoff.max.ms", "500"}};
}

Status Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> text{};
  const rd_kafka_conf_res_t result =
      rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text.data(), text.size());
  if (result == RD_KAFKA_CONF_OK) return Status::Ok();
  // librdkafka quotes the value.
  const std::string why = IsCredential(name) ? "its value is refused" : text.data();
  return Status::Invalid("setting producer." + name + ": librdkafka: " + why);
}

Status SetAll(rd_kafka_conf_t* conf, const Properties& properties) {
  for (const auto& [name, value] : properties) {
    if (Status status = Set(conf, name, value); !status.ok()) return status;
  }
  return Status::Ok();
}

uint64_t GetNumber(const rd_kafka_conf_t* conf, const char* name) {
  std::array<char, 64> text{};
  size_t size = text.size();
  if (rd_kafka_conf_get(conf, name, text.data(), &size) != RD_KAFKA_CONF_OK) return 0;
  return std::strtoull(text.data(), nullptr, 10);
}

int32_t LevelOf(int syslog_level) {
  if (syslog_level <= LOG_ERR) return SLUICE_LOG_ERROR;
  if (syslog_level <= LOG_WARNING) return SLUICE_LOG_WARN;
  return syslog_level <= LOG_INFO ? SLUICE_LOG_INFO : SLUICE_LOG_DEBUG;
}

}  // namespace

Status Client::Open(rd_kafka_type_t type, const Settings& settings, const Properties& defaults,
                    const Properties& own, sluice::sdk::Host host, FailedRecord failed_record,
                    std::unique_ptr<Client>* out) {
  ConfPointer conf(rd_kafka_conf_new());
  const Properties common = CommonDefaults();
  for (const Properties* part : {&common, &defaults, &settings.properties, &own}) {
    if (Status status = SetAll(conf.get(), *part); !status.ok()) return status;
  }
  if (Status status = Set(conf.get(), "bootstrap.servers", settings.brokers); !status.ok()) {
    return Status::Invalid("setting brokers: librdkafka does not take it: " + settings.brokers);
  }
  std::unique_ptr<Client> client(new Client(host, std::move(failed_record)));
  rd_kafka_conf_set_opaque(conf.get(), client.get());
  rd_kafka_conf_set_log_cb(conf.get(), &Client::OnLog);
  rd_kafka_conf_set_error_cb(conf.get(), &Client::OnError);
  if (client->failed_record_) rd_kafka_conf_set_dr_msg_cb(conf.get(), &Client::OnReport);
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_stats_cb(conf.get(), &Client::OnStatistics);
  client->max_message_bytes_ = GetNumber(conf.get(), "message.max.bytes");
  client->transaction_timeout_ =
      std::chrono::milliseconds(GetNumber(conf.get(), "transaction.timeout.ms"));

  std::array<char, 512> text{};
  client->handle_ = rd_kafka_new(type, conf.get(), text.data(), text.size());
  if (client->handle_ == nullptr) {
    return Status::Invalid(std::string("settings producer.*: librdkafka: ") + text.data());
  }
  (void)conf.release();  // the handle's now
  *out = std::move(client);
  return Status::Ok();
}

Client::~Client() {
  for (const auto& [name, topic] : topics_) rd_kafka_topic_destroy(topic);
  if (handle_ != nullptr) rd_kafka_destroy(handle_);
}

rd_kafka_topic_t* Client::Topic(const std::string& name) {
  if (const auto found = topics_.find(name); found != topics_.end()) return found->second;
  rd_kafka_topic_t* topic = rd_kafka_topic_new(handle_, name.c_str(), nullptr);
  if (topic != nullptr) topics_.emplace(name, topic);
  return topic;
}

std::string Client::Trouble() const { return trouble_.empty() ? "" : ": " + trouble_; }

void Client::OnLog(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
  // That a producer was given a consumer's property, or the other way round: both get all of them.
  if (std::strcmp(facility, "CONFWARN") == 0) return;
  const auto* self = static_cast<const Client*>(rd_kafka_opaque(handle));
  self->host_.Log(LevelOf(level), std::string("librdkafka: ") + facility + ": " + text);
}

void Client::OnError(rd_kafka_t*, int code, const char* reason, void* opaque) {
  auto* self = static_cast<Client*>(opaque);
  if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL) {
    ++self->refusals_;
  }
  // That all brokers are down does not say why; what came before it does.
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !self->trouble_.empty()) return;
  self->trouble_ = ExplainTrouble(reason, rd_kafka_version());
}

void Client::OnReport(rd_kafka_t*, const rd_kafka_message_t* record, void* opaque) {
  auto* self = static_cast<Client*>(opaque);
  if (record->err != RD_KAFKA_RESP_ERR_NO_ERROR) self->failed_record_(*record);
}

int Client::OnStatistics(rd_kafka_t*, char* json, size_t size, void* opaque) {
  auto* self = static_cast<Client*>(opaque);
  if (self->statistics_taker_) self->statistics_taker_(std::string_view(json, size));
  return 0;  // librdkafka frees the text
}

std::string Describe(rd_kafka_resp_err_t code) {
  return std::string(rd_kafka_err2str(code)) + " (" + rd_kafka_err2name(code) + ")";
}

}  // namespace sluice_kafka
