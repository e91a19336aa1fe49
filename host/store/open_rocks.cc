// SPDX-License-Identifier: Apache-2.0
//
// Opening a home's database, to write or beside a running node.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "base/failpoint.h"
#include "store/background_errors.h"
#include "store/log_tail.h"
#include "store/records.h"
#include "store/replay_plan.h"
#include "store/rocks_handle.h"
#include "store/rocks_log.h"
#include "store/rocks_options.h"
#include "store/rocks_status.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

// A running node changes its files under the one who opens; each try reads at most a few logs.
constexpr int kReadOnlyTries = 50;
constexpr std::chrono::milliseconds kReadOnlyWait{20};

std::string Doing(const DatabaseOptions& options, std::string_view what) {
  return fmt::format("database {}: {}", options.path, what);
}

// True where RocksDB may make a new database: nothing is there, or what a creation left that a
// crash cut short. Files without the one that names them are damage, not a new home.
Result<bool> IsNew(const std::string& path) {
  std::error_code error;
  if (fs::exists(fs::path(path) / "CURRENT", error)) return false;
  std::string orphan;
  fs::directory_iterator entry(path, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    const std::string extension = entry->path().extension();
    if (extension == ".sst" || extension == ".blob" || extension == ".log" ||
        (name.starts_with("MANIFEST-") && name != "MANIFEST-000001")) {
      orphan = name;
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Error(StatusCode::kIo, fmt::format("database {}: {}", path, error.message()));
  }
  if (orphan.empty()) return true;
  return Error(StatusCode::kCorruption,
               fmt::format("database {}: file CURRENT is missing beside {}; nothing was changed, "
                           "restore the home from a backup",
                           path, orphan));
}

Status CheckFormat(const records::Format& format, const DatabaseOptions& options) {
  if (format.version > records::kFormatVersion) {
    return Status(StatusCode::kInvalid,
                  Doing(options, fmt::format("the home has format {}, this program knows {}; use "
                                             "the newer release that wrote it",
                                             format.version, records::kFormatVersion)));
  }
  if (format.stream_id != options.stream_id) {
    return Status(StatusCode::kInvalid,
                  Doing(options, fmt::format("the home belongs to stream '{}', the configuration "
                                             "says '{}'; correct the stream's id, or choose "
                                             "another home",
                                             format.stream_id, options.stream_id)));
  }
  if (options.read_only) return Status::Ok();
  for (const std::string& store : format.stores) {
    if (std::find(options.stores.begin(), options.stores.end(), store) == options.stores.end()) {
      return Status(StatusCode::kConfiguration,
                    Doing(options, fmt::format("the home has a store '{}' that the configuration "
                                               "does not name, so nobody could reach what is in "
                                               "it; name it again",
                                               store)));
    }
  }
  return Status::Ok();
}

// The format record, or a new one where the database is empty.
Result<records::Format> ReadFormat(const DatabaseOptions& options, const OpenedRocks& opened) {
  std::string bytes;
  const rocksdb::Status got =
      opened.db->Get(rocksdb::ReadOptions(), opened.records, ToSlice(records::kFormatKey), &bytes);
  if (got.ok()) return records::DecodeFormat(bytes);
  if (!got.IsNotFound()) return Error(FromRocks(got, Doing(options, "reading the format")));
  std::unique_ptr<rocksdb::Iterator> any(
      opened.db->NewIterator(rocksdb::ReadOptions(), opened.records));
  any->SeekToFirst();
  if (any->Valid()) {
    return Error(StatusCode::kInvalid,
                 Doing(options,
                       "this is no home of this program: it has no format record; choose "
                       "another home"));
  }
  SLUICE_RETURN_IF_ERROR(FromRocks(any->status(), Doing(options, "reading the format")));
  if (options.read_only) {
    // The node that made it was stopped half-way: nothing was ever taken.
    return Error(StatusCode::kNotFound,
                 Doing(options, "it was not made to its end; start the node once to make it"));
  }
  records::Format format;
  format.version = 0;  // to be written
  format.stream_id = options.stream_id;
  return format;
}

void AssignFamilies(const std::vector<std::string>& stores, OpenedRocks* opened) {
  opened->store_names = stores;
  opened->stores.assign(stores.size(), nullptr);
  for (rocksdb::ColumnFamilyHandle* family : opened->families) {
    const std::string& name = family->GetName();
    if (name == rocksdb::kDefaultColumnFamilyName) opened->records = family;
    if (name == kJournalFamily) opened->journal = family;
    for (size_t i = 0; i < stores.size(); ++i) {
      if (name == StoreFamilyName(stores[i])) opened->stores[i] = family;
    }
  }
}

// Families are made before the format record names them; so one that is named and not there was
// lost, by a MANIFEST that is cut short, and to make it again would pass its emptiness off as the
// state.
Status CheckFamilies(const DatabaseOptions& options, const records::Format& format,
                     const OpenedRocks& opened) {
  if (format.version == 0) return Status::Ok();
  std::vector<std::string> named{std::string(kJournalFamily)};
  for (const std::string& store : format.stores) named.push_back(StoreFamilyName(store));
  for (const std::string& name : named) {
    const bool there = std::any_of(opened.families.begin(), opened.families.end(),
                                   [&](const auto* family) { return family->GetName() == name; });
    if (there) continue;
    return Status(StatusCode::kCorruption,
                  Doing(options, fmt::format("column family '{}' is gone, which the format record "
                                             "names: its MANIFEST is damaged; nothing was "
                                             "changed, restore the home from a backup",
                                             name)));
  }
  return Status::Ok();
}

// Makes the families that are not there yet, and then says in the format record that they are.
Status Complete(const DatabaseOptions& options, const RocksOptions& rocks_options,
                records::Format format, OpenedRocks* opened) {
  std::vector<std::string> wanted{std::string(kJournalFamily)};
  for (const std::string& store : options.stores) wanted.push_back(StoreFamilyName(store));
  Failpoint("store.open.families.before");
  for (const std::string& name : wanted) {
    const bool there = std::any_of(opened->families.begin(), opened->families.end(),
                                   [&](const auto* family) { return family->GetName() == name; });
    if (there) continue;
    rocksdb::ColumnFamilyHandle* family = nullptr;
    SLUICE_RETURN_IF_ERROR(
        FromRocks(opened->db->CreateColumnFamily(rocks_options.ForFamily(name), name, &family),
                  Doing(options, fmt::format("making column family '{}'", name))));
    opened->families.push_back(family);
  }
  Failpoint("store.open.families.after");
  AssignFamilies(options.stores, opened);
  if (format.version == records::kFormatVersion && format.stores == options.stores) {
    return Status::Ok();
  }
  format.version = records::kFormatVersion;
  format.stores = options.stores;
  rocksdb::WriteOptions durable;
  durable.sync = true;
  rocksdb::WriteBatch batch;
  batch.Put(opened->records, ToSlice(records::kFormatKey), EncodeFormat(format));
  // Nothing has been written since the opening made all before it durable.
  batch.PutLogData(EncodeDurable(opened->db->GetLatestSequenceNumber()));
  Failpoint("store.open.format.before");
  SLUICE_RETURN_IF_ERROR(
      FromRocks(opened->db->Write(durable, &batch), Doing(options, "writing the format")));
  Failpoint("store.open.format.after");
  return Status::Ok();
}

// `doing`, and the log file that RocksDB found damaged, if it did.
std::string WithDamage(const RocksOptions& rocks_options, std::string_view doing) {
  const std::string damage = static_cast<const RocksLog&>(*rocks_options.db.info_log).damage();
  return damage.empty() ? std::string(doing) : fmt::format("{}: {}", doing, damage);
}

std::vector<rocksdb::ColumnFamilyDescriptor> Descriptors(const std::vector<std::string>& names,
                                                         const RocksOptions& rocks_options) {
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) {
    descriptors.emplace_back(name, rocks_options.ForFamily(name));
  }
  return descriptors;
}

