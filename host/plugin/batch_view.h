// SPDX-License-Identifier: Apache-2.0
//
// A delivery as the C ABI shows it: sluice_batch with its arrays, built once a delivery, over the
// change set's own bytes (nothing of the content is copied).
//
// Parts: part p has the canonical bytes [p × max, (p+1) × max), and the changes whose last byte
// lies there, so that a plugin that stores bytes part by part has all bytes of a change once it
// sees it. The messages stand at the end of the canonical bytes and come with the last part.
//
// Threading: one thread fills it; any number read it while nobody fills it. Ownership: shared by
// the delivering thread and, while a plugin retains it, its handle; it keeps the change set.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/sink_instance.h"
#include "sluice/plugin.h"

namespace sluice {

class BatchView {
 public:
  // Shows `delivery`, reusing the memory of what was shown before. `max_part_bytes`: 0: one part.
  void Fill(const Delivery& delivery, uint64_t max_part_bytes);

  uint32_t part_count() const { return part_count_; }
  // The view of one part, valid until the next call of SelectPart, Fill or Clear.
  const sluice_batch* SelectPart(uint32_t part);
  const sluice_batch* batch() const { return &batch_; }

  // What keeping the selected part keeps in memory, for the budget of batch_retain.
  uint64_t memory_bytes() const;

  // Lets go of the change set, keeps the arrays' memory.
  void Clear();

 private:
  // The index of the first change that ends behind `offset` in the canonical bytes.
  size_t FirstChangeBehind(uint64_t offset) const;

  std::shared_ptr<const ChangeSet> change_set_;
  std::vector<sluice_change> changes_;
  std::vector<sluice_message> messages_;
  uint64_t max_part_bytes_ = 0;
  uint32_t part_count_ = 1;
  sluice_batch batch_{};
};

}  // namespace sluice
