// SPDX-License-Identifier: Apache-2.0
//
// The C++ SDK over plugin.h: write one class, name it in SLUICE_PLUGIN, and the library is a
// plugin.
//
//   #include <sluice/plugin.hpp>
//   class Hello {
//    public:
//     explicit Hello(sluice::sdk::Host host) : host_(host) {}
//     sluice::sdk::Status Start(const sluice::sdk::StartArgs&, sluice::sdk::StartResult*);
//     sluice::sdk::Status Deliver(const sluice::sdk::Batch& batch);
//    private:
//     sluice::sdk::Host host_;
//   };
//   SLUICE_PLUGIN(Hello, .id = "hello", .version = "1.0.0")
//
// The class
//   constructor        takes a Host or nothing; does no I/O and does not call the host
//   Start, Deliver     required
//   destructor         always the last call; on return no thread, no file descriptor, no host call
//   optional, found when they are there:
//     Status Resume(Position* position)
//     Status Attach(const AttachArgs& args)
//     void   Cancel()                            (while another call is running, on another thread)
//     Status Drain(std::chrono::nanoseconds deadline)
//     Status OpenReadback(const ReadbackArgs& args, ReadbackInfo* info,
//                         std::unique_ptr<ReadbackCursor>* cursor)   (sluice.readback/1)
//     Status PlanProvision(const StartArgs& args, std::string* plan) (sluice.provision/1)
//     Status BeginProvision(const StartArgs& args, std::string* task),        (both of these)
//            PollProvision(const StartArgs& args, std::string_view task, ProvisionReport* report)
//     Status Reset(const StartArgs& args)
//     Status BeginSnapshot(const SnapshotArgs& args),                (sluice.snapshot/1: all three)
//            TakeSnapshotPart(const SnapshotPart& part), EndSnapshot()
//     const void* GetExtension(std::string_view id)                  (any other extension)
//
// Threading: as plugin.h says: Start, Resume, Attach, Drain, destructor on the control thread,
//   Deliver on the delivery thread, which may be the same one or not; never two of these at once
//   (with SLUICE_CAP_PARALLEL several Deliver at once), so a class without threads of its own needs
//   no lock. Cancel on another thread while one of them runs; it has returned before the destructor
//   is called. Host's functions may be called on any thread.
// Ownership: what the host passes is borrowed until the call returns; Host::Retain keeps a batch
//   longer. The SDK owns the object and destroys it in `destroy`.
// Errors: a method returns a Status with a text: what failed, on what, what happens next. The SDK
//   hands the text to the host. An exception never leaves the plugin: every entry has a catch-all
//   *compiled into the plugin*, which turns it into FATAL with the exception's text. (A catch in
//   the host could not be relied on where the two were built with different runtimes.)
#ifndef SLUICE_PLUGIN_HPP_
#define SLUICE_PLUGIN_HPP_

#include <sluice/plugin.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sluice::sdk {

// ---------------------------------------------------------------------------------------------------
// Text and bytes

