// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace sluice::faultfs {
namespace {

bool ParseNumber(const char* text, uint64_t* number) {
  char* end = nullptr;
  errno = 0;
  *number = strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

// Cuts the part after the last ':' off `text` and returns it; nullptr where there is none.
char* CutLast(char* text) {
  char* colon = strrchr(text, ':');
  if (colon == nullptr) return nullptr;
  *colon = '\0';
  return colon + 1;
}

// "<n>" or "<op>:<substring>:<n>[:before|during|after]"
bool ParseKillPoint(const char* text, const char* const* op_names, int op_count, KillPoint* kill) {
  char copy[PATH_MAX];
  if (snprintf(copy, sizeof(copy), "%s", text) >= static_cast<int>(sizeof(copy))) return false;
  kill->set = true;
  if (ParseNumber(copy, &kill->at)) return true;
  char* last = CutLast(copy);
  if (last == nullptr) return false;
  if (!ParseNumber(last, &kill->at)) {
    if (strcmp(last, "before") == 0) {
      kill->when = When::kBefore;
    } else if (strcmp(last, "during") == 0) {
      kill->when = When::kDuring;
    } else if (strcmp(last, "after") == 0) {
      kill->when = When::kAfter;
    } else {
      return false;
    }
    last = CutLast(copy);
    if (last == nullptr || !ParseNumber(last, &kill->at)) return false;
  }
  char* colon = strchr(copy, ':');
  if (colon == nullptr) return false;
  *colon = '\0';
  snprintf(kill->match, sizeof(kill->match), "%s", colon + 1);
  if (strcmp(copy, "any") == 0) return true;
  for (kill->op = 0; kill->op < op_count; ++kill->op) {
    if (strcmp(copy, op_names[kill->op]) == 0) return true;
  }
  return false;
}

// "<substring>:<n>[+]"
bool ParseSyncError(const char* text, SyncError* error) {
  if (snprintf(error->match, sizeof(error->match), "%s", text) >=
      static_cast<int>(sizeof(error->match))) {
    return false;
  }
  char* last = CutLast(error->match);
  if (last == nullptr || *last == '\0') return false;
  char* sign = last + strlen(last) - 1;
  if (*sign == '+') {
    error->all_later = true;
    *sign = '\0';
  }
  error->set = true;
  return ParseNumber(last, &error->at);
}

}  // namespace

const char* Setting(const char* name) {
  char full[64];
  snprintf(full, sizeof(full), "SLUICE_FAULTFS_%s", name);
  const char* value = getenv(full);
  return value == nullptr ? "" : value;
}

void BadSetting(const char* name, const char* value) {
  dprintf(
      STDERR_FILENO,
      "faultfs: cannot use SLUICE_FAULTFS_%s=\"%s\" (%s): see tests/support/faultfs/README.md\n",
      name, value, strerror(errno));
  _exit(125);
}

void ReadKillPoint(const char* const* op_names, int op_count, KillPoint* kill) {
  const char* text = Setting("KILL");
  if (*text != '\0' && !ParseKillPoint(text, op_names, op_count, kill)) BadSetting("KILL", text);
}

void ReadFullDisk(FullDisk* disk) {
  disk->control_file = Setting("FULL_FILE");
  disk->match = Setting("FULL_MATCH");
  disk->partial = strcmp(Setting("FULL_PARTIAL"), "1") == 0;
  const char* limit = Setting("FULL_AFTER");
  disk->limited = *limit != '\0';
  if (disk->limited && !ParseNumber(limit, &disk->limit)) BadSetting("FULL_AFTER", limit);
}

void ReadSyncError(SyncError* error) {
  const char* text = Setting("SYNC_ERROR");
  if (*text != '\0' && !ParseSyncError(text, error)) BadSetting("SYNC_ERROR", text);
}

}  // namespace sluice::faultfs
