// SPDX-License-Identifier: Apache-2.0
#include <sluice/plugin.hpp>

#include "postgres/postgres_sink.h"
#include "postgres/settings_schema.h"

SLUICE_PLUGIN(sluice_postgres::PostgresSink, .id = "postgres", .version = "0.1.0",
              .capabilities = SLUICE_CAP_PARALLEL, .highest_level = SLUICE_LEVEL_VISIBLE,
              .settings_schema = sluice_postgres::kSettingsSchema)