Result<std::unique_ptr<OpenedRocks>> OpenToWrite(const DatabaseOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(RocksOptions rocks_options, MakeRocksOptions(options.options_file));
  SLUICE_ASSIGN_OR_RETURN(const bool is_new, IsNew(options.path));
  std::vector<std::string> names{rocksdb::kDefaultColumnFamilyName};
  if (!is_new) {
    SLUICE_RETURN_IF_ERROR(
        FromRocks(rocksdb::DB::ListColumnFamilies(rocks_options.db, options.path, &names),
                  Doing(options, "opening")));
  }
  auto opened = std::make_unique<OpenedRocks>();
  opened->errors = std::make_shared<BackgroundErrors>();
  rocks_options.db.listeners = {opened->errors};
  rocks_options.db.create_if_missing = is_new;
  const auto families = Descriptors(names, rocks_options);
  if (!is_new) {
    SLUICE_ASSIGN_OR_RETURN(opened->replay, ReplayPlan::Make(options, families, &rocks_options.db));
  }
  rocksdb::DB* db = nullptr;
  Failpoint("store.open.recover.before");
  const rocksdb::Status recovered =
      rocksdb::DB::Open(rocks_options.db, options.path, families, &opened->families, &db);
  if (!recovered.ok()) {
    return Error(FromRocks(recovered, Doing(options, WithDamage(rocks_options, "opening"))));
  }
  opened->db.reset(db);
  Failpoint("store.open.recover.after");
  AssignFamilies(options.stores, opened.get());
  SLUICE_ASSIGN_OR_RETURN(records::Format format, ReadFormat(options, *opened));
  SLUICE_RETURN_IF_ERROR(CheckFormat(format, options));
  SLUICE_RETURN_IF_ERROR(CheckFamilies(options, format, *opened));
  SLUICE_RETURN_IF_ERROR(Complete(options, rocks_options, std::move(format), opened.get()));
  return opened;
}

