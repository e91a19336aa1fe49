// SPDX-License-Identifier: Apache-2.0
#include "plugin/host_table.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "plugin/call_frame.h"
#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;

sluice_text ToText(std::string_view text) { return {text.data(), text.size()}; }

class HostTableTest : public testing::Test {
 protected:
  sluice_ack MakeAck(uint64_t last) {
    sluice_ack ack{};
    ack.struct_size = sizeof(ack);
    ack.level = SLUICE_LEVEL_DURABLE;
    ack.epoch = 7;
    ack.attempt = 1;
    ack.last_height = last;
    return ack;
  }
  FakeListener listener_;
  HostHandle* const handle_ = HostHandle::Create({SinkName("orders"), 1000}, &listener_);
  const sluice_host* const host_ = handle_->table();
};

TEST_F(HostTableTest, FailInsideACallBelongsToThatCall) {
  CallFrame frame(handle_);
  host_->fail(host_->context, SLUICE_RETRY, ToText("inside"));
  EXPECT_EQ(frame.Finish(SLUICE_RETRY), Status(StatusCode::kRetry, "inside"));
  EXPECT_TRUE(listener_.failures().empty());
}

TEST_F(HostTableTest, FailOnAnotherThreadIsOutsideOfTheCall) {
  CallFrame frame(handle_);
  std::thread([this] { host_->fail(host_->context, SLUICE_RETRY, ToText("outside")); }).join();
  EXPECT_THAT(frame.Finish(SLUICE_RETRY).message(), HasSubstr("gave no reason"));
  ASSERT_EQ(listener_.failures().size(), 1U);
  EXPECT_EQ(listener_.failures()[0], Status(StatusCode::kRetry, "outside"));
}

TEST_F(HostTableTest, FailInACallOfAnotherInstanceIsOutside) {
  FakeListener other_listener;
  HostHandle* const other = HostHandle::Create({SinkName("other"), 0}, &other_listener);
  CallFrame frame(other);
  host_->fail(host_->context, SLUICE_FATAL, ToText("mine"));
  EXPECT_EQ(listener_.failures().size(), 1U);
  EXPECT_TRUE(other_listener.failures().empty());
}