inline std::string_view View(sluice_text text) { return {text.data, text.size}; }
inline std::string_view View(sluice_bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}
inline std::string_view View(const sluice_digest& digest) {
  return {reinterpret_cast<const char*>(digest.bytes), sizeof(digest.bytes)};
}
inline sluice_text Text(std::string_view text) { return {text.data(), text.size()}; }
inline sluice_bytes Bytes(std::string_view bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}
// A digest, or any bytes, as text for a file or a column: two lower-case digits a byte.
inline std::string ToHex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}
// Nothing where the text is not hexadecimal digits in pairs.
inline std::optional<std::string> FromHex(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
  }
  return out;
}
inline std::optional<sluice_digest> DigestFromHex(std::string_view text) {
  const std::optional<std::string> bytes = FromHex(text);
  sluice_digest digest{};
  if (!bytes || bytes->size() != sizeof(digest.bytes)) return std::nullopt;
  std::memcpy(digest.bytes, bytes->data(), bytes->size());
  return digest;
}
inline bool operator==(const sluice_digest& a, const sluice_digest& b) {
  return std::memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

// ---------------------------------------------------------------------------------------------------
// Status

// What a method answers: one of the ABI's codes and, unless it is OK, PENDING or BUSY, why.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(int32_t code, std::string text) : code_(code), text_(std::move(text)) {}

  static Status Ok() { return {}; }
  static Status Pending() { return {SLUICE_PENDING, {}}; }
  static Status Busy() { return {SLUICE_BUSY, {}}; }
  static Status Retry(std::string text) { return {SLUICE_RETRY, std::move(text)}; }
  static Status Reject(std::string text) { return {SLUICE_REJECT, std::move(text)}; }
  static Status Fatal(std::string text) { return {SLUICE_FATAL, std::move(text)}; }
  static Status Unsupported(std::string text) { return {SLUICE_UNSUPPORTED, std::move(text)}; }
  static Status Invalid(std::string text) { return {SLUICE_INVALID, std::move(text)}; }
  static Status Cancelled(std::string text) { return {SLUICE_CANCELLED, std::move(text)}; }
  static Status Fenced(std::string text) { return {SLUICE_FENCED, std::move(text)}; }
  static Status NoMemory(std::string text) { return {SLUICE_NO_MEMORY, std::move(text)}; }

  bool ok() const { return code_ == SLUICE_OK; }
  int32_t code() const { return code_; }
  const std::string& text() const { return text_; }

 private:
  int32_t code_ = SLUICE_OK;
  std::string text_;
};

// ---------------------------------------------------------------------------------------------------
// What the host passes

// An array whose elements may be larger than this header knows: walked by the stride beside it.
template <typename T>
class Strided {
 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = const T&;
    Iterator() = default;
    Iterator(const unsigned char* at, uint64_t stride) : at_(at), stride_(stride) {}
    const T& operator*() const { return *reinterpret_cast<const T*>(at_); }
    const T* operator->() const { return &**this; }
    Iterator& operator++() {
      at_ += stride_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      at_ += stride_;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    const unsigned char* at_ = nullptr;
    uint64_t stride_ = 0;
  };

  Strided(const T* first, uint64_t count, uint64_t stride)
      : first_(reinterpret_cast<const unsigned char*>(first)), count_(count), stride_(stride) {}
  uint64_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  const T& operator[](uint64_t i) const {
    return *reinterpret_cast<const T*>(first_ + i * stride_);
  }
  Iterator begin() const { return {first_, stride_}; }
  Iterator end() const { return {count_ == 0 ? first_ : first_ + count_ * stride_, stride_}; }

 private:
  const unsigned char* first_;
  uint64_t count_;
  uint64_t stride_;
};

// One height, or one part of one. A view: valid until Deliver returns, or while a RetainedBatch
// holds it.
class Batch {
 public:
  explicit Batch(const sluice_batch* raw) : raw_(raw) {}
  const sluice_batch* raw() const { return raw_; }

  uint64_t epoch() const { return raw_->epoch; }
  uint64_t attempt() const { return raw_->attempt; }
  uint64_t height() const { return raw_->height; }
  // A plugin that groups heights waits for more only while this is larger than height().
  uint64_t newest_height() const { return raw_->newest_height; }
  std::chrono::nanoseconds time() const { return std::chrono::nanoseconds(raw_->time_unix_nanos); }
  const sluice_digest& digest() const { return raw_->digest; }
  const sluice_digest& previous_digest() const { return raw_->previous_digest; }
  std::string_view stream_id() const { return View(raw_->stream_id); }
  bool filtered() const { return (raw_->flags & SLUICE_BATCH_FILTERED) != 0; }
  uint32_t part() const { return raw_->part; }
  bool last_part() const { return raw_->last_part != 0; }
  std::string_view canonical() const { return View(raw_->canonical); }
  Strided<sluice_change> changes() const {
    return {raw_->changes, raw_->change_count, raw_->change_stride};
  }
  Strided<sluice_message> messages() const {
    return {raw_->messages, raw_->message_count, raw_->message_stride};
  }

 private:
  const sluice_batch* raw_;
};

using StartResult = sluice_start_result;
using AttachArgs = sluice_attach_args;
using ReadbackInfo = sluice_readback_info;
using ReadbackItem = sluice_readback_item;

