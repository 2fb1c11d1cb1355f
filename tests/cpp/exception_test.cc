#include <stdexcept>

#include "signals.h"
#include "support.h"

namespace mcp_event_test {
namespace {

class Exception : public testing::Test {
 protected:
  // run() rethrows what a callback throws; what was queued behind it runs in the next run().
  void expectRethrown(const std::function<void()>& arm) {
    arm();
    try {
      runUntilExit(dispatcher_);
      ADD_FAILURE() << "run() did not throw";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ("boom", e.what());
    }
    bool ran = false;
    dispatcher_.post([&] { ran = true; });
    dispatcher_.run(RunType::NonBlock);
    EXPECT_TRUE(ran);
  }

  LibeventDispatcher dispatcher_{"exceptions"};
};

[[noreturn]] void boom() { throw std::runtime_error("boom"); }

TEST_F(Exception, P11_FromAPost) {
  expectRethrown([this] { dispatcher_.post(boom); });
}

TEST_F(Exception, P11_FromAMoveOnlyPost) {
  expectRethrown([this] { mcp::event::post(dispatcher_, [capture = std::make_unique<int>(1)] { boom(); }); });
}

TEST_F(Exception, P11_FromATimer) {
  const TimerPtr timer = dispatcher_.createTimer(boom);
  expectRethrown([&] { timer->enableTimer(milliseconds(0)); });
}

TEST_F(Exception, P11_FromAFileEvent) {
  const FdPair pair = FdPair::pipe();
  const FileEventPtr event = dispatcher_.createFileEvent(
      pair.far(),
      [&](uint32_t) {
        pair.readAll();
        boom();
      },
      FileTriggerType::Edge, kRead);
  expectRethrown([&] { pair.write("x"); });
}

TEST_F(Exception, P11_FromASchedulableCallback) {
  const SchedulableCallbackPtr callback = dispatcher_.createSchedulableCallback(boom);
  expectRethrown([&] { callback->scheduleCallbackCurrentIteration(); });
  expectRethrown([&] { callback->scheduleCallbackNextIteration(); });
}

TEST_F(Exception, P11_FromASignal) {
  const SignalEventPtr event = dispatcher_.listenForSignal(kSignal, boom);
  expectRethrown(sendSignal);
}

class ThrowingWatchDog : public WatchDog {
 public:
  void touch() override {
    if (throws) {
      throws = false;
      boom();
    }
  }
  std::thread::id threadId() const override { return std::this_thread::get_id(); }
  std::chrono::steady_clock::time_point lastTouchTime() const override { return {}; }

  bool throws = false;
};

TEST_F(Exception, P11_FromAWatchDog) {
  const auto watch_dog = std::make_shared<ThrowingWatchDog>();
  dispatcher_.registerWatchdog(watch_dog, milliseconds(0));
  watch_dog->throws = true;
  expectRethrown([this] { dispatcher_.post([] {}); });
  dispatcher_.registerWatchdog(nullptr, milliseconds(0));
}

TEST_F(Exception, P11_WhatIsQueuedStaysQueued) {
  Journal journal;
  dispatcher_.post(boom);
  dispatcher_.post([&] { journal.push_back("post"); });
  dispatcher_.deferredDelete(deletable([&] { journal.push_back("delete"); }));
  const SchedulableCallbackPtr current =
      dispatcher_.createSchedulableCallback([&] { journal.push_back("current"); });
  current->scheduleCallbackCurrentIteration();
  EXPECT_THROW(dispatcher_.run(RunType::NonBlock), std::runtime_error);
  EXPECT_LE(journal.size(), 1u);  // only the delete may come before the post that threw
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"delete", "post", "current"}), journal);
}

TEST_F(Exception, P11_TheOtherReadyEventsAreNotLost) {
  const FdPair first = FdPair::pipe();
  const FdPair second = FdPair::pipe();
  int calls = 0;
  const auto callback = [&](uint32_t) {
    ++calls;
    boom();
  };
  const FileEventPtr a = dispatcher_.createFileEvent(first.far(), callback, FileTriggerType::Edge, kRead);
  const FileEventPtr b = dispatcher_.createFileEvent(second.far(), callback, FileTriggerType::Edge, kRead);
  first.write("x");
  second.write("x");
  EXPECT_THROW(dispatcher_.run(RunType::NonBlock), std::runtime_error);
  EXPECT_EQ(1, calls);
  EXPECT_THROW(dispatcher_.run(RunType::NonBlock), std::runtime_error);
  EXPECT_EQ(2, calls);
}

TEST_F(Exception, P11_TheOtherExpiredTimersAreNotLost) {
  int calls = 0;
  const auto callback = [&] {
    ++calls;
    boom();
  };
  const TimerPtr a = dispatcher_.createTimer(callback);
  const TimerPtr b = dispatcher_.createTimer(callback);
  a->enableTimer(milliseconds(0));
  b->enableTimer(milliseconds(0));
  EXPECT_THROW(dispatcher_.run(RunType::NonBlock), std::runtime_error);
  EXPECT_EQ(1, calls);
  EXPECT_THROW(dispatcher_.run(RunType::NonBlock), std::runtime_error);
  EXPECT_EQ(2, calls);
}

struct Payload {
  explicit Payload(int value) : value(std::make_shared<int>(value)) {}
  std::shared_ptr<int> value;
};

TEST_F(Exception, P11_OfAnyTypeAndWithItsContents) {
  std::weak_ptr<int> contents;
  dispatcher_.post([&] {
    Payload payload(7);
    contents = payload.value;
    throw payload;
  });
  try {
    dispatcher_.run(RunType::NonBlock);
    ADD_FAILURE() << "run() did not throw";
  } catch (const Payload& payload) {
    EXPECT_EQ(7, *payload.value);
  }
  EXPECT_TRUE(contents.expired());

  dispatcher_.post([] { throw 42; });
  try {
    dispatcher_.run(RunType::NonBlock);
    ADD_FAILURE() << "run() did not throw";
  } catch (int value) {
    EXPECT_EQ(42, value);
  }
}

TEST_F(Exception, P11_TheClosureIsDestroyed) {
  bool destroyed = false;
  dispatcher_.post([capture = atDestruction([&] { destroyed = true; })] { boom(); });
  EXPECT_THROW(dispatcher_.run(RunType::NonBlock), std::runtime_error);
  EXPECT_TRUE(destroyed);
}

TEST_F(Exception, P11_OutOfACallbackThatDestroyedTheDispatcher) {
  auto dispatcher = std::make_unique<LibeventDispatcher>("destroyed");
  Dispatcher& running = *dispatcher;
  dispatcher->post([&] {
    dispatcher.reset();
    boom();
  });
  EXPECT_THROW(running.run(RunType::Block), std::runtime_error);
}

}  // namespace
}  // namespace mcp_event_test
