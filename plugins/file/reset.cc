// SPDX-License-Identifier: Apache-2.0
#include "file/reset.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include "file/fence.h"
#include "file/file_io.h"
#include "file/stream_folder.h"

namespace sluice_file {
namespace fs = std::filesystem;
namespace {

// Of both formats, in order.
Fault ListFiles(const fs::path& folder, std::vector<fs::path>* files) {
  std::error_code error;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const fs::path extension = at->path().extension();
    const bool is_ours =
        extension == ExtensionOf(Format::kSegments) || extension == ExtensionOf(Format::kJsonl);
    if (is_ours && FirstHeightOf(at->path()) != 0) files->push_back(at->path());
  }
  if (error) return {FaultKind::kIo, "cannot list " + folder.string() + ": " + error.message()};
  std::sort(files->begin(), files->end());
  return {};
}

Fault Foreign(const ResetArgs& args, const std::string& stream, const std::string& sink) {
  if (stream == args.stream && (sink.empty() || sink == args.sink)) return {};
  return {FaultKind::kInvalid, args.folder.string() + " belongs to stream " + stream +
                                   (sink.empty() ? "" : ", sink " + sink) + ", not to stream " +
                                   args.stream + ", sink " + args.sink + "; nothing was deleted"};
}

// Without a FENCE the first file says whose folder it is.
Fault CheckFile(const ResetArgs& args, const fs::path& path) {
  std::unique_ptr<FileReader> reader;
  if (Fault fault = FileReader::Open(path, /*is_last=*/true, &reader); !fault.ok()) return fault;
  Entry entry;
  const bool found = reader->Next(&entry);
  if (!found && !reader->fault().ok()) return reader->fault();
  return reader->stream().empty() ? Fault() : Foreign(args, reader->stream(), reader->sink());
}

}  // namespace

Fault ResetFolder(const ResetArgs& args) {
  if (Fault fault = CreateFolder(args.folder); !fault.ok()) return fault;
  Fence fence;
  if (Fault fault = fence.Take(args.folder); !fault.ok()) return fault;
  if (!fence.damage().empty()) return {FaultKind::kDamage, fence.damage()};
  std::vector<fs::path> files;
  if (Fault fault = ListFiles(args.folder, &files); !fault.ok()) return fault;
  Fault owner;
  if (!fence.stream().empty()) {
    owner = Foreign(args, fence.stream(), fence.sink());
  } else if (!files.empty()) {
    owner = CheckFile(args, files.front());
  }
  if (!owner.ok()) return owner;
  if (fence.epoch() >= args.epoch) {
    return {FaultKind::kFenced, args.folder.string() + ": FENCE holds epoch " +
                                    std::to_string(fence.epoch()) + ", this reset has epoch " +
                                    std::to_string(args.epoch) +
                                    "; a newer start of the node, or another node, writes here; "
                                    "nothing was deleted"};
  }
  if (Fault fault = fence.Raise(args.epoch, args.stream, args.sink); !fault.ok()) return fault;
  // What a snapshot has left that was interrupted would be the stream again with the next start.
  bool done = false;
  bool unfinished = false;
  if (Fault fault = SettleSnapshot(args.folder, &done, &unfinished); !fault.ok()) return fault;
  files.clear();
  if (Fault fault = ListFiles(args.folder, &files); !fault.ok()) return fault;
  // From the last one back: what a crash leaves is a stream that ends earlier.
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    if (::unlink(file->c_str()) != 0) return SystemFault("delete", *file, errno);
  }
  return SyncFolder(args.folder);
}

}  // namespace sluice_file
