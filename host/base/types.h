// SPDX-License-Identifier: Apache-2.0
//
// Ids as types: a height cannot be passed where an epoch is meant, nor a store's name for a sink's.
// Threading: plain values.
#pragma once

#include <fmt/format.h>  // core.h declares the formatters below only in part

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

// An unsigned number with a meaning. Adding a count gives the same kind, subtracting two a count.
template <typename Tag>
class Number {
 public:
  constexpr Number() = default;
  constexpr explicit Number(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }

  friend constexpr auto operator<=>(Number, Number) = default;
  friend constexpr Number operator+(Number a, uint64_t count) { return Number(a.value_ + count); }
  friend constexpr Number operator-(Number a, uint64_t count) { return Number(a.value_ - count); }
  friend constexpr uint64_t operator-(Number a, Number b) { return a.value_ - b.value_; }
  constexpr Number& operator++() {
    ++value_;
    return *this;
  }
  friend std::ostream& operator<<(std::ostream& out, Number n) { return out << n.value_; }

 private:
  uint64_t value_ = 0;
};

// A block's height. The first block has height 1; height 0 is the state before any block (genesis).
using Height = Number<struct HeightTag>;
// The node's counter, raised at each start of the node and of a sink's instance; 0 means none yet.
using Epoch = Number<struct EpochTag>;
// How often one height was handed to one instance, from 1.
using Attempt = Number<struct AttemptTag>;

// A text with a meaning.
template <typename Tag>
class Name {
 public:
  Name() = default;
  explicit Name(std::string text) : text_(std::move(text)) {}
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Name&, const Name&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Name& n) { return out << n.text_; }

 private:
  std::string text_;
};

// A configured sink's name: its identity for acks, policy and resume. [a-z0-9_-]{1,63}
using SinkName = Name<struct SinkNameTag>;

// How far a sink vouches for a height. Numbers are the plugin ABI's.
enum class AckLevel : int32_t { kReceived = 1, kDurable = 2, kVisible = 3 };

constexpr std::string_view AckLevelName(AckLevel level) {
  switch (level) {
    case AckLevel::kReceived:
      return "received";
    case AckLevel::kDurable:
      return "durable";
    case AckLevel::kVisible:
      return "visible";
  }
  return "unknown";
}

// What the ack policy may expect of a sink.
enum class SinkAvailability {
  kJoining,    // not attached yet, or newly counting: still could
  kAvailable,  // attached and delivering, or under retry: still could
  kGone,       // suspended, diverged, foreign, gap, rejected, lost …: cannot, without a command
};

// What happens when the ack policy does not hold in time.
enum class OnFailure {
  kRecover,  // wait longer, for at most recover_timeout; then halt
  kHalt,     // end the node; everything to continue is journaled
  kWait,     // wait, without limit
  kDegrade,  // commit without the acks, loudly and on record
};

// Where an empty sink begins that the node has no record of.
enum class SinkStart {
  kResume,    // at height 1
  kSnapshot,  // with a copy of the present state
  kLatest,    // with the next height
};

// When the journal no longer holds what a sink needs next.
enum class OnGap {
  kRefuse,
  kSnapshot,  // a copy of the present state replaces what it holds
  kSkip,      // it goes on where the journal begins, and the skipped heights are recorded
};

// When sinks are repaired that the node finds broken at its start.
enum class RecoverOnStart {
  kNow,
  kOnFirstUse,  // with the first change for the sink, or when its ack is waited for
  kNever,       // only by command
};

}  // namespace sluice

template <typename Tag>
struct std::hash<sluice::Number<Tag>> {
  size_t operator()(sluice::Number<Tag> n) const noexcept {
    return std::hash<uint64_t>()(n.value());
  }
};
template <typename Tag>
struct std::hash<sluice::Name<Tag>> {
  size_t operator()(const sluice::Name<Tag>& n) const noexcept {
    return std::hash<std::string>()(n.str());
  }
};
template <typename Tag>
struct fmt::formatter<sluice::Number<Tag>> : fmt::formatter<uint64_t> {
  template <typename Context>
  auto format(sluice::Number<Tag> n, Context& context) const {
    return fmt::formatter<uint64_t>::format(n.value(), context);
  }
};
template <typename Tag>
struct fmt::formatter<sluice::Name<Tag>> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const sluice::Name<Tag>& n, Context& context) const {
    return fmt::formatter<std::string_view>::format(n.str(), context);
  }
};
