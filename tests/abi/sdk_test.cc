// SPDX-License-Identifier: Apache-2.0
//
// The C++ SDK: what a class turns into, and that nothing thrown in it gets out.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <sluice/plugin.hpp>
#include <sluice/replace_file.hpp>
#include <stdexcept>
#include <vector>

namespace sluice::sdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct FakeHost {
  FakeHost() {
    table.struct_size = sizeof(table);
    table.context = this;
    table.ack = [](void* context, const sluice_ack* ack) { Self(context)->acks.push_back(*ack); };
    table.nack = [](void* context, const sluice_nack* nack) {
      Self(context)->nack_text = View(nack->text);
    };
    table.ready = [](void* context) { ++Self(context)->ready_count; };
    table.batch_retain = [](void* context, const sluice_batch*) {
      return ++Self(context)->retained > 1 ? SLUICE_NO_MEMORY : SLUICE_OK;
    };
    table.batch_release = [](void* context, const sluice_batch*) { ++Self(context)->released; };
    table.log = [](void*, int32_t, sluice_text) {};
    table.fail = [](void* context, int32_t code, sluice_text text) {
      Self(context)->codes.push_back(code);
      Self(context)->text = View(text);
    };
    table.get_extension = [](void*, const char*) -> const void* { return nullptr; };
  }
  static FakeHost* Self(void* context) { return static_cast<FakeHost*>(context); }

  sluice_host table{};
  std::vector<sluice_ack> acks;
  std::string nack_text;
  int ready_count = 0;
  int retained = 0;
  int released = 0;
  std::vector<int32_t> codes;
  std::string text;
};

template <typename T>
const sluice_instance* Create(FakeHost* host) {
  return internal::Adapter<T>::Create(&host->table);
}

class Minimal {
 public:
  Status Start(const StartArgs&, StartResult*) { return Status::Ok(); }
  Status Deliver(const Batch&) { return Status::Busy(); }
};

TEST(PluginSdk, HexadecimalDigitsKeepEveryByte) {
  const std::string bytes("\0\x7f\x80\xff", 4);
  EXPECT_EQ(ToHex(bytes), "007f80ff");
  EXPECT_EQ(FromHex("007F80ff"), bytes);
  for (const char* text : {"0", "0g", "g0", " 00"}) EXPECT_EQ(FromHex(text), std::nullopt) << text;
  sluice_digest digest{};
  digest.bytes[31] = 0xab;
  const std::optional<sluice_digest> read = DigestFromHex(ToHex(View(digest)));
  ASSERT_TRUE(read);
  EXPECT_TRUE(*read == digest);
  EXPECT_FALSE(DigestFromHex("ab"));
}

