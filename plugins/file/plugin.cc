// SPDX-License-Identifier: Apache-2.0
#include <sluice/plugin.hpp>

#include "file/file_sink.h"
#include "file/settings_schema.h"

SLUICE_PLUGIN(sluice_file::FileSink, .id = "file", .version = "0.1.0",
              .highest_level = SLUICE_LEVEL_DURABLE,
              .settings_schema = sluice_file::kSettingsSchema)
