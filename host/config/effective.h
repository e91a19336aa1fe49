// SPDX-License-Identifier: Apache-2.0
//
// Effective values: what every setting came out as, and from where. Secrets are masked before they
// get here. `config show` prints this.
// Threading: plain values, pure functions.
#pragma once

#include <string>
#include <vector>

#include "config/checker.h"

namespace sluice {

struct EffectiveValue {
  std::string path;    // "sinks.audit.queue_bytes"
  std::string text;    // as it would be written in app.toml: "\"64MiB\""
  ConfigNode node;     // as a program would read it; durations and sizes as text with units
  std::string origin;  // "default", "app.toml:12", "SLUICE_…", "template kafka-eu (app.toml:30)"
};

// Every value, templates left out: their settings are shown at the sinks that inherit them.
std::vector<EffectiveValue> EffectiveValues(const CheckedValues& values);

// TOML, one setting a line with its origin behind it.
std::string EffectiveText(const std::vector<EffectiveValue>& values);

// {"values":{"commit":{"policy":"all",…},…},"origins":{"commit.policy":"app.toml:12",…}}, indented.
std::string EffectiveJson(const std::vector<EffectiveValue>& values);

// `node` as a TOML value on one line.
std::string ToTomlValue(const ConfigNode& node);

}  // namespace sluice