class StartArgs {
 public:
  explicit StartArgs(const sluice_start_args* raw) : raw_(raw) {}
  const sluice_start_args* raw() const { return raw_; }
  std::string_view settings() const { return View(raw_->settings); }  // a JSON object, completed
  std::string_view stream_id() const { return View(raw_->stream_id); }
  std::string_view sink_name() const { return View(raw_->sink_name); }
  std::string_view home() const { return View(raw_->home); }
  uint64_t epoch() const { return raw_->epoch; }
  std::chrono::nanoseconds deadline() const {
    return std::chrono::nanoseconds(raw_->deadline_nanos);
  }

 private:
  const sluice_start_args* raw_;
};

class ReadbackArgs {
 public:
  explicit ReadbackArgs(const sluice_readback_args* raw) : raw_(raw) {}
  const sluice_readback_args* raw() const { return raw_; }
  std::string_view settings() const { return View(raw_->settings); }
  std::string_view stream_id() const { return View(raw_->stream_id); }
  std::string_view sink_name() const { return View(raw_->sink_name); }
  std::string_view home() const { return View(raw_->home); }
  uint64_t last_height() const { return raw_->last_height; }

 private:
  const sluice_readback_args* raw_;
};

using SnapshotArgs = sluice_snapshot_args;

// Rows of a snapshot. Valid until TakeSnapshotPart returns.
class SnapshotPart {
 public:
  explicit SnapshotPart(const sluice_snapshot_part* raw) : raw_(raw) {}
  const sluice_snapshot_part* raw() const { return raw_; }
  uint64_t number() const { return raw_->part; }  // 0, 1, …
  uint64_t size() const { return raw_->row_count; }
  const sluice_row& row(uint64_t index) const {
    return *reinterpret_cast<const sluice_row*>(reinterpret_cast<const char*>(raw_->rows) +
                                                index * raw_->row_stride);
  }

 private:
  const sluice_snapshot_part* raw_;
};

// What PollProvision says of a task; as it is made: there is no such task.
class ProvisionReport {
 public:
  // `text`: how far it is, for people.
  void SetRunning(std::string text = {}) { Set(SLUICE_PROVISION_RUNNING, {}, std::move(text)); }
  void SetDone() { Set(SLUICE_PROVISION_DONE, {}, {}); }
  // `cause`: SLUICE_CAUSE_SYSTEM or SLUICE_CAUSE_USER. `why` is not OK.
  void SetFailed(int32_t cause, const Status& why) {
    Set(SLUICE_PROVISION_FAILED, why.code(), why.text());
    cause_ = cause;
  }
  // The text lives as long as this object.
  void FillIn(sluice_provision_report* raw) const {
    raw->state = state_;
    raw->code = code_;
    raw->cause = cause_;
    raw->text = Text(text_);
  }

 private:
  void Set(int32_t state, int32_t code, std::string text) {
    state_ = state;
    code_ = code;
    text_ = std::move(text);
  }

  int32_t state_ = SLUICE_PROVISION_UNKNOWN;
  int32_t code_ = SLUICE_OK;
  int32_t cause_ = SLUICE_CAUSE_SYSTEM;
  std::string text_;
};

// Where the sink stands: fills the host's buffer.
class Position {
 public:
  explicit Position(sluice_position* raw) : raw_(raw) {}
  void SetEmpty() { raw_->kind = SLUICE_POSITION_EMPTY; }
  // `stream_id` longer than 63 bytes is cut; the host refuses such ids in its configuration.
  void SetAt(std::string_view stream_id, uint64_t epoch, uint64_t height,
             const sluice_digest& digest) {
    raw_->kind = SLUICE_POSITION_AT;
    raw_->epoch = epoch;
    raw_->height = height;
    raw_->digest = digest;
    const size_t size =
        stream_id.size() < sizeof(raw_->stream_id) ? stream_id.size() : sizeof(raw_->stream_id) - 1;
    if (size != 0) std::memcpy(raw_->stream_id, stream_id.data(), size);
    raw_->stream_id[size] = '\0';
  }

 private:
  sluice_position* raw_;
};

// ---------------------------------------------------------------------------------------------------
// The host