TEST(PluginSdk, ReplacedFileHoldsTheNewBytesOrTheOldOnes) {
  std::string folder = ::testing::TempDir() + "sluice-sdk-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::filesystem::path path = std::filesystem::path(folder) / "state.json";
  const auto content = [&path] {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_TRUE(ReplaceFile(path, "one").ok());
  EXPECT_EQ(content(), "one");
  EXPECT_TRUE(ReplaceFile(path, "").ok());
  EXPECT_EQ(content(), "");
  EXPECT_TRUE(ReplaceFile(path, "three").ok());
  // What stands beside cannot be written: a folder is in its place.
  std::filesystem::create_directory(path.string() + ".new");
  const Status failed = ReplaceFile(path, "four");
  EXPECT_EQ(failed.code(), SLUICE_RETRY);
  EXPECT_THAT(failed.text(), HasSubstr("cannot create " + path.string() + ".new: "));
  EXPECT_EQ(content(), "three");
  std::filesystem::remove_all(folder);
}

TEST(PluginSdk, MinimalClassHasNoOptionalFunctions) {
  FakeHost host;
  const sluice_instance* instance = Create<Minimal>(&host);
  ASSERT_NE(instance, nullptr);
  EXPECT_EQ(instance->struct_size, sizeof(sluice_instance));
  EXPECT_EQ(instance->resume, nullptr);
  EXPECT_EQ(instance->attach, nullptr);
  EXPECT_EQ(instance->cancel, nullptr);
  EXPECT_EQ(instance->drain, nullptr);
  EXPECT_EQ(instance->get_extension(instance->state, SLUICE_EXT_READBACK_V1), nullptr);
  EXPECT_EQ(instance->get_extension(instance->state, SLUICE_EXT_PROVISION_V1), nullptr);
  sluice_batch batch{};
  EXPECT_EQ(instance->deliver(instance->state, &batch), SLUICE_BUSY);
  EXPECT_TRUE(host.codes.empty()) << "BUSY needs no reason";
  instance->destroy(instance->state);
}

class Throwing {
 public:
  Status Start(const StartArgs&, StartResult*) { throw std::runtime_error("in start"); }
  Status Resume(Position*) { throw 1; }
  Status Attach(const AttachArgs&) { throw std::bad_alloc(); }
  Status Deliver(const Batch&) { throw std::runtime_error(std::string(2000, 'x')); }
  void Cancel() { throw std::runtime_error("in cancel"); }
  Status Drain(std::chrono::nanoseconds) { throw std::runtime_error("in drain"); }
  const void* GetExtension(std::string_view) { throw std::runtime_error("in get_extension"); }
  Status OpenReadback(const ReadbackArgs&, ReadbackInfo*, std::unique_ptr<ReadbackCursor>*) {
    throw std::runtime_error("in readback");
  }
  Status PlanProvision(const StartArgs&, std::string*) { throw std::runtime_error("in plan"); }
  Status BeginProvision(const StartArgs&, std::string*) { throw std::runtime_error("in begin"); }
  Status PollProvision(const StartArgs&, std::string_view, ProvisionReport*) {
    throw std::runtime_error("in poll");
  }
  Status Reset(const StartArgs&) { throw std::runtime_error("in reset"); }
};

TEST(PluginSdk, ExceptionsOfEveryFunctionBecomeFatalWithTheirText) {
  FakeHost host;
  const sluice_instance* instance = Create<Throwing>(&host);
  void* state = instance->state;
  EXPECT_EQ(instance->start(state, nullptr, nullptr), SLUICE_FATAL);
  EXPECT_EQ(host.text, "exception in start: in start");
  EXPECT_EQ(instance->resume(state, nullptr), SLUICE_FATAL);
  EXPECT_EQ(host.text, "exception in resume: not a std::exception");
  sluice_attach_args attach{};
  EXPECT_EQ(instance->attach(state, &attach), SLUICE_FATAL);
  EXPECT_THAT(host.text, HasSubstr("exception in attach: "));
  EXPECT_EQ(instance->deliver(state, nullptr), SLUICE_FATAL);
  EXPECT_EQ(host.text.size(), 511u) << "a long text is cut";
  instance->cancel(state);
  EXPECT_EQ(host.text, "exception in cancel: in cancel");
  EXPECT_EQ(instance->drain(state, 1), SLUICE_FATAL);
  EXPECT_EQ(instance->get_extension(state, "com.example.thing/1"), nullptr);
  EXPECT_EQ(host.text, "exception in get_extension: in get_extension");
  const auto* readback = static_cast<const sluice_readback_v1*>(
      instance->get_extension(state, SLUICE_EXT_READBACK_V1));
  sluice_readback_info info{};
  EXPECT_EQ(readback->open(state, nullptr, &info), SLUICE_FATAL);
  EXPECT_EQ(host.text, "exception in readback open: in readback");
  const auto* provision = static_cast<const sluice_provision_v1*>(
      instance->get_extension(state, SLUICE_EXT_PROVISION_V1));
  EXPECT_EQ(provision->plan(state, nullptr, nullptr), SLUICE_FATAL);
  EXPECT_EQ(host.text, "exception in provision plan: in plan");
  sluice_provision_task task{};
  EXPECT_EQ(provision->begin(state, nullptr, &task), SLUICE_FATAL);
  EXPECT_EQ(host.text, "exception in provision begin: in begin");
  sluice_provision_report report{};
  EXPECT_EQ(provision->poll(state, nullptr, Text("1"), &report), SLUICE_FATAL);
  EXPECT_EQ(host.text, "exception in provision poll: in poll");
  EXPECT_EQ(provision->reset(state, nullptr), SLUICE_FATAL);
  EXPECT_EQ(host.text, "exception in provision reset: in reset");
  for (const int32_t code : host.codes) EXPECT_EQ(code, SLUICE_FATAL);
  instance->destroy(state);
}

class Planning {
 public:
  Status Start(const StartArgs&, StartResult*) { return Status::Ok(); }
  Status Deliver(const Batch&) { return Status::Ok(); }
  Status PlanProvision(const StartArgs& args, std::string* plan) {
    *plan = args.settings();
    return args.deadline() == args.deadline().zero() ? Status::Retry("no time") : Status::Ok();
  }
};

TEST(PluginSdk, PlanGoesToTheHostOnlyWhereItWasMade) {
  FakeHost host;
  const sluice_instance* instance = Create<Planning>(&host);
  const auto* provision = static_cast<const sluice_provision_v1*>(
      instance->get_extension(instance->state, SLUICE_EXT_PROVISION_V1));
  ASSERT_NE(provision, nullptr);
  EXPECT_EQ(provision->struct_size, sizeof(sluice_provision_v1));
  std::vector<std::string> written;
  sluice_plan plan{};
  plan.struct_size = sizeof(plan);
  plan.context = &written;
  plan.write = [](void* context, sluice_text text) {
    static_cast<std::vector<std::string>*>(context)->emplace_back(View(text));
  };
  sluice_start_args args{};
  args.settings = Text("CREATE");
  EXPECT_EQ(provision->plan(instance->state, &args, &plan), SLUICE_RETRY);
  EXPECT_EQ(host.text, "no time");
  EXPECT_TRUE(written.empty());
  args.deadline_nanos = 1;
  EXPECT_EQ(provision->plan(instance->state, &args, &plan), SLUICE_OK);
  EXPECT_THAT(written, ElementsAre("CREATE"));
  EXPECT_EQ(provision->begin, nullptr) << "the class has no such method";
  EXPECT_EQ(provision->poll, nullptr);
  EXPECT_EQ(provision->reset, nullptr);
  // A host whose struct ends before `write` has nothing that could be called.
  plan.struct_size = offsetof(sluice_plan, write);
  EXPECT_EQ(provision->plan(instance->state, &args, &plan), SLUICE_UNSUPPORTED);
  EXPECT_EQ(host.text, "the host gave nothing to write a plan with");
  EXPECT_EQ(written.size(), 1u);
  args.settings = Text("");
  EXPECT_EQ(provision->plan(instance->state, &args, &plan), SLUICE_OK);
  EXPECT_EQ(written.size(), 1u) << "nothing to do needs no text";
  instance->destroy(instance->state);
}

class Provisioned {
 public:
  Status Start(const StartArgs&, StartResult*) { return Status::Ok(); }
  Status Deliver(const Batch&) { return Status::Ok(); }
  Status BeginProvision(const StartArgs& args, std::string* task) {
    *task = args.settings();
    return Status::Ok();
  }
  Status PollProvision(const StartArgs&, std::string_view task, ProvisionReport* report) {
    if (task == "runs") report->SetRunning("half way");
    if (task == "done") report->SetDone();
    if (task == "fails") report->SetFailed(SLUICE_CAUSE_USER, Status::Invalid("no such group"));
    return task == "away" ? Status::Retry("no answer") : Status::Ok();
  }
  Status Reset(const StartArgs&) { return Status::Fenced("a newer epoch"); }
};

TEST(PluginSdk, ATaskIsBegunAndWatched) {
  FakeHost host;
  const sluice_instance* instance = Create<Provisioned>(&host);
  const auto* provision = static_cast<const sluice_provision_v1*>(
      instance->get_extension(instance->state, SLUICE_EXT_PROVISION_V1));
  ASSERT_NE(provision, nullptr);
  EXPECT_EQ(provision->plan, nullptr) << "the class has no such method";
  sluice_start_args args{};
  sluice_provision_task task{};
  const std::string longest(63, 'i');
  args.settings = Text(longest);
  EXPECT_EQ(provision->begin(instance->state, &args, &task), SLUICE_OK);
  EXPECT_EQ(std::string(task.id), longest);
  const std::string too_long = longest + "i";
  args.settings = Text(too_long);
  EXPECT_EQ(provision->begin(instance->state, &args, &task), SLUICE_FATAL);
  EXPECT_THAT(host.text, HasSubstr("more than 63 bytes"));

  sluice_provision_report report{};
  const auto poll = [&](std::string_view id) {
    return provision->poll(instance->state, &args, Text(id), &report);
  };
  EXPECT_EQ(poll("runs"), SLUICE_OK);
  EXPECT_EQ(report.state, SLUICE_PROVISION_RUNNING);
  EXPECT_EQ(View(report.text), "half way");
  EXPECT_EQ(poll("done"), SLUICE_OK);
  EXPECT_EQ(report.state, SLUICE_PROVISION_DONE);
  EXPECT_EQ(poll("fails"), SLUICE_OK);
  EXPECT_EQ(report.state, SLUICE_PROVISION_FAILED);
  EXPECT_EQ(report.code, SLUICE_INVALID);
  EXPECT_EQ(report.cause, SLUICE_CAUSE_USER);
  EXPECT_EQ(View(report.text), "no such group");
  EXPECT_EQ(poll("never begun"), SLUICE_OK);
  EXPECT_EQ(report.state, SLUICE_PROVISION_UNKNOWN);
  EXPECT_EQ(poll("away"), SLUICE_RETRY);
  EXPECT_EQ(host.text, "no answer");
  EXPECT_EQ(provision->reset(instance->state, &args), SLUICE_FENCED);
  instance->destroy(instance->state);
}

TEST(PluginSdk, ChangesOfAReadbackHaveOldValuesWhereTheSinkKeepsThem) {
  struct Plain {
    bool is_delete = false;
    uint32_t transaction = 0, sequence = 0;
    std::string store, key, value;
  };
  struct WithOld : Plain {
    bool has_old_value = false;
    std::string old_value;
  };
  std::vector<sluice_change> views;
  ReadbackItem item{};
  GiveChanges(std::vector<Plain>{{true, 1, 2, "s", "k", ""}}, &views, &item);
  ASSERT_EQ(item.change_count, 1u);
  EXPECT_EQ(item.change_stride, sizeof(sluice_change));
  EXPECT_EQ(item.changes[0].kind, static_cast<uint32_t>(SLUICE_CHANGE_DELETE));
  EXPECT_EQ(item.changes[0].flags, 0u);
  std::vector<WithOld> two(2);
  two[1].has_old_value = true;
  two[1].old_value = "before";
  GiveChanges(two, &views, &item);
  ASSERT_EQ(item.change_count, 2u);
  EXPECT_EQ(item.changes[0].kind, static_cast<uint32_t>(SLUICE_CHANGE_SET));
  EXPECT_EQ(item.changes[0].flags, 0u);
  EXPECT_EQ(item.changes[1].flags, SLUICE_CHANGE_HAS_OLD_VALUE);
  EXPECT_EQ(View(item.changes[1].old_value), "before");
}

class ThrowsWhenMade {
 public:
  ThrowsWhenMade() { throw std::runtime_error("no memory for this"); }
  Status Start(const StartArgs&, StartResult*) { return Status::Ok(); }
  Status Deliver(const Batch&) { return Status::Ok(); }
};

TEST(PluginSdk, ExceptionOfTheConstructorGivesNoInstance) {
  FakeHost host;
  EXPECT_EQ(Create<ThrowsWhenMade>(&host), nullptr);
  EXPECT_EQ(host.text, "exception in create: no memory for this");
}

class Keeping {
 public:
  explicit Keeping(Host host) : host_(host) {}
  Status Start(const StartArgs&, StartResult*) {
    return Status::Invalid("setting path is missing");
  }
  Status Deliver(const Batch& batch) {
    kept_ = host_.Retain(batch);
    second_ = static_cast<bool>(host_.Retain(batch));
    host_.AckThrough(batch, SLUICE_LEVEL_DURABLE);
    host_.Nack(batch.epoch(), batch.attempt(), batch.height(), Status::Retry("later"));
    host_.Ready();
    return Status::Pending();
  }

 private:
  Host host_;
  RetainedBatch kept_;
  bool second_ = false;
};

TEST(PluginSdk, StatusTextReachesTheHostAndRetainedBatchesAreReleasedOnce) {
  FakeHost host;
  const sluice_instance* instance = Create<Keeping>(&host);
  EXPECT_EQ(instance->start(instance->state, nullptr, nullptr), SLUICE_INVALID);
  EXPECT_EQ(host.text, "setting path is missing");
  EXPECT_THAT(host.codes, ElementsAre(SLUICE_INVALID));
  sluice_batch batch{};
  batch.epoch = 2;
  batch.attempt = 3;
  batch.height = 7;
  EXPECT_EQ(instance->deliver(instance->state, &batch), SLUICE_PENDING);
  ASSERT_EQ(host.acks.size(), 1u);
  EXPECT_EQ(host.acks[0].struct_size, sizeof(sluice_ack));
  EXPECT_EQ(host.acks[0].first_height, 0u);
  EXPECT_EQ(host.acks[0].last_height, 7u);
  EXPECT_EQ(host.acks[0].attempt, 3u);
  EXPECT_EQ(host.nack_text, "later");
  EXPECT_EQ(host.ready_count, 1);
  EXPECT_EQ(host.released, 0);
  instance->destroy(instance->state);
  EXPECT_EQ(host.released, 1) << "the second retain was refused";
}

TEST(PluginSdk, ArraysOfALaterHostAreWalkedByTheirStride) {
  struct Longer {
    sluice_change change;
    uint64_t added_later;
  };
  Longer changes[3] = {};
  for (uint32_t i = 0; i < 3; ++i) changes[i].change.sequence = 10 + i;
  sluice_batch raw{};
  raw.changes = &changes[0].change;
  raw.change_count = 3;
  raw.change_stride = sizeof(Longer);
  std::vector<uint32_t> sequences;
  for (const sluice_change& change : Batch(&raw).changes()) sequences.push_back(change.sequence);
  EXPECT_THAT(sequences, ElementsAre(10, 11, 12));
  EXPECT_EQ(Batch(&raw).changes()[2].sequence, 12u);
  sluice_batch empty{};
  EXPECT_TRUE(Batch(&empty).changes().empty());
  EXPECT_TRUE(Batch(&empty).changes().begin() == Batch(&empty).changes().end());
}

TEST(PluginSdk, PositionKeepsTheStreamsNameWithinItsBuffer) {
  sluice_position raw{};
  Position(&raw).SetAt(std::string(100, 's'), 1, 2, sluice_digest{});
  EXPECT_EQ(std::string(raw.stream_id), std::string(63, 's'));
}

}  // namespace
}  // namespace sluice::sdk
