// SPDX-License-Identifier: Apache-2.0
#include "node/verify.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>

namespace sluice {
namespace {

// What a map node and two strings cost besides their bytes, about.
constexpr uint64_t kEntryBytes = 160;
constexpr size_t kPartsMax = 4096;

// One part of all keys: those whose hash falls into it.
struct Part {
  size_t index = 0;
  size_t count = 1;
  bool Has(std::string_view store, std::string_view key) const {
    if (count == 1) return true;
    const size_t mixed =
        std::hash<std::string_view>()(key) * 31 ^ std::hash<std::string_view>()(store);
    return mixed % count == index;
  }
};

// No value: the sink says that the key is deleted.
using RebuiltStore = std::map<std::string, std::optional<std::string>, std::less<>>;

// What changes leave behind, in the memory that is given for it.
class Rebuilt {
 public:
  Rebuilt(bool keep_deleted, uint64_t bytes_max)
      : keep_deleted_(keep_deleted), bytes_max_(bytes_max) {}

  void Set(std::string_view store, std::string_view key, std::string_view value) {
    Put(store, key, std::string(value));
  }

  void Delete(std::string_view store, std::string_view key) {
    if (keep_deleted_) return Put(store, key, std::nullopt);
    RebuiltStore& keys = stores_[std::string(store)];
    auto found = keys.find(key);
    if (found == keys.end()) return;
    bytes_ -= Cost(key, found->second);
    keys.erase(found);
  }

  bool full() const { return bytes_ > bytes_max_; }
  std::map<std::string, RebuiltStore>& stores() { return stores_; }

 private:
  static uint64_t Cost(std::string_view key, const std::optional<std::string>& value) {
    return kEntryBytes + key.size() + (value ? value->size() : 0);
  }

  void Put(std::string_view store, std::string_view key, std::optional<std::string> value) {
    RebuiltStore& keys = stores_[std::string(store)];
    bytes_ += Cost(key, value);
    auto found = keys.find(key);
    if (found == keys.end()) {
      keys.emplace(key, std::move(value));
      return;
    }
    bytes_ -= Cost(key, found->second);
    found->second = std::move(value);
  }

  const bool keep_deleted_;
  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  std::map<std::string, RebuiltStore> stores_;
};

// What ties the heights of a sink together while they are read.
class ChainCheck {
 public:
  ChainCheck(const StateSnapshot& snapshot, const std::string& stream_id)
      : target_(snapshot.height()), digest_(snapshot.digest()), stream_id_(stream_id) {}

  // A row of the snapshot that the heights go on behind. `known`: the node's own digest there.
  Status Row(const ReadbackItem& item, const std::function<std::optional<Digest>(Height)>& known) {
    if (last_ != Height() && (!from_snapshot_ || last_ != item.height)) {
      return Wrong(item.height, "a row of a snapshot, behind heights or rows of another one");
    }
    if (from_snapshot_) return Status::Ok();
    from_snapshot_ = true;
    first_ = last_ = item.height;
    if (!item.digest_known) {
      all_computed_ = false;
      return Status::Ok();
    }
    previous_ = item.digest;
    const std::optional<Digest> own = item.height == target_ ? digest_
                                      : known                ? known(item.height)
                                                             : std::nullopt;
    // What cannot be compared is believed, and said.
    all_computed_ = own.has_value();
    if (!own || *own == item.digest) return Status::Ok();
    return Wrong(item.height, fmt::format("the sink's snapshot has digest {}, the node {}: their "
                                          "histories differ",
                                          item.digest.ToHex(), own->ToHex()));
  }

  Status Next(const ReadbackItem& item) {
    if (first_ == Height()) {
      first_ = item.height;
      if (item.height == Height(1)) previous_ = GenesisDigest(stream_id_);
    } else if (item.height != last_ + 1) {
      return Wrong(item.height, fmt::format("it follows height {}: heights are missing", last_));
    }
    last_ = item.height;
    if (!item.digest_known) {
      previous_.reset();
      all_computed_ = false;
      return Status::Ok();
    }
    if (previous_ && item.previous_digest && *item.previous_digest != *previous_) {
      return Wrong(item.height, "its digest does not continue the one of the height before it");
    }
    if (!previous_) previous_ = item.previous_digest;
    // Filtered bytes are not what the digest is over.
    if (!item.canonical.empty() && !item.filtered && previous_) {
      if (NextDigest(*previous_, item.canonical) != item.digest) {
        return Wrong(item.height, "its bytes do not give its digest");
      }
    } else {
      all_computed_ = false;
    }
    if (item.height == target_ && item.digest != digest_) {
      return Wrong(item.height, fmt::format("the sink has digest {}, the node {}: their histories "
                                            "differ",
                                            item.digest.ToHex(), digest_.ToHex()));
    }
    previous_ = item.digest;
    return Status::Ok();
  }

