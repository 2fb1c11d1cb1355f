#include <atomic>

#include "signals.h"
#include "support.h"

namespace mcp_event_test {
namespace {

// A dispatcher that one of its own callbacks destroys, while all kinds of things are left on it.
class DestroyedInACallback : public testing::Test {
 protected:
  void SetUp() override {
    pending_timer_ = dispatcher_->createTimer(never());
    pending_timer_->enableTimer(milliseconds(0));
    pending_callback_ = dispatcher_->createSchedulableCallback(never());
    dispatcher_->deferredDelete(deletable([this] { ++destroyed_; }));
  }

  std::function<void()> never() {
    return [capture = atDestruction([this] { ++destroyed_; })] { ADD_FAILURE() << "the loop is gone"; };
  }
  // Destroys the dispatcher with a post queued.
  void destroy() {
    dispatcher_->post(never());
    pending_callback_->scheduleCallbackCurrentIteration();
    dispatcher_.reset();
  }
  void run() {
    Dispatcher& dispatcher = *dispatcher_;
    dispatcher.run(RunType::RunUntilExit);
    EXPECT_EQ(nullptr, dispatcher_);
    pending_timer_.reset();
    pending_callback_.reset();
    EXPECT_EQ(4, destroyed_);
  }

  int destroyed_ = 0;
  DispatcherPtr dispatcher_ = std::make_unique<LibeventDispatcher>("destroyed in a callback");
  TimerPtr pending_timer_;
  SchedulableCallbackPtr pending_callback_;
};

TEST_F(DestroyedInACallback, OfAPost) {
  dispatcher_->post([this] { destroy(); });
  run();
}

TEST_F(DestroyedInACallback, OfATimer) {
  pending_timer_->disableTimer();
  const TimerPtr timer = dispatcher_->createTimer([this] { destroy(); });
  timer->enableTimer(milliseconds(0));
  pending_timer_->enableTimer(milliseconds(0));
  run();
}

TEST_F(DestroyedInACallback, OfATimerThatIsItsCallbacks) {
  pending_timer_->disableTimer();
  TimerPtr timer;
  timer = dispatcher_->createTimer([this, &timer] {
    destroy();
    timer.reset();
  });
  timer->enableTimer(milliseconds(0));
  run();
}

TEST_F(DestroyedInACallback, OfAFileEvent) {
  const FdPair pair = FdPair::pipe();
  const FileEventPtr event = dispatcher_->createFileEvent(
      pair.far(), [this](uint32_t) { destroy(); }, FileTriggerType::Level, kRead);
  pair.write("x");
  run();
}

TEST_F(DestroyedInACallback, OfASchedulableCallback) {
  const SchedulableCallbackPtr callback = dispatcher_->createSchedulableCallback([this] { destroy(); });
  callback->scheduleCallbackCurrentIteration();
  run();
}

TEST_F(DestroyedInACallback, OfASignal) {
  pending_timer_->disableTimer();
  const SignalEventPtr event = dispatcher_->listenForSignal(kSignal, [this] { destroy(); });
  sendSignal();
  run();
}

TEST_F(DestroyedInACallback, D9_DestructorsOfWhatIsQueuedFindItAlive) {
  bool gone = false;
  int found_alive = 0;
  Dispatcher& dispatcher = *dispatcher_;
  const auto use = [&] {
    ASSERT_FALSE(gone);
    dispatcher.post([] {});
    ++found_alive;
  };
  dispatcher_->post([&, this] {
    dispatcher_->post([capture = atDestruction(use)] { ADD_FAILURE() << "the loop is gone"; });
    dispatcher_->deferredDelete(deletable(use));
    destroy();
    gone = true;
  });
  run();
  EXPECT_EQ(2, found_alive);
}

TEST(Lifetime, ACallbackDestroysAllOtherHandles) {
  LibeventDispatcher dispatcher("all others");
  const FdPair pair = FdPair::sockets();
  pair.write("x");
  const auto never = [] { ADD_FAILURE() << "destroyed before it ran"; };
  std::vector<TimerPtr> timers;
  std::vector<FileEventPtr> events;
  std::vector<SchedulableCallbackPtr> callbacks;
  SignalEventPtr signal_event = dispatcher.listenForSignal(kSignal, never);
  const FileEventPtr first = dispatcher.createFileEvent(
      pair.far(),
      [&](uint32_t) {
        timers.clear();
        events.clear();
        callbacks.clear();
        signal_event.reset();
      },
      FileTriggerType::Edge, kRead);
  for (int i = 0; i < 10; ++i) {
    timers.push_back(dispatcher.createTimer(never));
    timers.back()->enableTimer(milliseconds(0));
    events.push_back(dispatcher.createFileEvent(
        pair.far(), [&](uint32_t) { never(); }, FileTriggerType::Level, kRead | kWrite));
    callbacks.push_back(dispatcher.createSchedulableCallback(never));
    callbacks.back()->scheduleCallbackNextIteration();
  }
  dispatcher.run(RunType::NonBlock);
  EXPECT_TRUE(timers.empty());
}

TEST(Lifetime, DestructionWhileAnotherThreadRunsItWaits) {
  for (int i = 0; i < 20; ++i) {
    auto dispatcher = std::make_unique<LibeventDispatcher>("busy");
    Dispatcher& running = *dispatcher;
    Event entered;
    std::atomic<bool> in_callback{false};
    dispatcher->post([&] {
      in_callback = true;
      entered.set();
      std::this_thread::yield();
      in_callback = false;
    });
    std::thread thread([&] { running.run(RunType::RunUntilExit); });
    entered.wait();
    dispatcher.reset();
    EXPECT_FALSE(in_callback);
    thread.join();
  }
}

// Whoever has told the loop something may still be about to leave the call.
TEST(Lifetime, DestroyedByWhatAnotherThreadHasAsked) {
  for (const bool by_a_post : {true, false}) {
    for (int i = 0; i < 100; ++i) {
      auto dispatcher = std::make_unique<LibeventDispatcher>("asked");
      Dispatcher& asked = *dispatcher;
      Event running;
      dispatcher->post([&] { running.set(); });
      std::thread loop([&] {
        asked.run(RunType::RunUntilExit);
        dispatcher.reset();
      });
      running.wait();
      if (by_a_post) {
        asked.post([&] { dispatcher.reset(); });
      } else {
        asked.exit();
      }
      loop.join();
    }
  }
}

TEST(Lifetime, F8_TwoLoopsDestroyEachOthersHandles) {
  for (int i = 0; i < 50; ++i) {
    LibeventDispatcher a("a");
    LibeventDispatcher b("b");
    TimerPtr timer_of_a;
    TimerPtr timer_of_b;
    Event a_entered;
    Event b_entered;
    timer_of_a = a.createTimer([&] {
      a_entered.set();
      b_entered.wait();
      timer_of_b.reset();
      a.exit();
    });
    timer_of_b = b.createTimer([&] {
      b_entered.set();
      a_entered.wait();
      timer_of_a.reset();
      b.exit();
    });
    timer_of_a->enableTimer(milliseconds(0));
    timer_of_b->enableTimer(milliseconds(0));
    std::thread thread([&] { runUntilExit(b); });
    runUntilExit(a);
    thread.join();
  }
}

TEST(Lifetime, H2_AClientThatEndsInTheWayOfTheSdk) {
  struct Connection : DeferredDeletable {
    explicit Connection(Dispatcher& dispatcher)
        : timer(dispatcher.createTimer([] {})),
          event(dispatcher.createFileEvent(
              pair.far(), [](uint32_t) {}, FileTriggerType::Edge, kRead)),
          callback(dispatcher.createSchedulableCallback([] {})) {}
    FdPair pair = FdPair::sockets();
    TimerPtr timer;
    FileEventPtr event;
    SchedulableCallbackPtr callback;
    bool closed = false;
  };
  auto dispatcher = std::make_unique<LibeventDispatcher>("client");
  auto connection = std::make_unique<Connection>(*dispatcher);
  std::thread thread([&] { dispatcher->run(RunType::Block); });
  dispatcher->post([&] {
    connection->event->setEnabled(0);
    connection->pair.closeFar();
    connection->closed = true;
  });
  dispatcher->exit();
  thread.join();
  EXPECT_TRUE(connection->closed);
  dispatcher.reset();
  connection.reset();
}

TEST(Lifetime, DestructorsOfClosuresUseTheDispatcherThatIsBeingDestroyed) {
  int destroyed = 0;
  {
    LibeventDispatcher dispatcher("used while destroyed");
    dispatcher.post([capture = atDestruction([&] {
                       ++destroyed;
                       dispatcher.post([inner = atDestruction([&] { ++destroyed; })] {});
                       dispatcher.exit();
                       dispatcher.shutdown();
                       dispatcher.clearDeferredDeleteList();
                       EXPECT_EQ("used while destroyed", dispatcher.name());
                       const TimerPtr timer = dispatcher.createTimer([] {});
                       timer->enableTimer(milliseconds(0));
                       const SchedulableCallbackPtr callback = dispatcher.createSchedulableCallback([] {});
                       callback->scheduleCallbackCurrentIteration();
                     })] {});
  }
  EXPECT_EQ(2, destroyed);
}

TEST(Lifetime, H1_EverythingFromManyThreadsAtOnce) {
  LibeventDispatcher dispatcher("busy");
  LoopThread loop(dispatcher);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        const FdPair pair = FdPair::pipe();
        const TimerPtr timer = dispatcher.createTimer([] {});
        const SchedulableCallbackPtr callback = dispatcher.createSchedulableCallback([] {});
        const FileEventPtr event = dispatcher.createFileEvent(
            pair.far(), [](uint32_t) {}, FileTriggerType::Edge, kRead);
        pair.write("x");
        timer->enableHRTimer(microseconds(i % 7));
        callback->scheduleCallbackNextIteration();
        event->activate(kWrite);
        event->setEnabled(kRead | kWrite);
        dispatcher.deferredDelete(deletable([] {}));
        dispatcher.post([] {});
        timer->enabled();
        callback->cancel();
        dispatcher.approximateMonotonicTime();
        dispatcher.isThreadSafe();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  loop.runThere([] {});
}

}  // namespace
}  // namespace mcp_event_test