// Keeps a batch, with all it points to, beyond the return of Deliver. Move-only; false where the
// host's byte budget did not allow it. Release (or destruction) on any thread, before the instance
// is destroyed.
class RetainedBatch {
 public:
  RetainedBatch() = default;
  RetainedBatch(const sluice_host* host, const sluice_batch* batch) : host_(host), batch_(batch) {}
  RetainedBatch(RetainedBatch&& other) noexcept
      : host_(other.host_), batch_(std::exchange(other.batch_, nullptr)) {}
  RetainedBatch& operator=(RetainedBatch&& other) noexcept {
    if (this != &other) {
      Release();
      host_ = other.host_;
      batch_ = std::exchange(other.batch_, nullptr);
    }
    return *this;
  }
  ~RetainedBatch() { Release(); }

  explicit operator bool() const { return batch_ != nullptr; }
  Batch batch() const { return Batch(batch_); }
  void Release() {
    if (batch_ != nullptr) host_->batch_release(host_->context, batch_);
    batch_ = nullptr;
  }

 private:
  const sluice_host* host_ = nullptr;
  const sluice_batch* batch_ = nullptr;
};

// The host's function table. A cheap value; valid until the instance's destructor has returned.
// Every function may be called on any thread, never blocks and never re-enters the plugin.
class Host {
 public:
  explicit Host(const sluice_host* raw) : raw_(raw) {}
  const sluice_host* raw() const { return raw_; }

  // The sink has everything up to the batch's height at `level`.
  void AckThrough(const Batch& batch, int32_t level) const {
    Ack(batch.epoch(), batch.attempt(), 0, batch.height(), level);
  }
  // first_height 0: everything up to last_height. `attempt` is that of last_height's batch.
  void Ack(uint64_t epoch, uint64_t attempt, uint64_t first_height, uint64_t last_height,
           int32_t level) const {
    sluice_ack ack{};
    ack.struct_size = sizeof(ack);
    ack.level = level;
    ack.epoch = epoch;
    ack.attempt = attempt;
    ack.first_height = first_height;
    ack.last_height = last_height;
    raw_->ack(raw_->context, &ack);
  }
  // An ordered sink has dropped every unacked height from `height` on before it says so.
  void Nack(uint64_t epoch, uint64_t attempt, uint64_t height, const Status& why,
            std::chrono::nanoseconds retry_after = {}) const {
    sluice_nack nack{};
    nack.struct_size = sizeof(nack);
    nack.code = why.code();
    nack.epoch = epoch;
    nack.attempt = attempt;
    nack.height = height;
    nack.retry_after_nanos = static_cast<uint64_t>(retry_after.count());
    nack.text = Text(why.text());
    raw_->nack(raw_->context, &nack);
  }
  // After BUSY: heights may be delivered again.
  void Ready() const { raw_->ready(raw_->context); }
  // Legal inside Deliver only.
  RetainedBatch Retain(const Batch& batch) const {
    if (raw_->batch_retain(raw_->context, batch.raw()) != SLUICE_OK) return {};
    return {raw_, batch.raw()};
  }
  void Log(int32_t level, std::string_view text) const {
    raw_->log(raw_->context, level, Text(text));
  }
  // Outside any call: this instance is broken. Inside a call, return a Status instead.
  void Fail(int32_t code, std::string_view text) const {
    raw_->fail(raw_->context, code, Text(text));
  }
  // A host extension by id and revision, or null.
  template <typename Table>
  const Table* Extension(const char* id) const {
    return static_cast<const Table*>(raw_->get_extension(raw_->context, id));
  }

 private:
  const sluice_host* raw_;
};

// Numbers of the plugin's own, which `sluice status` shows (sluice.metrics/1). A cheap value, as
// Host is; does nothing where the host has no such extension. Names: [a-z][a-z0-9_]*, at most 63
// bytes, the unit last. Made in Start or later, since the constructor does not call the host.
class Metrics {
 public:
  Metrics() = default;
  explicit Metrics(const Host& host)
      : context_(host.raw()->context),
        table_(host.Extension<sluice_metrics_v1>(SLUICE_EXT_METRICS_V1)) {
    if (table_ != nullptr && !SLUICE_HAS(table_, sluice_metrics_v1, add)) table_ = nullptr;
  }

