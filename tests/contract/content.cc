// SPDX-License-Identifier: Apache-2.0
#include "contract/content.h"

#include <fmt/core.h>

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "plugin/readback.h"

namespace sluice::contract {
namespace {

using Key = std::pair<std::string, std::string>;

// Bytes as a message can hold them.
std::string Shown(std::string_view bytes) {
  constexpr size_t kShown = 24;
  std::string text = ToHex(bytes.substr(0, kShown));
  if (bytes.size() > kShown) text += "…";
  return fmt::format("0x{} ({} bytes)", text, bytes.size());
}

std::string_view KindName(ChangeKind kind) { return kind == ChangeKind::kSet ? "set" : "delete"; }

Status CompareChange(Height height, const Change& expected, const Change& found) {
  const std::string where = fmt::format("height {}, sequence {}", height, expected.sequence);
  if (found.sequence != expected.sequence) {
    return Wrong("{}: the change read back has sequence {}", where, found.sequence);
  }
  if (found.transaction != expected.transaction) {
    return Wrong("{}: transaction {} became {}", where, expected.transaction, found.transaction);
  }
  if (found.kind != expected.kind) {
    return Wrong("{}: a {} became a {}", where, KindName(expected.kind), KindName(found.kind));
  }
  if (found.store != expected.store) {
    return Wrong("{}: store '{}' became '{}'", where, expected.store, Shown(found.store));
  }
  if (found.key != expected.key) {
    return Wrong("{}: key {} became {}", where, Shown(expected.key), Shown(found.key));
  }
  if (found.value != expected.value) {
    return Wrong("{}: value {} became {}", where, Shown(expected.value), Shown(found.value));
  }
  const bool other_old_value =
      found.has_old_value && (!expected.has_old_value || found.old_value != expected.old_value);
  if (other_old_value) return Wrong("{}: the old value is another one", where);
  return Status::Ok();
}

Status CompareHeight(const ChangeSet& expected, const ReadbackItem& found) {
  const Height height = expected.height();
  if (found.changes.size() != expected.changes().size()) {
    return Wrong("height {}: {} changes are read back, {} were delivered", height,
                 found.changes.size(), expected.changes().size());
  }
  for (size_t i = 0; i < found.changes.size(); ++i) {
    SLUICE_RETURN_IF_ERROR(CompareChange(height, expected.changes()[i], found.changes[i]));
  }
  if (found.digest_known && found.digest != expected.digest()) {
    return Wrong("height {}: its digest is another one", height);
  }
  if (found.previous_digest && *found.previous_digest != expected.previous_digest()) {
    return Wrong("height {}: the digest before it is another one", height);
  }
  if (!found.canonical.empty() && found.canonical != expected.canonical()) {
    return Wrong("height {}: its canonical bytes are others", height);
  }
  // A height that a filter is put to is marked so; where changes are kept one by one, perhaps only
  // the whole is.
  if (found.filtered && !expected.filtered()) {
    return Wrong("height {}: it is marked as filtered, and was not", height);
  }
  return Status::Ok();
}

class Comparison {
 public:
  Comparison(const History& history, Height last, const ChangeFilter& filter)
      : history_(history), last_(last), filter_(filter) {}

  Status Run(Readback* readback) {
    const ReadbackInfo& info = readback->info();
    SLUICE_RETURN_IF_ERROR(
        ExpectPosition(info.position, history_, last_).WithContext("reading back"));
    const bool copied = history_.snapshot().has_value();
    const bool nothing = last_ == history_.base().height && !copied;
    const bool filtered = !filter_.passes_all() && !nothing;
    if (info.filtered != filtered) {
      return Wrong("reading back says {}filtered", info.filtered ? "" : "not ");
    }
    const bool truncated = history_.base().height > Height() && !nothing && !copied;
    if (info.truncated != truncated) {
      return Wrong("reading back says {}truncated; the sink began above height {}",
                   info.truncated ? "" : "not ", history_.base().height);
    }
    return info.content == ReadbackContent::kState ? CompareState(readback)
                                                   : CompareChanges(readback);
  }

 private:
  std::shared_ptr<const ChangeSet> Expected(Height height) const {
    const auto& set = history_.at(height);
    return filter_.passes_all() ? set : FilterChangeSet(*set, filter_);
  }

  // The rows of the snapshot that the history begins behind.
  std::map<Key, std::string> ExpectedRows() const {
    std::map<Key, std::string> rows;
    if (!history_.snapshot()) return rows;
    for (const auto& [key, value] : *history_.snapshot()) {
      Change change;
      change.store = key.first;
      change.key = key.second;
      if (filter_.Passes(change)) rows.emplace(key, value);
    }
    return rows;
  }

