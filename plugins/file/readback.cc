// SPDX-License-Identifier: Apache-2.0
#include "file/readback.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "file/abi_digest.h"
#include "file/change_set_decoder.h"
#include "file/fence.h"
#include "file/settings.h"
#include "file/status_of_fault.h"
#include "file/stream_reader.h"

namespace sluice_file {

using sluice::sdk::Bytes;
using sluice::sdk::ReadbackArgs;
using sluice::sdk::ReadbackCursor;
using sluice::sdk::ReadbackInfo;
using sluice::sdk::ReadbackItem;
using sluice::sdk::Status;
using sluice::sdk::Text;

namespace {

class Cursor : public ReadbackCursor {
 public:
  // `reader` may be null: nothing is there.
  Cursor(std::unique_ptr<StreamReader> reader, uint64_t last_height)
      : reader_(std::move(reader)), last_height_(last_height) {}

  Status Next(ReadbackItem* item) override {
    item->kind = SLUICE_READBACK_END;
    if (next_row_ < entry_.rows.size()) return GiveRow(item);
    while (reader_ != nullptr && reader_->Next(&entry_)) {
      next_row_ = 0;
      if (entry_.height > last_height_) return Status::Ok();
      if (entry_.kind == EntryKind::kHeight) return Give(item);
      if (!entry_.rows.empty()) return GiveRow(item);
    }
    entry_.rows.clear();
    return reader_ == nullptr ? Status::Ok() : StatusOf(reader_->fault());
  }

 private:
  Status Give(ReadbackItem* item) {
    const std::vector<ChangeView>* changes = &entry_.changes;
    if (reader_->format() == Format::kSegments) {
      if (const std::string wrong = DecodeChangeSet(entry_.canonical, &decoded_); !wrong.empty()) {
        return StatusOf(Fault::Damage(reader_->file().string(), entry_.offset, wrong));
      }
      changes = &decoded_.changes;
    }
    item->kind = SLUICE_READBACK_HEIGHT;
    item->flags = entry_.filtered ? SLUICE_BATCH_FILTERED : 0;
    item->has_previous_digest = entry_.has_previous_digest ? 1 : 0;
    item->height = entry_.height;
    item->digest = FromDigest(entry_.digest);
    item->previous_digest = FromDigest(entry_.previous_digest);
    item->canonical = Bytes(entry_.canonical);
    sluice::sdk::GiveChanges(*changes, &given_, item);
    return Status::Ok();
  }

  Status GiveRow(ReadbackItem* item) {
    const ChangeView& row = entry_.rows[next_row_++];
    item->kind = SLUICE_READBACK_ROW;
    item->flags = entry_.filtered ? SLUICE_BATCH_FILTERED : 0;
    item->height = entry_.height;
    item->digest = FromDigest(entry_.digest);
    item->store = Text(row.store);
    item->key = Bytes(row.key);
    item->value = Bytes(row.value);
    return Status::Ok();
  }

  const std::unique_ptr<StreamReader> reader_;
  const uint64_t last_height_;
  Entry entry_;
  size_t next_row_ = 0;  // of entry_.rows
  ChangeSetView decoded_;
  std::vector<sluice_change> given_;
};

// What can be said before everything is read.
struct Summary {
  // Of the run that has no gap up to the end, or of the snapshot that it goes on behind; 0: nothing
  // is there.
  uint64_t first_height = 0;
  bool from_snapshot = false;
  bool truncated = false;
  bool filtered = false;
  bool has_position = false;
  std::string stream;
  Entry last;  // its views are not used
};

// The beginning of each file tells where the last gap is; the first height of each, whether a
// filter is on.
Fault ReadBeginnings(const std::vector<StreamFile>& files, Summary* summary) {
  for (size_t i = 0; i < files.size(); ++i) {
    const bool is_last = i + 1 == files.size();
    std::unique_ptr<FileReader> reader;
    if (Fault fault = FileReader::Open(files[i].path, is_last, &reader); !fault.ok()) return fault;
    Entry entry;
    if (!reader->Next(&entry)) {
      if (!reader->fault().ok()) return reader->fault();
      continue;  // the last file, being created
    }
    const bool starts_run = i == 0 || entry.kind == EntryKind::kGap ||
                            (entry.kind == EntryKind::kBase && reader->sink().empty());
    if (starts_run) {
      summary->first_height = files[i].first_height;
      summary->from_snapshot = IsSnapshot(entry.kind);
    }
    if (entry.kind != EntryKind::kHeight && !reader->Next(&entry)) {
      if (!reader->fault().ok()) return reader->fault();
      continue;
    }
    summary->filtered = summary->filtered || entry.filtered;
  }
  summary->truncated = summary->first_height > 1 && !summary->from_snapshot;
  return {};
}

// The last entry of the last file that has one.
Fault ReadEnd(const std::vector<StreamFile>& files, Summary* summary) {
  for (size_t i = files.size(); i-- > 0 && !summary->has_position;) {
    std::unique_ptr<FileReader> reader;
    if (Fault fault = FileReader::Open(files[i].path, true, &reader); !fault.ok()) return fault;
    while (reader->Next(&summary->last)) {
      summary->has_position = true;
      summary->filtered = summary->filtered || summary->last.filtered;
    }
    if (!reader->fault().ok()) return reader->fault();
    summary->stream = reader->stream();
  }
  return {};
}

Fault Summarize(const Settings& settings, Summary* summary) {
  Format format = settings.format;
  std::vector<StreamFile> files;
  if (Fault fault = ListStreamFiles(settings.folder, &format, &files); !fault.ok()) return fault;
  if (format != settings.format) {
    return {FaultKind::kInvalid,
            settings.folder.string() + " holds files of the other format; set format back"};
  }
  if (Fault fault = ReadBeginnings(files, summary); !fault.ok()) return fault;
  return ReadEnd(files, summary);
}

}  // namespace

Status OpenFileReadback(const ReadbackArgs& args, ReadbackInfo* info,
                        std::unique_ptr<ReadbackCursor>* cursor) {
  Settings settings;
  Summary summary;
  Fault fault = ParseSettings(args.settings(), args.home(), &settings);
  std::error_code error;
  const bool exists = fault.ok() && std::filesystem::exists(settings.folder, error);
  if (exists) fault = Summarize(settings, &summary);
  std::unique_ptr<StreamReader> reader;
  if (fault.ok() && exists) {
    fault = StreamReader::Open(settings.folder, summary.first_height, &reader);
  }
  Fence fence;
  if (fault.ok() && exists) fault = fence.Look(settings.folder);
  if (!fault.ok()) return StatusOf(fault);

  info->flags = (summary.filtered ? SLUICE_READBACK_FILTERED : 0) |
                (summary.truncated ? SLUICE_READBACK_TRUNCATED : 0);
  info->content = SLUICE_READBACK_CHANGES;
  info->first_height = summary.first_height;
  sluice::sdk::Position position(&info->position);
  if (summary.has_position && summary.last.height != 0) {
    // As resume says it: the newest epoch that was here, whether it has written a height or not.
    position.SetAt(summary.stream, std::max(fence.epoch(), summary.last.epoch), summary.last.height,
                   FromDigest(summary.last.digest));
  } else {
    position.SetEmpty();
  }
  *cursor = std::make_unique<Cursor>(std::move(reader), args.last_height());
  return Status::Ok();
}

}  // namespace sluice_file