  explicit operator bool() const { return table_ != nullptr; }
  // The gauge is now `value`. False: the host did not take it.
  bool Set(std::string_view name, int64_t value) const {
    return table_ != nullptr && table_->set(context_, Text(name), value) == SLUICE_OK;
  }
  // The counter is `count` larger. False: the host did not take it.
  bool Add(std::string_view name, uint64_t count) const {
    return table_ != nullptr && table_->add(context_, Text(name), count) == SLUICE_OK;
  }

 private:
  void* context_ = nullptr;
  const sluice_metrics_v1* table_ = nullptr;
};

// One reading of what the sink holds (sluice.readback/1). Destroyed by close.
class ReadbackCursor {
 public:
  virtual ~ReadbackCursor() = default;
  // Sets item->kind and what belongs to it; what it points to stays valid until the next call.
  virtual Status Next(ReadbackItem* item) = 0;
};

// A height's changes as an item of a readback gives them. `changes` are structs with is_delete,
// transaction, sequence, store, key and value, and, where the sink keeps old values, has_old_value
// and old_value; their bytes stay valid as long as the item. `views` is what the item points to.
template <typename Changes>
void GiveChanges(const Changes& changes, std::vector<sluice_change>* views, ReadbackItem* item) {
  views->clear();
  views->reserve(std::size(changes));
  for (const auto& from : changes) {
    sluice_change to{};
    to.kind = from.is_delete ? SLUICE_CHANGE_DELETE : SLUICE_CHANGE_SET;
    to.transaction = from.transaction;
    to.sequence = from.sequence;
    to.store = Text(from.store);
    to.key = Bytes(from.key);
    to.value = Bytes(from.value);
    if constexpr (requires { from.has_old_value; }) {
      if (from.has_old_value) to.flags = SLUICE_CHANGE_HAS_OLD_VALUE;
      to.old_value = Bytes(from.old_value);
    }
    views->push_back(to);
  }
  item->changes = views->data();
  item->change_count = views->size();
  item->change_stride = sizeof(sluice_change);
}

// What the library says about itself. Texts must be literals or live as long as the process.
struct Identity {
  std::string_view id;
  std::string_view version = "0.0.0";
  uint64_t capabilities = 0;
  int32_t highest_level = SLUICE_LEVEL_RECEIVED;
  std::string_view settings_schema = "[]";
};

// ---------------------------------------------------------------------------------------------------
// From the class to the ABI

namespace internal {

template <typename T>
concept HasResume = requires(T& t, Position* p) {
  { t.Resume(p) } -> std::same_as<Status>;
};
template <typename T>
concept HasAttach = requires(T& t, const AttachArgs& a) {
  { t.Attach(a) } -> std::same_as<Status>;
};
template <typename T>
concept HasCancel = requires(T& t) {
  t.Cancel();
};
template <typename T>
concept HasDrain = requires(T& t, std::chrono::nanoseconds d) {
  { t.Drain(d) } -> std::same_as<Status>;
};
template <typename T>
concept HasReadback = requires(T& t, const ReadbackArgs& a, ReadbackInfo* i,
                               std::unique_ptr<ReadbackCursor>* c) {
  { t.OpenReadback(a, i, c) } -> std::same_as<Status>;
};
template <typename T>
concept HasPlanProvision = requires(T& t, const StartArgs& a, std::string* p) {
  { t.PlanProvision(a, p) } -> std::same_as<Status>;
};
template <typename T>
concept HasProvision = requires(T& t, const StartArgs& a, std::string* i, std::string_view v,
                                ProvisionReport* r) {
  { t.BeginProvision(a, i) } -> std::same_as<Status>;
  { t.PollProvision(a, v, r) } -> std::same_as<Status>;
};
template <typename T>
concept HasReset = requires(T& t, const StartArgs& a) {
  { t.Reset(a) } -> std::same_as<Status>;
};
template <typename T>
concept HasSnapshot = requires(T& t, const SnapshotArgs& a, const SnapshotPart& p) {
  { t.BeginSnapshot(a) } -> std::same_as<Status>;
  { t.TakeSnapshotPart(p) } -> std::same_as<Status>;
  { t.EndSnapshot() } -> std::same_as<Status>;
};
template <typename T>
concept HasGetExtension = requires(T& t, std::string_view id) {
  { t.GetExtension(id) } -> std::convertible_to<const void*>;
};
template <typename T>
concept Sink = requires(T& t, const StartArgs& a, StartResult* r, const Batch& b) {
  { t.Start(a, r) } -> std::same_as<Status>;
  { t.Deliver(b) } -> std::same_as<Status>;
};

// The text is put together without memory allocation: the exception may be bad_alloc.
inline void ReportException(const Host& host, const char* where, const char* what) noexcept {
  char text[512];
  const int size = std::snprintf(text, sizeof(text), "exception in %s: %s", where, what);
  if (size < 0) return;
  const size_t used =
      static_cast<size_t>(size) < sizeof(text) ? static_cast<size_t>(size) : sizeof(text) - 1;
  host.Fail(SLUICE_FATAL, std::string_view(text, used));
}

// The exception barrier: runs `body`, reports its text, and lets nothing out.
template <typename Body>
int32_t Guard(const Host& host, const char* where, Body&& body) noexcept {
#if defined(__cpp_exceptions)
  try {
#endif
    const Status status = body();
    const int32_t code = status.code();
    const bool taken = code == SLUICE_OK || code == SLUICE_PENDING;
    if (!taken && !(code == SLUICE_BUSY && status.text().empty())) host.Fail(code, status.text());
    return code;
#if defined(__cpp_exceptions)
  } catch (const std::exception& e) {
    ReportException(host, where, e.what());
  } catch (...) {
    ReportException(host, where, "not a std::exception");
  }
  return SLUICE_FATAL;
#else
  (void)where;
#endif
}

template <Sink T>
class Adapter {
 public:
  static const sluice_instance* Create(const sluice_host* raw) {
    const Host host(raw);
    Adapter* adapter = nullptr;
    Guard(host, "create", [&] {
      adapter = new Adapter(host);
      return Status::Ok();
    });
    return adapter == nullptr ? nullptr : &adapter->table_;
  }

