// SPDX-License-Identifier: Apache-2.0
#include <sluice/plugin.hpp>

#include "kafka/kafka_sink.h"
#include "kafka/settings_schema.h"

SLUICE_PLUGIN(sluice_kafka::KafkaSink, .id = "kafka", .version = "0.1.0",
              .capabilities = SLUICE_CAP_AT_LEAST_ONCE, .highest_level = SLUICE_LEVEL_DURABLE,
              .settings_schema = sluice_kafka::kSettingsSchema)
