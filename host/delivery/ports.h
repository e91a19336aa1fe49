// SPDX-License-Identifier: Apache-2.0
//
// What delivery needs from the node and what it tells the node: two small ports, so that nothing
// here knows the database or the gate.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "base/types.h"
#include "delivery/state_rows.h"
#include "model/change_set.h"
#include "plugin/sink_instance.h"

namespace sluice {

// The journal as sinks see it. Threading: any thread.
class JournalSource {
 public:
  virtual ~JournalSource() = default;
  virtual Height first() const = 0;  // F; J+1 where the journal is empty
  virtual Height journaled()
      const = 0;  // J: what may be delivered. With fire-and-forget: committed too
  // What its records take together, roughly.
  virtual uint64_t bytes() const { return 0; }
  // H: what is certain to have been answered.
  virtual Height committed() const = 0;
  // The digest of a height in [F-1, J]; height 0 is the genesis digest.
  virtual Result<Digest> DigestAt(Height height) const = 0;
  // kNotFound where it was pruned; kCorruption names the height.
  virtual Result<std::shared_ptr<const ChangeSet>> Read(Height height) const = 0;
  // Whether the node has a record that this sink ever acked a height.
  virtual Result<bool> HasWatermarkRecord(const SinkName& sink) const = 0;
  // The watermark as the node last stored it: for plugins without `resume`.
  virtual Result<Height> StoredWatermark(const SinkName& sink) const = 0;
};

// What of the journal is above `watermark`: counted, and in bytes, as if every height were as large
// as the others.
struct JournalLag {
  uint64_t blocks = 0, bytes = 0;
};
inline JournalLag LagBehind(Height watermark, Height first, Height journaled, uint64_t bytes) {
  JournalLag lag;
  if (journaled <= watermark) return lag;
  lag.blocks = journaled - watermark;
  const uint64_t held = journaled >= first ? journaled - first + 1 : 0;
  if (held > 0) {
    const double share = lag.blocks < held ? static_cast<double>(lag.blocks) / held : 1;
    lag.bytes = static_cast<uint64_t>(share * static_cast<double>(bytes));
  }
  return lag;
}

// All stores at one committed height, as far as a sink's filter lets rows through; read once, from
// the first to the last. Threading: one thread.
class StateReader {
 public:
  virtual ~StateReader() = default;
  virtual Base base() const = 0;
  virtual uint64_t rows_about() const = 0;  // how many there are; 0: not known
  // Rows in the order of stores and keys, in the place of what `rows` held: at most `rows_max` of
  // them, and `bytes_max` bytes but for the last; none at the end. kRetry: the store is opened
  // again or closed, and this view of it is gone.
  virtual Status Read(uint64_t rows_max, uint64_t bytes_max, StateRows* rows) = 0;
};

// The state as committed. Threading: any thread.
class StateSource {
 public:
  virtual ~StateSource() = default;
  virtual Result<std::unique_ptr<StateReader>> OpenState(const ChangeFilter& filter) = 0;
};

// Told by each sink's threads. Implementations must not block and must not call back.
class SinkObserver {
 public:
  virtual ~SinkObserver() = default;
  // The sink's gap-free watermark at `level` and below it. Grows, except where a sink is attached
  // anew at a lower base. `highest`: the highest level that this instance can give.
  virtual void OnWatermark(const SinkName& sink, AckLevel level, Height watermark,
                           AckLevel highest) = 0;
  // The sink is without heights up to this one, which were skipped by the operator's choice; 0: it
  // is whole. Said before any watermark that follows from it.
  virtual void OnPartial(const SinkName& /*sink*/, Height /*after*/) {}
  virtual void OnAvailability(const SinkName& sink, SinkAvailability availability,
                              const std::string& reason) = 0;
  // While the sink takes a copy of the state: the journal keeps what is above `height` for it,
  // whatever it acked before; `rows`: taken so far. Nothing: it no longer does.
  virtual void OnSnapshot(const SinkName& /*sink*/, std::optional<Height> /*height*/,
                          uint64_t /*rows*/) {}
};

}  // namespace sluice