 private:
  explicit Adapter(const Host& host) : host_(host), object_(Make(host)) {
    table_.struct_size = sizeof(table_);
    table_.state = this;
    table_.start = [](void* state, const sluice_start_args* args, sluice_start_result* result) {
      Adapter* self = From(state);
      return Guard(self->host_, "start",
                   [&] { return self->object_->Start(StartArgs(args), result); });
    };
    table_.deliver = [](void* state, const sluice_batch* batch) {
      Adapter* self = From(state);
      return Guard(self->host_, "deliver", [&] { return self->object_->Deliver(Batch(batch)); });
    };
    table_.destroy = [](void* state) {
      Adapter* self = From(state);
      const Host host = self->host_;
      Guard(host, "destroy", [&] {
        delete self;
        return Status::Ok();
      });
    };
    table_.get_extension = [](void* state, const char* id) -> const void* {
      return From(state)->GetExtension(id);
    };
    SetOptional();
  }

  void SetOptional() {
    if constexpr (HasResume<T>) {
      table_.resume = [](void* state, sluice_position* position) {
        Adapter* self = From(state);
        return Guard(self->host_, "resume", [&] {
          Position out(position);
          return self->object_->Resume(&out);
        });
      };
    }
    if constexpr (HasAttach<T>) {
      table_.attach = [](void* state, const sluice_attach_args* args) {
        Adapter* self = From(state);
        return Guard(self->host_, "attach", [&] { return self->object_->Attach(*args); });
      };
    }
    if constexpr (HasCancel<T>) {
      table_.cancel = [](void* state) {
        Adapter* self = From(state);
        Guard(self->host_, "cancel", [&] {
          self->object_->Cancel();
          return Status::Ok();
        });
      };
    }
    if constexpr (HasDrain<T>) {
      table_.drain = [](void* state, uint64_t deadline) {
        Adapter* self = From(state);
        return Guard(self->host_, "drain",
                     [&] { return self->object_->Drain(std::chrono::nanoseconds(deadline)); });
      };
    }
  }

  const void* GetExtension(const char* id) {
    const void* found = nullptr;
    Guard(host_, "get_extension", [&] {
      if constexpr (HasReadback<T>) {
        if (std::string_view(id) == SLUICE_EXT_READBACK_V1) found = &kReadback;
      }
      if constexpr (HasPlanProvision<T> || HasProvision<T> || HasReset<T>) {
        if (std::string_view(id) == SLUICE_EXT_PROVISION_V1) found = &kProvision;
      }
      if constexpr (HasSnapshot<T>) {
        if (std::string_view(id) == SLUICE_EXT_SNAPSHOT_V1) found = &kSnapshot;
      }
      if constexpr (HasGetExtension<T>) {
        if (found == nullptr) found = object_->GetExtension(id);
      }
      (void)id;
      return Status::Ok();
    });
    return found;
  }

