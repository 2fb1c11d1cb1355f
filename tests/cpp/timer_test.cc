#include <atomic>

#include "support.h"

namespace mcp_event_test {
namespace {

// Timers on simulated time: what a test advances is what passes.
class TimerTest : public testing::Test {
 protected:
  TimerPtr recorded(const std::string& name) {
    return dispatcher_->createTimer([this, name] { journal_.push_back(name); });
  }
  void pass(nanoseconds duration) {
    clock_.advance(duration);
    dispatcher_->run(RunType::NonBlock);
  }

  Journal journal_;
  SimulatedClock clock_;
  const DispatcherPtr dispatcher_ = createDispatcher("timers", clock_);
};

TEST_F(TimerTest, T1_FiresOnceAndIsNotEnabledInItsCallback) {
  bool enabled_inside = true;
  TimerPtr timer;
  timer = dispatcher_->createTimer([&] {
    enabled_inside = timer->enabled();
    journal_.push_back("fired");
  });
  EXPECT_FALSE(timer->enabled());
  timer->enableTimer(milliseconds(5));
  EXPECT_TRUE(timer->enabled());
  pass(milliseconds(5));
  EXPECT_FALSE(enabled_inside);
  pass(milliseconds(100));
  EXPECT_EQ((Journal{"fired"}), journal_);
}

TEST_F(TimerTest, T1_EnabledAgainInItsCallback) {
  TimerPtr timer;
  int fired = 0;
  timer = dispatcher_->createTimer([&] {
    if (++fired < 3) {
      timer->enableTimer(milliseconds(1));
    }
  });
  timer->enableTimer(milliseconds(1));
  for (int i = 0; i < 5; ++i) {
    pass(milliseconds(1));
  }
  EXPECT_EQ(3, fired);
}

TEST_F(TimerTest, T2_EnablingReplacesTheDeadline) {
  const TimerPtr timer = recorded("fired");
  timer->enableTimer(milliseconds(5));
  timer->enableTimer(milliseconds(20));
  pass(milliseconds(10));
  EXPECT_TRUE(journal_.empty());
  pass(milliseconds(10));
  EXPECT_EQ((Journal{"fired"}), journal_);
}

TEST_F(TimerTest, T2_ReplacesTheDeadlineOfOneThatAlreadyExpired) {
  const TimerPtr second = recorded("second");
  const TimerPtr first = dispatcher_->createTimer([&] {
    journal_.push_back("first");
    second->enableTimer(milliseconds(50));
  });
  first->enableTimer(milliseconds(1));
  second->enableTimer(milliseconds(2));
  pass(milliseconds(10));
  EXPECT_EQ((Journal{"first"}), journal_);
  pass(milliseconds(50));
  EXPECT_EQ((Journal{"first", "second"}), journal_);
}

TEST_F(TimerTest, T3_ByDeadlineAndTiesInTheOrderOfEnabling) {
  const TimerPtr a = recorded("a");
  const TimerPtr b = recorded("b");
  const TimerPtr c = recorded("c");
  const TimerPtr d = recorded("d");
  d->enableTimer(milliseconds(7));
  c->enableTimer(milliseconds(3));
  a->enableHRTimer(microseconds(2999));
  b->enableTimer(milliseconds(3));
  pass(milliseconds(10));
  EXPECT_EQ((Journal{"a", "c", "b", "d"}), journal_);
}

TEST_F(TimerTest, T4_ZeroDelayWaitsForTheNextIteration) {
  const TimerPtr second = recorded("second");
  const SchedulableCallbackPtr between =
      dispatcher_->createSchedulableCallback([&] { journal_.push_back("tail of the first iteration"); });
  const TimerPtr first = dispatcher_->createTimer([&] {
    journal_.push_back("first");
    second->enableTimer(milliseconds(0));
    between->scheduleCallbackCurrentIteration();
  });
  first->enableTimer(milliseconds(0));
  dispatcher_->run(RunType::NonBlock);
  EXPECT_EQ((Journal{"first", "tail of the first iteration", "second"}), journal_);
}

TEST_F(TimerTest, T5_DisabledOrDestroyedInTheSameIteration) {
  const TimerPtr disabled = recorded("disabled");
  TimerPtr destroyed = recorded("destroyed");
  const TimerPtr first = dispatcher_->createTimer([&] {
    disabled->disableTimer();
    destroyed.reset();
    journal_.push_back("first");
  });
  first->enableTimer(milliseconds(1));
  disabled->enableTimer(milliseconds(1));
  destroyed->enableTimer(milliseconds(1));
  pass(milliseconds(5));
  EXPECT_EQ((Journal{"first"}), journal_);
  EXPECT_FALSE(disabled->enabled());
}

TEST_F(TimerTest, T6_NeverEarly) {
  const TimerPtr timer = recorded("fired");
  timer->enableHRTimer(microseconds(1500));
  pass(nanoseconds(1499999));
  EXPECT_TRUE(journal_.empty());
  pass(nanoseconds(1));
  EXPECT_EQ((Journal{"fired"}), journal_);
}

TEST(TimerOnTheRealClock, T6_NeverEarly) {
  LibeventDispatcher dispatcher("real");
  std::vector<TimerPtr> timers;
  int early = 0;
  int left = 200;
  for (int i = 0; i < 200; ++i) {
    const microseconds delay(i * 37 % 5000);
    const auto deadline = std::chrono::steady_clock::now() + delay;
    timers.push_back(dispatcher.createTimer([&, deadline] {
      early += std::chrono::steady_clock::now() < deadline ? 1 : 0;
      if (--left == 0) {
        dispatcher.exit();
      }
    }));
    timers.back()->enableHRTimer(delay);
  }
  runUntilExit(dispatcher);
  EXPECT_EQ(0, early);
}

TEST_F(TimerTest, T8_HugeDurationsNeverFire) {
  const TimerPtr by_milliseconds = recorded("milliseconds");
  const TimerPtr by_microseconds = recorded("microseconds");
  by_milliseconds->enableTimer(milliseconds::max());
  by_microseconds->enableHRTimer(microseconds::max());
  pass(std::chrono::hours(24 * 365 * 100));
  EXPECT_TRUE(journal_.empty());
  EXPECT_TRUE(by_milliseconds->enabled());
  EXPECT_TRUE(by_microseconds->enabled());
}

TEST_F(TimerTest, T9_NegativeCountsAsZero) {
  const TimerPtr a = recorded("a");
  const TimerPtr b = recorded("b");
  const TimerPtr c = recorded("c");
  a->enableTimer(milliseconds(-1));
  b->enableTimer(milliseconds::min());
  c->enableHRTimer(microseconds::min());
  dispatcher_->run(RunType::NonBlock);
  EXPECT_EQ((Journal{"a", "b", "c"}), journal_);
}

TEST_F(TimerTest, T10_PeriodicKeepsItsRateAndSkipsMissedTicks) {
  PeriodicTimer timer(*dispatcher_, [this] { journal_.push_back("tick"); });
  EXPECT_FALSE(timer.enabled());
  timer.enable(milliseconds(10));
  EXPECT_TRUE(timer.enabled());
  pass(milliseconds(10));
  EXPECT_EQ(1u, journal_.size());
  pass(milliseconds(37));  // at 47: those of 20 and 30 are missed
  EXPECT_EQ(2u, journal_.size());
  pass(milliseconds(2));  // 49
  EXPECT_EQ(2u, journal_.size());
  pass(milliseconds(1));  // 50: the rate was kept
  EXPECT_EQ(3u, journal_.size());
  timer.disable();
  EXPECT_FALSE(timer.enabled());
  pass(milliseconds(100));
  EXPECT_EQ(3u, journal_.size());
}

TEST_F(TimerTest, T10_RefusesWhatCannotBePeriodic) {
  PeriodicTimer timer(*dispatcher_, [] {});
  EXPECT_THROW(timer.enable(microseconds(0)), std::invalid_argument);
  EXPECT_THROW(timer.enable(microseconds(-1)), std::invalid_argument);
  EXPECT_FALSE(timer.enabled());
  EXPECT_THROW(PeriodicTimer(*dispatcher_, nullptr), std::invalid_argument);
  ForeignDispatcher foreign("foreign");
  EXPECT_THROW(PeriodicTimer(foreign, [] {}), std::invalid_argument);
}

TEST_F(TimerTest, T10_DestroysItselfInItsCallback) {
  std::unique_ptr<PeriodicTimer> timer;
  int ticks = 0;
  timer = std::make_unique<PeriodicTimer>(*dispatcher_, [&] {
    ++ticks;
    timer.reset();
  });
  timer->enable(milliseconds(1));
  pass(milliseconds(1));
  pass(milliseconds(10));
  EXPECT_EQ(1, ticks);
}

TEST_F(TimerTest, T10_OutlivesItsDispatcher) {
  auto dispatcher = std::make_unique<LibeventDispatcher>("gone");
  PeriodicTimer timer(*dispatcher, [] {});
  timer.enable(milliseconds(1));
  dispatcher.reset();
  timer.enable(milliseconds(1));
  timer.disable();
}

TEST_F(TimerTest, P12_AnEmptyCallbackIsRefused) {
  EXPECT_THROW(dispatcher_->createTimer(nullptr), std::invalid_argument);
  EXPECT_THROW(dispatcher_->createScaledTimer(ScaledTimerType::OverloadActionState, nullptr),
               std::invalid_argument);
  EXPECT_THROW(dispatcher_->createScaledTimer(ScaledTimerMinimum{milliseconds(1)}, nullptr),
               std::invalid_argument);
}

TEST_F(TimerTest, H1_EnabledDisabledAndDestroyedFromAnotherThread) {
  LibeventDispatcher dispatcher("threads");
  LoopThread loop(dispatcher);
  for (int i = 0; i < 50; ++i) {
    Event fired;
    TimerPtr timer = dispatcher.createTimer([&] { fired.set(); });
    timer->enableTimer(std::chrono::hours(1));
    timer->disableTimer();
    timer->enableTimer(milliseconds(0));
    fired.wait();
  }
}

TEST_F(TimerTest, H2_InertAfterItsDispatcher) {
  auto dispatcher = std::make_unique<LibeventDispatcher>("gone");
  const TimerPtr timer = dispatcher->createTimer([] {});
  timer->enableTimer(milliseconds(1));
  dispatcher.reset();
  timer->enableTimer(milliseconds(1));
  timer->disableTimer();
  EXPECT_FALSE(timer->enabled());
}

TEST_F(TimerTest, F9_DestroysItselfInItsCallback) {
  TimerPtr timer;
  bool capture_alive = false;
  bool capture_gone = false;
  timer = dispatcher_->createTimer([&, capture = atDestruction([&] { capture_gone = true; })] {
    timer.reset();
    capture_alive = !capture_gone;
  });
  timer->enableTimer(milliseconds(0));
  dispatcher_->run(RunType::NonBlock);
  EXPECT_TRUE(capture_alive);
  EXPECT_TRUE(capture_gone);
}

TEST_F(TimerTest, F8_DestructionFromAnotherThreadWaitsForTheRunningCallback) {
  LibeventDispatcher dispatcher("threads");
  LoopThread loop(dispatcher);
  Event entered;
  std::atomic<bool> done{false};
  TimerPtr timer = dispatcher.createTimer([&] {
    entered.set();
    std::this_thread::yield();
    done = true;
  });
  timer->enableTimer(milliseconds(0));
  entered.wait();
  timer.reset();
  EXPECT_TRUE(done);
}

TEST_F(TimerTest, K2_AScaledTimerWithoutLoadFiresAtItsMaximum) {
  const TimerPtr capped = dispatcher_->createScaledTimer(
      ScaledTimerMinimum{milliseconds(1), milliseconds(10)}, [this] { journal_.push_back("capped"); });
  const TimerPtr plain = dispatcher_->createScaledTimer(ScaledTimerMinimum{milliseconds(1)},
                                                        [this] { journal_.push_back("plain"); });
  const TimerPtr typed = dispatcher_->createScaledTimer(ScaledTimerType::HttpConnectionManagerNewStream,
                                                        [this] { journal_.push_back("typed"); });
  capped->enableTimer(milliseconds::max());
  plain->enableTimer(milliseconds(20));
  typed->enableTimer(milliseconds(30));
  pass(milliseconds(9));
  EXPECT_TRUE(journal_.empty());
  pass(milliseconds(1));
  EXPECT_EQ((Journal{"capped"}), journal_);
  pass(milliseconds(20));
  EXPECT_EQ((Journal{"capped", "plain", "typed"}), journal_);
  capped->enableHRTimer(std::chrono::hours(1));
  EXPECT_TRUE(capped->enabled());
  capped->disableTimer();
  EXPECT_FALSE(capped->enabled());
}

TEST_F(TimerTest, A3_ManyTimersFollowTheSimulatedClock) {
  std::vector<TimerPtr> timers;
  int fired = 0;
  for (int i = 1; i <= 1000; ++i) {
    timers.push_back(dispatcher_->createTimer([&] { ++fired; }));
    timers.back()->enableTimer(milliseconds(i));
  }
  pass(milliseconds(400));
  EXPECT_EQ(400, fired);
  pass(std::chrono::hours(1));
  EXPECT_EQ(1000, fired);
}

TEST_F(TimerTest, A3_AdvancingWakesALoopThatSleeps) {
  Event fired;
  const TimerPtr timer = dispatcher_->createTimer([&] { fired.set(); });
  timer->enableTimer(std::chrono::hours(1));
  LoopThread loop(*dispatcher_);
  clock_.advance(std::chrono::hours(1));
  fired.wait();
}

TEST(SimulatedClockTest, RefusesToGoBackAndMayGoBeforeItsDispatchers) {
  auto clock = std::make_unique<SimulatedClock>();
  EXPECT_THROW(clock->advance(nanoseconds(-1)), std::invalid_argument);
  const DispatcherPtr dispatcher = createDispatcher("outlives", *clock);
  clock.reset();
  dispatcher->run(RunType::NonBlock);
}

}  // namespace
}  // namespace mcp_event_test
