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

// A loop with handles, all of which it destroys, itself included, when it does what it was asked for: maybe
// before whoever asked has left the call.
class Mortal {
 public:
  Mortal() : data_(FdPair::sockets()) {
    timer_ = dispatcher_->createTimer([this] { end(); });
    callback_ = dispatcher_->createSchedulableCallback([this] { end(); });
    event_ = dispatcher_->createFileEvent(
        data_.far(), [this](uint32_t) { end(); }, FileTriggerType::Edge, 0);
    data_.write("x");
  }

  Dispatcher& dispatcher() const { return *dispatcher_; }
  Timer& timer() const { return *timer_; }
  SchedulableCallback& callback() const { return *callback_; }
  FileEvent& event() const { return *event_; }
  void end() {
    timer_.reset();
    callback_.reset();
    event_.reset();
    dispatcher_.reset();
  }
  bool hasEnded() const { return dispatcher_ == nullptr; }

 private:
  FdPair data_;
  DispatcherPtr dispatcher_ = std::make_unique<LibeventDispatcher>("mortal");
  TimerPtr timer_;
  SchedulableCallbackPtr callback_;
  FileEventPtr event_;
};

// What is asked for is the loop's end.
struct Request {
  const char* name;
  void (*make)(Mortal& mortal);
};

const Request kRequests[] = {
    {"Post", [](Mortal& mortal) { mortal.dispatcher().post([&] { mortal.end(); }); }},
    {"DeferredDelete",
     [](Mortal& mortal) { mortal.dispatcher().deferredDelete(deletable([&] { mortal.end(); })); }},
    {"EnableTimer", [](Mortal& mortal) { mortal.timer().enableTimer(milliseconds(0)); }},
    {"EnableTimerAnew",
     [](Mortal& mortal) {
       mortal.timer().enableTimer(milliseconds::max());
       mortal.timer().enableHRTimer(microseconds(0));
     }},
    {"ScheduleCurrent", [](Mortal& mortal) { mortal.callback().scheduleCallbackCurrentIteration(); }},
    {"ScheduleNext", [](Mortal& mortal) { mortal.callback().scheduleCallbackNextIteration(); }},
    {"Activate", [](Mortal& mortal) { mortal.event().activate(kClosed); }},
    {"SetEnabled", [](Mortal& mortal) { mortal.event().setEnabled(kRead); }},
};

class DestroyedByWhatAnotherThreadAsks : public testing::TestWithParam<Request> {
 protected:
  static constexpr int kRounds = 50;

  // `run` runs the loop until it has ended.
  static void ask(void (*run)(Mortal& mortal)) {
    for (int i = 0; i < kRounds; ++i) {
      Mortal mortal;
      Event running;
      mortal.dispatcher().post([&] { running.set(); });
      std::thread loop([&] { run(mortal); });
      running.wait();
      GetParam().make(mortal);
      loop.join();
      EXPECT_TRUE(mortal.hasEnded());
    }
  }
};

TEST_P(DestroyedByWhatAnotherThreadAsks, WhileItRuns) {
  ask([](Mortal& mortal) { mortal.dispatcher().run(RunType::RunUntilExit); });
}

// Whoever asks finds it now running, now not.
TEST_P(DestroyedByWhatAnotherThreadAsks, BetweenItsRuns) {
  ask([](Mortal& mortal) {
    while (!mortal.hasEnded()) {
      mortal.dispatcher().run(RunType::NonBlock);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Lifetime, DestroyedByWhatAnotherThreadAsks, testing::ValuesIn(kRequests),
                         [](const auto& request) { return std::string(request.param.name); });

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