  static int32_t ReadbackOpen(void* state, const sluice_readback_args* args,
                              sluice_readback_info* info) {
    Adapter* self = From(state);
    return Guard(self->host_, "readback open", [&] {
      std::unique_ptr<ReadbackCursor> cursor;
      Status status = OpenReadback(self->object_.get(), ReadbackArgs(args), info, &cursor);
      info->cursor = cursor.release();
      return status;
    });
  }
  static Status OpenReadback(T* object, const ReadbackArgs& args, ReadbackInfo* info,
                             std::unique_ptr<ReadbackCursor>* cursor) {
    if constexpr (HasReadback<T>) {
      return object->OpenReadback(args, info, cursor);
    } else {
      (void)object, (void)args, (void)info, (void)cursor;
      return Status::Unsupported("this plugin cannot read back what it holds");
    }
  }
  static int32_t ReadbackNext(void* state, void* cursor, sluice_readback_item* item) {
    return Guard(From(state)->host_, "readback next",
                 [&] { return static_cast<ReadbackCursor*>(cursor)->Next(item); });
  }
  static void ReadbackClose(void* state, void* cursor) {
    Guard(From(state)->host_, "readback close", [&] {
      delete static_cast<ReadbackCursor*>(cursor);
      return Status::Ok();
    });
  }

  static int32_t ProvisionPlan(void* state, const sluice_start_args* args,
                               const sluice_plan* plan) {
    Adapter* self = From(state);
    return Guard(self->host_, "provision plan", [&] {
      std::string text;
      Status status = PlanProvision(self->object_.get(), StartArgs(args), &text);
      if (!status.ok() || text.empty()) return status;
      if (!SLUICE_HAS(plan, sluice_plan, write)) {
        return Status::Unsupported("the host gave nothing to write a plan with");
      }
      plan->write(plan->context, Text(text));
      return status;
    });
  }
  static Status PlanProvision(T* object, const StartArgs& args, std::string* text) {
    if constexpr (HasPlanProvision<T>) {
      return object->PlanProvision(args, text);
    } else {
      (void)object, (void)args, (void)text;
      return Status::Unsupported("this plugin has nothing to provision");
    }
  }
  static int32_t ProvisionBegin(void* state, const sluice_start_args* args,
                                sluice_provision_task* task) {
    Adapter* self = From(state);
    return Guard(self->host_, "provision begin", [&] {
      std::string id;
      Status status = BeginProvision(self->object_.get(), StartArgs(args), &id);
      if (!status.ok()) return status;
      if (id.size() >= sizeof(task->id)) {
        return Status::Fatal("a provisioning task's id has more than 63 bytes: " + id);
      }
      std::memcpy(task->id, id.c_str(), id.size() + 1);
      return status;
    });
  }
  static Status BeginProvision(T* object, const StartArgs& args, std::string* task) {
    if constexpr (HasProvision<T>) {
      return object->BeginProvision(args, task);
    } else {
      (void)object, (void)args, (void)task;
      return Status::Unsupported("this plugin provisions in start");
    }
  }
  static int32_t ProvisionPoll(void* state, const sluice_start_args* args, sluice_text task,
                               sluice_provision_report* report) {
    Adapter* self = From(state);
    return Guard(self->host_, "provision poll", [&] {
      self->report_ = ProvisionReport();
      Status status =
          PollProvision(self->object_.get(), StartArgs(args), View(task), &self->report_);
      if (status.ok()) self->report_.FillIn(report);
      return status;
    });
  }
  static Status PollProvision(T* object, const StartArgs& args, std::string_view task,
                              ProvisionReport* report) {
    if constexpr (HasProvision<T>) {
      return object->PollProvision(args, task, report);
    } else {
      (void)object, (void)args, (void)task, (void)report;
      return Status::Unsupported("this plugin provisions in start");
    }
  }
  static int32_t ProvisionReset(void* state, const sluice_start_args* args) {
    Adapter* self = From(state);
    return Guard(self->host_, "provision reset",
                 [&] { return Reset(self->object_.get(), StartArgs(args)); });
  }
  static Status Reset(T* object, const StartArgs& args) {
    if constexpr (HasReset<T>) {
      return object->Reset(args);
    } else {
      (void)object, (void)args;
      return Status::Unsupported("this plugin cannot make its sink empty");
    }
  }