TEST_F(HostTableTest, TextsAreCleanedAndBounded) {
  CallFrame frame(handle_);
  host_->fail(host_->context, SLUICE_FATAL, ToText("two\nlines \xFF\x01!\n"));
  EXPECT_EQ(frame.Finish(SLUICE_FATAL).message(), "two lines ? !");
  std::string endless(100'000, 'x');
  endless.replace(4095, 2, "\xC3\xA4");  // the cut falls into a character
  host_->fail(host_->context, SLUICE_FATAL, ToText(endless));
  const std::string kept = frame.Finish(SLUICE_FATAL).message();
  std::string expected(4095, 'x');
  expected += "…";
  EXPECT_EQ(kept, expected);
  host_->fail(host_->context, SLUICE_FATAL, {nullptr, 5});
  EXPECT_THAT(frame.Finish(SLUICE_FATAL).message(), HasSubstr("gave no reason"));
}

TEST_F(HostTableTest, AnAckIsReadOnlyAsFarAsItsSize) {
  sluice_ack ack = MakeAck(4);
  ack.struct_size = offsetof(sluice_ack, last_height);
  host_->ack(host_->context, &ack);
  host_->ack(host_->context, nullptr);
  EXPECT_TRUE(listener_.acks().empty());
  EXPECT_EQ(listener_.failures().size(), 2U);
}

TEST_F(HostTableTest, ANackIsReadOnlyAsFarAsItsSize) {
  sluice_nack nack{};
  nack.struct_size = offsetof(sluice_nack, retry_after_nanos);
  nack.code = SLUICE_REJECT;
  nack.height = 4;
  nack.retry_after_nanos = 99;
  nack.text = {reinterpret_cast<const char*>(1), 1};
  host_->nack(host_->context, &nack);
  ASSERT_EQ(listener_.nacks().size(), 1U);
  EXPECT_EQ(listener_.nacks()[0].code, StatusCode::kReject);
  EXPECT_EQ(listener_.nacks()[0].retry_after, Duration(0));
  EXPECT_THAT(listener_.nacks()[0].text, HasSubstr("gave no reason"));
}

TEST_F(HostTableTest, ANackThatIsNoFailureIsFatal) {
  sluice_nack nack{};
  nack.struct_size = sizeof(nack);
  nack.code = SLUICE_OK;
  nack.retry_after_nanos = UINT64_MAX;
  host_->nack(host_->context, &nack);
  EXPECT_EQ(listener_.nacks().at(0).code, StatusCode::kFatal);
  EXPECT_EQ(listener_.nacks().at(0).retry_after, Duration::max());
}

TEST_F(HostTableTest, ARangeThatIsNoneBreaksTheInstance) {
  sluice_ack ack = MakeAck(4);
  ack.first_height = 5;
  host_->ack(host_->context, &ack);
  EXPECT_THAT(listener_.failures().at(0).message(), HasSubstr("heights 5 to 4"));
}

TEST_F(HostTableTest, RetainIsLegalInsideItsDeliveryOnly) {
  auto view = std::make_shared<BatchView>();
  view->Fill(MakeDelivery(1), 0);
  const sluice_batch* batch = view->SelectPart(0);
  EXPECT_EQ(host_->batch_retain(host_->context, batch), SLUICE_INVALID);
  {
    const CallFrame call(handle_);
    EXPECT_EQ(host_->batch_retain(host_->context, batch), SLUICE_INVALID);
  }
  const CallFrame delivery(handle_, &view);
  sluice_batch copy = *batch;
  EXPECT_EQ(host_->batch_retain(host_->context, &copy), SLUICE_INVALID);
  EXPECT_FALSE(delivery.batch_retained());
}

TEST_F(HostTableTest, RetainsAreCountedAndUnknownReleasesIgnored) {
  HostHandle* const handle = HostHandle::Create({SinkName("orders"), 1U << 20U}, &listener_);
  const sluice_host* const host = handle->table();
  auto view = std::make_shared<BatchView>();
  std::weak_ptr<BatchView> watch = view;
  view->Fill(MakeDelivery(1), 0);
  const sluice_batch* batch = view->SelectPart(0);
  {
    const CallFrame delivery(handle, &view);
    EXPECT_EQ(host->batch_retain(host->context, batch), SLUICE_OK);
    EXPECT_EQ(host->batch_retain(host->context, batch), SLUICE_OK);
    EXPECT_TRUE(delivery.batch_retained());
  }
  view.reset();
  host->batch_release(host->context, batch);
  EXPECT_FALSE(watch.expired());
  host->batch_release(host->context, batch);
  EXPECT_TRUE(watch.expired());
  host->batch_release(host->context, batch);
}

TEST_F(HostTableTest, CloseLetsGoOfWhatIsStillRetained) {
  HostHandle* const handle = HostHandle::Create({SinkName("orders"), 1U << 20U}, &listener_);
  auto view = std::make_shared<BatchView>();
  std::weak_ptr<BatchView> watch = view;
  view->Fill(MakeDelivery(1), 0);
  {
    const CallFrame delivery(handle, &view);
    EXPECT_EQ(handle->table()->batch_retain(handle->table()->context, view->SelectPart(0)),
              SLUICE_OK);
  }
  view.reset();
  handle->Close();
  EXPECT_TRUE(watch.expired());
}

// A thread of the hung instance may read the batch at any time.
TEST_F(HostTableTest, AbandonKeepsWhatIsRetainedForEver) {
  HostHandle* const handle = HostHandle::Create({SinkName("orders"), 1U << 20U}, &listener_);
  auto view = std::make_shared<BatchView>();
  std::weak_ptr<BatchView> watch = view;
  view->Fill(MakeDelivery(1), 0);
  const sluice_batch* batch = view->SelectPart(0);
  {
    const CallFrame delivery(handle, &view);
    EXPECT_EQ(handle->table()->batch_retain(handle->table()->context, batch), SLUICE_OK);
  }
  view.reset();
  handle->Abandon();
  ASSERT_FALSE(watch.expired());
  EXPECT_EQ(batch->height, 1U);
  const uint64_t before = LateHostCallCount();
  handle->table()->batch_release(handle->table()->context, batch);
  EXPECT_EQ(LateHostCallCount(), before + 1);
  EXPECT_FALSE(watch.expired());
}

TEST_F(HostTableTest, EveryLateCallIsCountedAndDoesNothing) {
  handle_->Close();
  const uint64_t before = LateHostCallCount();
  const sluice_ack ack = MakeAck(1);
  sluice_nack nack{};
  nack.struct_size = sizeof(nack);
  host_->ack(host_->context, &ack);
  host_->nack(host_->context, &nack);
  host_->ready(host_->context);
  EXPECT_EQ(host_->batch_retain(host_->context, nullptr), SLUICE_INVALID);
  host_->batch_release(host_->context, nullptr);
  host_->log(host_->context, SLUICE_LOG_ERROR, ToText("late"));
  host_->fail(host_->context, SLUICE_FATAL, ToText("late"));
  EXPECT_EQ(host_->get_extension(host_->context, "sluice.metrics/1"), nullptr);
  EXPECT_EQ(LateHostCallCount(), before + 8);
  EXPECT_TRUE(listener_.acks().empty());
  EXPECT_TRUE(listener_.nacks().empty());
  EXPECT_TRUE(listener_.failures().empty());
  EXPECT_EQ(listener_.ready_count(), 0);
}

// Once Close has returned the listener may be freed, however many threads still ack.
TEST_F(HostTableTest, CloseRacesWithCallsOfManyThreads) {
  for (int round = 0; round < 50; ++round) {
    auto listener = std::make_unique<FakeListener>();
    HostHandle* const handle = HostHandle::Create({SinkName("orders"), 0}, listener.get());
    std::atomic<bool> stop{false};
    std::atomic<int> running{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, this] {
        const sluice_ack ack = MakeAck(1);
        ++running;
        while (!stop) handle->table()->ack(handle->table()->context, &ack);
      });
    }
    while (running < 4) std::this_thread::yield();
    handle->Close();
    listener.reset();
    stop = true;
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace sluice
