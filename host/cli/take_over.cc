// SPDX-License-Identifier: Apache-2.0
#include "cli/take_over.h"

#include <fmt/core.h>

#include <limits>
#include <memory>
#include <utility>

#include "cli/named_sink.h"
#include "node/node_setup.h"
#include "plugin/readback.h"
#include "store/database.h"

namespace sluice {
namespace {

Result<SinkPosition> AskPosition(const NamedSink& named, const std::string& home) {
  ReadbackArgs args;
  args.settings_json = named.sink.settings.settings_json;
  args.stream_id = named.config.node.stream_id;
  args.sink = named.sink.settings.name;
  args.home = home;
  args.last_height = Height(std::numeric_limits<int64_t>::max());
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Readback> readback,
                          named.sink.library->OpenReadback(args));
  return readback->info().position;
}

}  // namespace

Result<TakenOver> TakeOverStopped(const std::string& home, const std::string& sink) {
  SLUICE_ASSIGN_OR_RETURN(const NamedSink named, LoadNamedSink(home, sink));
  SLUICE_ASSIGN_OR_RETURN(const SinkPosition position, AskPosition(named, home));
  const std::string& stream = named.config.node.stream_id;
  if (!position.empty && position.stream_id != stream) {
    return Error(StatusCode::kInvalid,
                 fmt::format("sink {}: it holds stream '{}', this home's is '{}': point it "
                             "elsewhere; another stream is not taken over",
                             sink, position.stream_id, stream));
  }
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                          Database::Open(MakeDatabaseOptions(named.config, home)));
  TakenOver taken;
  taken.seen = position.epoch;
  SLUICE_ASSIGN_OR_RETURN(taken.epoch, database->RaiseEpoch(position.epoch));
  return taken;
}

}  // namespace sluice
