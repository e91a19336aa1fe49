// SPDX-License-Identifier: Apache-2.0
//
// Takes a copy that replaces what the sink holds (sluice.snapshot/1):
//
//   begin   one transaction: the guard row is at height 0, under the new epoch, and `filling`; so
//           resume answers EMPTY until the end. Then this sink's rows are deleted, some at a time,
//           each lot in a transaction of its own.
//   part    one transaction: rows by binary COPY into the state, and into the changes as what was
//           set at the copy's height, in the order in which they come
//   end     one transaction: the row of sluice_heights, and the guard row at (height, digest)
//
// Each transaction touches the guard row first, under its epoch and with this copy's mark: so an
// older incarnation is refused, also one that was only paused, and parts of two copies never mix.
// Parts need not wait for the server's disk: the commit of the end does, for all before it.
//
// Threading: control thread. Ownership: borrows setup and session.
#pragma once

#include <cstdint>
#include <sluice/plugin.hpp>
#include <string>
#include <vector>

#include "postgres/copy_encoder.h"
#include "postgres/height_group.h"
#include "postgres/position.h"
#include "postgres/session.h"

namespace sluice_postgres {

class SnapshotWriter {
 public:
  SnapshotWriter(const SinkSetup* setup, Session* session, sluice::sdk::Host host)
      : setup_(setup), session_(session), host_(host) {}

  Fault Begin(const sluice::sdk::SnapshotArgs& args);
  Fault Take(const sluice::sdk::SnapshotPart& part);
  Fault End();

  // Makes the sink empty, with the mark of a copy at `height` that is not whole.
  Fault Empty(uint64_t height);
  // Makes it empty, and takes the mark away again.
  Fault Reset();

 private:
  // A value of a part that value_as could not take, by its index.
  struct Passed {
    uint64_t index = 0;
    std::string reason;
  };
  // What becomes of one part: COPY rows of the state, for each table, and of the changes.
  struct Rows {
    std::vector<std::pair<std::string, CopyEncoder>> state;  // by store; "" where all share one
    CopyEncoder changes;
  };

  Fault DeleteRows(const std::string& held_keeps);
  Fault DeleteRowsOf(const RowTable& table);
  // `deleted`: how many rows.
  Fault DeleteOnce(const std::string& sql, uint64_t* deleted);
  // A transaction under the guard of this copy.
  Fault Run(std::vector<Step> steps);
  std::vector<Step> BeginGuarded() const;
  Fault TakeOnce(const sluice::sdk::SnapshotPart& part, const std::vector<Passed>& passed);
  Rows Encode(const sluice::sdk::SnapshotPart& part, const std::vector<Passed>& passed) const;
  void EncodeState(const sluice_row& row, int32_t sequence, bool passed, CopyEncoder* out) const;
  std::string CopyStateSql(const std::string& store) const;
  // Looks at each value that value_as is about.
  Fault FindBadValues(const sluice::sdk::SnapshotPart& part, const Fault& refused,
                      std::vector<Passed>* passed);

  const SinkSetup* const setup_;
  Session* const session_;
  const sluice::sdk::Host host_;

  bool under_way_ = false;
  uint64_t height_ = 0;
  sluice_digest digest_{};
  int64_t time_unix_nanos_ = 0;
  bool filtered_ = false;
  uint64_t next_part_ = 0;
  uint64_t row_count_ = 0;
};

}  // namespace sluice_postgres