  // Each once, before all heights. *more, *item: what comes behind them.
  Status CompareRows(Readback* readback, ReadbackItem* item, bool* more) {
    std::map<Key, std::string> expected = ExpectedRows();
    const Base& base = history_.base();
    if (readback->info().first_height != base.height) {
      return Wrong("reading back begins at height {}, the snapshot is of height {}",
                   readback->info().first_height, base.height);
    }
    for (;;) {
      SLUICE_ASSIGN_OR_RETURN(*more, readback->Next(item));
      if (!*more || !item->is_row) break;
      SLUICE_RETURN_IF_ERROR(TakeRow(*item, &expected));
      if (item->height != base.height) {
        return Wrong("a row of the snapshot at height {} is read back with height {}", base.height,
                     item->height);
      }
      if (item->digest_known && item->digest != base.digest) {
        return Wrong("a row of the snapshot is read back with another digest than its height's");
      }
    }
    return ExpectNoneLeft(expected);
  }

  static Status TakeRow(const ReadbackItem& item, std::map<Key, std::string>* expected) {
    const std::string what = fmt::format("store {}, key {}", item.store, Shown(item.key));
    const auto known = expected->find(Key(item.store, item.key));
    if (known == expected->end()) {
      return Wrong("{} is read back: it was deleted, never there, or is given twice", what);
    }
    if (known->second != item.value) {
      return Wrong("{}: value {} became {}", what, Shown(known->second), Shown(item.value));
    }
    expected->erase(known);
    return Status::Ok();
  }

  static Status ExpectNoneLeft(const std::map<Key, std::string>& expected) {
    if (expected.empty()) return Status::Ok();
    const Key& key = expected.begin()->first;
    return Wrong("{} keys are not read back, one of them in store {}: {}", expected.size(),
                 key.first, Shown(key.second));
  }

  Status CompareChanges(Readback* readback) {
    ReadbackItem item;
    bool more = false;
    const bool copied = history_.snapshot().has_value();
    if (copied) SLUICE_RETURN_IF_ERROR(CompareRows(readback, &item, &more));
    bool have_next = copied;
    for (Height height = history_.first(); height <= last_; ++height) {
      if (!std::exchange(have_next, false)) {
        SLUICE_ASSIGN_OR_RETURN(more, readback->Next(&item));
      }
      if (!more) return Wrong("height {} and all after it are not read back", height);
      if (item.is_row) return Wrong("a row is read back where height {} is next", height);
      if (item.height != height) {
        return Wrong("height {} is read back where height {} is next", item.height, height);
      }
      SLUICE_RETURN_IF_ERROR(CompareHeight(*Expected(height), item));
    }
    if (!have_next) {
      SLUICE_ASSIGN_OR_RETURN(more, readback->Next(&item));
    }
    return more ? Wrong("height {} is read back after the last, {}", item.height, last_)
                : Status::Ok();
  }

  Status CompareState(Readback* readback) {
    std::map<Key, std::string> expected = ExpectedRows();
    for (Height height = history_.first(); height <= last_; ++height) {
      const std::shared_ptr<const ChangeSet> set = Expected(height);
      for (const Change& change : set->changes()) {
        const Key key(change.store, change.key);
        if (change.kind == ChangeKind::kSet) {
          expected[key] = std::string(change.value);
        } else {
          expected.erase(key);
        }
      }
    }
    ReadbackItem item;
    for (;;) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, readback->Next(&item));
      if (!more) break;
      SLUICE_RETURN_IF_ERROR(TakeRow(item, &expected));
    }
    return ExpectNoneLeft(expected);
  }

  const History& history_;
  const Height last_;
  const ChangeFilter& filter_;
};

}  // namespace

Status ExpectContent(CheckContext* context, const History& history, Height last,
                     const ChangeFilter& filter) {
  SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, context->Load());
  const SinkPlace& place = context->place();
  ReadbackArgs args;
  args.settings_json = place.settings_json;
  args.stream_id = place.stream_id;
  args.sink = place.sink;
  args.home = place.home;
  args.last_height = Height(std::numeric_limits<uint64_t>::max());
  Result<std::unique_ptr<Readback>> readback = library->OpenReadback(args);
  if (!readback) {
    if (readback.error().code() != StatusCode::kUnsupported) {
      return readback.error().WithContext("reading back");
    }
    context->NotChecked("content: no sluice.readback/1");
    return Status::Ok();
  }
  return Comparison(history, last, filter).Run(readback->get());
}

}  // namespace sluice::contract