  Height first() const { return first_; }
  Height last() const { return last_; }
  bool from_snapshot() const { return from_snapshot_; }
  bool all_computed() const {
    return all_computed_ && last_ == target_ && (first_ == Height(1) || from_snapshot_);
  }

 private:
  static Status Wrong(Height height, const std::string& what) {
    return Status(StatusCode::kCorruption, fmt::format("height {}: {}", height, what));
  }

  const Height target_;
  const Digest digest_;
  const std::string stream_id_;
  std::optional<Digest> previous_;
  Height first_, last_;
  bool from_snapshot_ = false;
  bool all_computed_ = true;
};

class Verifier {
 public:
  Verifier(const StateSnapshot& snapshot, const OpenReadbackFunction& open,
           const VerifyOptions& options)
      : snapshot_(snapshot), open_(open), options_(options) {}

  Result<VerifyReport> Run() {
    report_.height = snapshot_.height();
    report_.digest = snapshot_.digest();
    for (const std::string& store : options_.stores) {
      StoreComparison comparison;
      comparison.store = store;
      report_.stores.push_back(std::move(comparison));
    }
    for (Part part; part.index < part.count;) {
      SLUICE_ASSIGN_OR_RETURN(const bool fitted, ComparePart(part));
      if (fitted) {
        ++part.index;
        continue;
      }
      if (part.count >= kPartsMax) {
        return Error(StatusCode::kNoMemory,
                     fmt::format("the state does not fit into {} bytes, not even in {} parts",
                                 options_.rebuilt_bytes_max, part.count));
      }
      // Parts done so far would overlap the smaller ones: begin again.
      part = {0, part.count * 4};
      for (StoreComparison& store : report_.stores) {
        std::string name = std::move(store.store);
        store = StoreComparison();
        store.store = std::move(name);
      }
      report_.examples.clear();
      unknown_stores_.clear();
    }
    for (auto& [name, comparison] : unknown_stores_) {
      comparison.store = name;
      if (comparison.extra > 0) report_.stores.push_back(comparison);
    }
    if (report_.sink_height > report_.height) {
      SLUICE_ASSIGN_OR_RETURN(const Height journaled, options_.journaled());
      report_.ahead = report_.sink_height > journaled;
    }
    report_.equal = !report_.ahead;
    for (const StoreComparison& store : report_.stores) {
      if (store.missing + store.extra + store.different > 0) report_.equal = false;
    }
    return std::move(report_);
  }

 private:
  // False where the part did not fit into memory.
  Result<bool> ComparePart(const Part& part) {
    SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Readback> readback, open_());
    const ReadbackInfo& info = readback->info();
    SLUICE_RETURN_IF_ERROR(CheckComparable(info));
    // A filter that the configuration does not name cannot be applied to the stores either.
    const bool filter_unknown = info.filtered && options_.filter.passes_all();
    only_known_keys_ = info.truncated || filter_unknown;
    apply_filter_ = info.filtered && !filter_unknown;
    report_.sink_height = info.position.empty ? Height() : info.position.height;
    report_.complete = !info.truncated && !info.filtered;
    Rebuilt rebuilt(only_known_keys_, options_.rebuilt_bytes_max);
    SLUICE_ASSIGN_OR_RETURN(const bool fitted, Rebuild(part, readback.get(), &rebuilt));
    if (!fitted) return false;
    for (StoreComparison& store : report_.stores) {
      SLUICE_RETURN_IF_ERROR(CompareStore(part, &rebuilt, &store));
    }
    // Stores that only the sink knows.
    for (auto& [name, keys] : rebuilt.stores()) {
      CountExtra(name, &keys, &unknown_stores_[name]);
    }
    return true;
  }

  Status CheckComparable(const ReadbackInfo& info) const {
    const Height target = snapshot_.height();
    const Height at = info.position.empty ? Height() : info.position.height;
    if (!info.position.empty && info.position.stream_id != options_.stream_id) {
      return Incomparable(fmt::format("it is of stream {}, the home of {}", info.position.stream_id,
                                      options_.stream_id));
    }
    if (at < target) {
      return Incomparable(
          fmt::format("it is at height {} and the stores are at {}: let the node "
                      "run until it has caught up",
                      at, target));
    }
    if (info.content == ReadbackContent::kState && at > target) {
      return Incomparable(
          fmt::format("it holds the state of height {} and the stores are at {}: "
                      "start the node, which rolls forward",
                      at, target));
    }
    if (info.content == ReadbackContent::kChanges && target != Height() &&
        (info.first_height == Height() || info.first_height > target)) {
      return Incomparable(fmt::format("it holds no height up to {}", target));
    }
    return Status::Ok();
  }

  static Status Incomparable(const std::string& why) {
    return Status(StatusCode::kInvalid, "nothing can be compared: " + why);
  }