// Changes whenever the set of files that make up the database changes.
std::string Fingerprint(const std::string& path) {
  std::ifstream current(fs::path(path) / "CURRENT", std::ios::binary);
  std::string manifest{std::istreambuf_iterator<char>(current), {}};
  while (!manifest.empty() && manifest.back() == '\n') manifest.pop_back();
  std::error_code error;
  const auto size = fs::file_size(fs::path(path) / manifest, error);
  return fmt::format("{} {}", manifest, error ? 0 : size);
}

Result<std::unique_ptr<OpenedRocks>> TryReadOnly(const DatabaseOptions& options,
                                                 RocksOptions rocks_options) {
  std::vector<std::string> names;
  SLUICE_RETURN_IF_ERROR(
      FromRocks(rocksdb::DB::ListColumnFamilies(rocks_options.db, options.path, &names),
                Doing(options, "opening to read")));
  auto opened = std::make_unique<OpenedRocks>();
  const auto families = Descriptors(names, rocks_options);
  SLUICE_ASSIGN_OR_RETURN(opened->replay, ReplayPlan::Make(options, families, &rocks_options.db));
  rocksdb::DB* db = nullptr;
  SLUICE_RETURN_IF_ERROR(FromRocks(rocksdb::DB::OpenForReadOnly(rocks_options.db, options.path,
                                                                families, &opened->families, &db),
                                   Doing(options, "opening to read")));
  opened->db.reset(db);
  return opened;
}

// A running node may write out a memtable and remove its log while we read: then files are missing,
// or, worse, the log is passed over in silence. So an opening counts only where the set of files
// was the same before and after it.
Result<std::unique_ptr<OpenedRocks>> OpenToRead(const DatabaseOptions& options) {
  std::error_code error;
  if (!fs::exists(fs::path(options.path) / "CURRENT", error)) {
    if (Result<bool> is_new = IsNew(options.path); !is_new) return Error(is_new.error());
    return Error(StatusCode::kNotFound,
                 Doing(options, "there is none yet; start the node once to make it"));
  }
  SLUICE_ASSIGN_OR_RETURN(RocksOptions rocks_options, MakeRocksOptions(options.options_file));
  rocks_options.db.max_open_files = -1;  // every file is held open, so none can vanish later
  Result<std::unique_ptr<OpenedRocks>> opened =
      Error(StatusCode::kBusy, Doing(options, "opening to read"));
  for (int attempt = 0; attempt < kReadOnlyTries; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kReadOnlyWait);
    const std::string before = Fingerprint(options.path);
    opened = TryReadOnly(options, rocks_options);
    if (Fingerprint(options.path) == before) break;
    opened = Error(StatusCode::kBusy,
                   Doing(options,
                         "a running node changed its files while it was opened to read; "
                         "try again"));
  }
  if (!opened) return opened;
  AssignFamilies({}, opened->get());
  SLUICE_ASSIGN_OR_RETURN(records::Format format, ReadFormat(options, **opened));
  SLUICE_RETURN_IF_ERROR(CheckFormat(format, options));
  SLUICE_RETURN_IF_ERROR(CheckFamilies(options, format, **opened));
  AssignFamilies(format.stores, opened->get());
  return opened;
}

}  // namespace

Result<std::unique_ptr<OpenedRocks>> OpenRocks(const DatabaseOptions& options) {
  Result<std::unique_ptr<OpenedRocks>> opened =
      options.read_only ? OpenToRead(options) : OpenToWrite(options);
  if (!opened) return opened;
  const OpenedRocks& rocks = **opened;
  const bool whole = rocks.journal != nullptr && std::find(rocks.stores.begin(), rocks.stores.end(),
                                                           nullptr) == rocks.stores.end();
  if (!whole) {
    return Error(StatusCode::kCorruption,
                 Doing(options,
                       "a column family that the format record names is missing; restore "
                       "the home from a backup"));
  }
  return opened;
}

}  // namespace sluice