  static int32_t SnapshotBegin(void* state, const sluice_snapshot_args* args) {
    return TakeSnapshot(state, "snapshot begin",
                        [&](auto& sink) { return sink.BeginSnapshot(*args); });
  }
  static int32_t SnapshotTakePart(void* state, const sluice_snapshot_part* part) {
    return TakeSnapshot(state, "snapshot part",
                        [&](auto& sink) { return sink.TakeSnapshotPart(SnapshotPart(part)); });
  }
  static int32_t SnapshotEnd(void* state) {
    return TakeSnapshot(state, "snapshot end", [](auto& sink) { return sink.EndSnapshot(); });
  }
  template <typename Call>
  static int32_t TakeSnapshot(void* state, const char* where, const Call& call) {
    Adapter* self = From(state);
    return Guard(self->host_, where, [&] {
      if constexpr (HasSnapshot<T>) {
        return call(*self->object_);
      } else {
        (void)call;
        return Status::Unsupported("this plugin takes no snapshot");
      }
    });
  }

  static Adapter* From(void* state) { return static_cast<Adapter*>(state); }
  static std::unique_ptr<T> Make(const Host& host) {
    if constexpr (std::is_constructible_v<T, Host>) {
      return std::make_unique<T>(host);
    } else {
      return std::make_unique<T>();
    }
  }

  static constexpr sluice_readback_v1 kReadback = {sizeof(sluice_readback_v1), 0, &ReadbackOpen,
                                                   &ReadbackNext, &ReadbackClose};
  static constexpr sluice_provision_v1 kProvision = {sizeof(sluice_provision_v1),
                                                     0,
                                                     HasPlanProvision<T> ? &ProvisionPlan : nullptr,
                                                     HasProvision<T> ? &ProvisionBegin : nullptr,
                                                     HasProvision<T> ? &ProvisionPoll : nullptr,
                                                     HasReset<T> ? &ProvisionReset : nullptr};
  static constexpr sluice_snapshot_v1 kSnapshot = {sizeof(sluice_snapshot_v1), 0, &SnapshotBegin,
                                                   &SnapshotTakePart, &SnapshotEnd};

  sluice_instance table_{};
  const Host host_;
  const std::unique_ptr<T> object_;
  ProvisionReport report_;  // the last one: its text is the host's to read until the next call
};

template <typename T>
constexpr sluice_plugin Describe(const Identity& identity) {
  sluice_plugin plugin{};
  plugin.struct_size = sizeof(plugin);
  plugin.abi_minor = SLUICE_ABI_MINOR;
  plugin.build_tag = SLUICE_ABI_BUILD_TAG;
  plugin.id = {identity.id.data(), identity.id.size()};
  plugin.version = {identity.version.data(), identity.version.size()};
  plugin.capabilities = identity.capabilities;
  plugin.highest_level = identity.highest_level;
  plugin.settings_schema = {identity.settings_schema.data(), identity.settings_schema.size()};
  plugin.create = &Adapter<T>::Create;
  return plugin;
}

}  // namespace internal
}  // namespace sluice::sdk

// Defines the library's entry for the class: SLUICE_PLUGIN(Hello, .id = "hello", .version =
// "1.0.0"). Once a library, at file scope. What follows the class are the members of Identity.
#define SLUICE_PLUGIN(Class, ...)                                                       \
  extern "C" SLUICE_PLUGIN_EXPORT const sluice_plugin* sluice_plugin_entry_v1(void) {   \
    static constexpr sluice_plugin kPlugin =                                            \
        ::sluice::sdk::internal::Describe<Class>(::sluice::sdk::Identity{__VA_ARGS__}); \
    return &kPlugin;                                                                    \
  }

#endif  // SLUICE_PLUGIN_HPP_