  Result<bool> Rebuild(const Part& part, Readback* readback, Rebuilt* rebuilt) {
    const bool is_state = readback->info().content == ReadbackContent::kState;
    ChainCheck chain(snapshot_, options_.stream_id);
    ReadbackItem item;
    for (;;) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, readback->Next(&item));
      if (!more) break;
      if (is_state) {
        if (part.Has(item.store, item.key)) rebuilt->Set(item.store, item.key, item.value);
      } else {
        if (item.height > snapshot_.height()) break;
        if (item.is_row) {
          SLUICE_RETURN_IF_ERROR(chain.Row(item, options_.digest_at));
          if (part.Has(item.store, item.key)) rebuilt->Set(item.store, item.key, item.value);
          if (rebuilt->full()) return false;
          continue;
        }
        SLUICE_RETURN_IF_ERROR(chain.Next(item));
        for (const Change& change : item.changes) Apply(part, change, rebuilt);
      }
      if (rebuilt->full()) return false;
    }
    if (is_state) {
      report_.from = readback->info().first_height;
      return true;
    }
    // A snapshot without a row is of a state that is empty.
    const bool empty_snapshot =
        chain.last() == Height() && readback->info().first_height == snapshot_.height();
    if (chain.last() != snapshot_.height() && !empty_snapshot) {
      return Error(StatusCode::kCorruption,
                   fmt::format("the sink ends at height {} when read, but says that it is at {}",
                               chain.last(), readback->info().position.height));
    }
    report_.from = chain.first();
    report_.from_snapshot = chain.from_snapshot();
    report_.digest_checked = chain.all_computed();
    return true;
  }

  static void Apply(const Part& part, const Change& change, Rebuilt* rebuilt) {
    if (!part.Has(change.store, change.key)) return;
    if (change.kind == ChangeKind::kDelete) {
      rebuilt->Delete(change.store, change.key);
    } else {
      rebuilt->Set(change.store, change.key, change.value);
    }
  }

  bool InFilter(const std::string& store, std::string_view key) const {
    if (!apply_filter_) return true;
    Change change;
    change.store = store;
    change.key = key;
    return options_.filter.Passes(change);
  }

  // Walks over the store and takes out of the rebuilt keys what it meets; what is left is extra.
  Status CompareStore(const Part& part, Rebuilt* rebuilt, StoreComparison* comparison) {
    SLUICE_ASSIGN_OR_RETURN(std::shared_ptr<const StoreView> view,
                            snapshot_.Store(comparison->store));
    RebuiltStore keys = std::move(rebuilt->stores()[comparison->store]);
    std::unique_ptr<StoreIterator> at = view->Iterate(KeyRange(), false);
    for (; at->Valid(); at->Next()) {
      if (!part.Has(comparison->store, at->key())) continue;
      auto found = keys.find(at->key());
      if (found == keys.end() && (only_known_keys_ || !InFilter(comparison->store, at->key()))) {
        continue;
      }
      ++comparison->keys;
      if (found == keys.end() || !found->second) {
        ++comparison->missing;
        AddExample(DifferenceKind::kMissing, comparison->store, at->key(), at->value(), {});
      } else if (*found->second != at->value()) {
        ++comparison->different;
        AddExample(DifferenceKind::kDifferent, comparison->store, at->key(), at->value(),
                   found->second);
      }
      if (found != keys.end()) keys.erase(found);
    }
    SLUICE_RETURN_IF_ERROR(at->status());
    CountExtra(comparison->store, &keys, comparison);
    rebuilt->stores().erase(comparison->store);
    return Status::Ok();
  }

  void CountExtra(const std::string& store, RebuiltStore* keys, StoreComparison* comparison) {
    for (auto& [key, value] : *keys) {
      ++comparison->keys;
      if (!value) continue;  // deleted in the sink, and absent in the store: equal
      ++comparison->extra;
      AddExample(DifferenceKind::kExtra, store, key, {}, std::move(value));
    }
  }

  void AddExample(DifferenceKind kind, const std::string& store, std::string_view key,
                  std::optional<std::string_view> expected, std::optional<std::string> found) {
    if (report_.examples.size() >= options_.examples_max) return;
    Difference difference;
    difference.kind = kind;
    difference.store = store;
    difference.key = std::string(key);
    if (expected) difference.expected = std::string(*expected);
    difference.found = std::move(found);
    report_.examples.push_back(std::move(difference));
  }

  const StateSnapshot& snapshot_;
  const OpenReadbackFunction& open_;
  const VerifyOptions& options_;
  bool only_known_keys_ = false;  // what the sink does not mention cannot be called missing
  bool apply_filter_ = false;
  std::map<std::string, StoreComparison> unknown_stores_;  // that only the sink has
  VerifyReport report_;
};

}  // namespace

Result<VerifyReport> VerifySink(const StateSnapshot& snapshot, const OpenReadbackFunction& open,
                                const VerifyOptions& options) {
  return Verifier(snapshot, open, options).Run();
}

}  // namespace sluice
