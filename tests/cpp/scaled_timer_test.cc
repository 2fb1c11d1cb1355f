#include "mcp/event/scaled_timers.h"

#include <cmath>
#include <limits>

#include "support.h"

namespace mcp_event_test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Scaled timers on simulated time.
class ScaledTimerTest : public testing::Test {
 protected:
  template <typename Range>
  TimerPtr recorded(Range range, const std::string& name = "fired") {
    return dispatcher_->createScaledTimer(range, [this, name] { journal_.push_back(name); });
  }
  void pass(nanoseconds duration) {
    clock_.advance(duration);
    dispatcher_->run(RunType::NonBlock);
  }
  // Expects that the enabled timer fires after `delay`, not earlier.
  void expectFiresAfter(const TimerPtr& timer, nanoseconds delay) {
    if (delay > nanoseconds(0)) {
      pass(delay - nanoseconds(1));
      EXPECT_TRUE(journal_.empty());
      EXPECT_TRUE(timer->enabled());
      clock_.advance(nanoseconds(1));
    }
    pass(nanoseconds(0));
    EXPECT_EQ((Journal{"fired"}), journal_);
    EXPECT_FALSE(timer->enabled());
    journal_.clear();
  }

  Journal journal_;
  SimulatedClock clock_;
  const DispatcherPtr dispatcher_ = createDispatcher("scaled", clock_);
};

TEST_F(ScaledTimerTest, K1_FiresBetweenMinimumAndMaximum) {
  const TimerPtr timer = recorded(ScaledTimerMinimum{milliseconds(4)});
  EXPECT_EQ(1.0, timerScaleFactor(*dispatcher_));
  EXPECT_FALSE(timer->enabled());
  timer->enableTimer(milliseconds(10));
  expectFiresAfter(timer, milliseconds(10));
  setTimerScaleFactor(*dispatcher_, 0.5);
  EXPECT_EQ(0.5, timerScaleFactor(*dispatcher_));
  timer->enableTimer(milliseconds(10));
  expectFiresAfter(timer, milliseconds(7));
  timer->enableHRTimer(microseconds(4001));
  expectFiresAfter(timer, nanoseconds(4000500));
  setTimerScaleFactor(*dispatcher_, 0);
  timer->enableTimer(milliseconds(10));
  expectFiresAfter(timer, milliseconds(4));
}

TEST_F(ScaledTimerTest, K2_MinimumAndMaximumAreCapped) {
  const struct {
    ScaledTimerMinimum minimum;
    double factor;
    milliseconds enabled_for;
    milliseconds after;
  } cases[] = {
      {{milliseconds(4), milliseconds(6)}, 1, milliseconds(10), milliseconds(6)},
      {{milliseconds(4), milliseconds(6)}, 0, milliseconds(10), milliseconds(4)},
      {{milliseconds(4), milliseconds(6)}, 0, milliseconds(3), milliseconds(3)},
      // A minimum above the maximum is the maximum.
      {{milliseconds(9), milliseconds(6)}, 0, milliseconds(10), milliseconds(6)},
      {{milliseconds::max()}, 0, milliseconds(10), milliseconds(10)},
      // Negative values count as 0.
      {{milliseconds(-4)}, 0, milliseconds(10), milliseconds(0)},
      {{milliseconds::min()}, 0.5, milliseconds(10), milliseconds(5)},
      {{milliseconds(4), milliseconds(-1)}, 1, milliseconds(10), milliseconds(0)},
      {{milliseconds(4)}, 1, milliseconds(-10), milliseconds(0)},
  };
  for (const auto& test : cases) {
    setTimerScaleFactor(*dispatcher_, test.factor);
    const TimerPtr timer = recorded(test.minimum);
    timer->enableTimer(test.enabled_for);
    expectFiresAfter(timer, test.after);
  }
}

TEST_F(ScaledTimerTest, K3_AChangeCountsAtOnce) {
  const TimerPtr timer = recorded(ScaledTimerMinimum{milliseconds(4)});
  timer->enableTimer(milliseconds(10));
  pass(milliseconds(8));
  EXPECT_TRUE(journal_.empty());
  setTimerScaleFactor(*dispatcher_, 0.5);
  expectFiresAfter(timer, nanoseconds(0));
}

TEST_F(ScaledTimerTest, K5_EachTypeHasAMinimum) {
  using Type = ScaledTimerType;
  setTimerScaleFactor(*dispatcher_, 0);
  setScaledTimerMinimum(*dispatcher_, Type::HttpConnectionManagerDecodeDuration, microseconds(2500));
  setScaledTimerMinimumShare(*dispatcher_, Type::HttpConnectionManagerNewStream, 0.3);
  const struct {
    Type type;
    microseconds after;
  } cases[] = {
      {Type::HttpConnectionManagerDecodeDuration, microseconds(2500)},
      {Type::HttpConnectionManagerNewStream, milliseconds(3)},
      // Not configured: not scaled.
      {Type::OverloadActionState, milliseconds(10)},
  };
  for (const auto& test : cases) {
    const TimerPtr timer = recorded(test.type);
    timer->enableTimer(milliseconds(10));
    expectFiresAfter(timer, test.after);
  }
}

TEST_F(ScaledTimerTest, T1_EnabledAgainInItsCallback) {
  setTimerScaleFactor(*dispatcher_, 0.5);
  int fired = 0;
  TimerPtr timer;
  timer = dispatcher_->createScaledTimer(ScaledTimerMinimum{milliseconds(2)}, [&] {
    EXPECT_FALSE(timer->enabled());
    if (++fired < 3) {
      timer->enableTimer(milliseconds(4));
    }
  });
  timer->enableTimer(milliseconds(4));
  for (int i = 0; i < 5; ++i) {
    pass(milliseconds(3));
  }
  EXPECT_EQ(3, fired);
}

TEST_F(ScaledTimerTest, T5_DisabledOrDestroyedItDoesNotFire) {
  TimerPtr first = recorded(ScaledTimerMinimum{milliseconds(2)}, "disabled");
  TimerPtr second = recorded(ScaledTimerMinimum{milliseconds(2)}, "destroyed");
  const TimerPtr killer = dispatcher_->createTimer([&] {
    first->disableTimer();
    second.reset();
  });
  first->enableTimer(milliseconds(4));
  second->enableTimer(milliseconds(4));
  killer->enableTimer(milliseconds(1));
  pass(milliseconds(10));
  EXPECT_TRUE(journal_.empty());
  EXPECT_FALSE(first->enabled());
}

TEST_F(ScaledTimerTest, T8_TheLongestDurationNeverComes) {
  const TimerPtr timer = recorded(ScaledTimerMinimum{milliseconds(1)});
  timer->enableTimer(milliseconds::max());
  pass(std::chrono::hours(24 * 365));
  EXPECT_TRUE(timer->enabled());
  setTimerScaleFactor(*dispatcher_, 0);
  expectFiresAfter(timer, nanoseconds(0));
}

TEST_F(ScaledTimerTest, F9_DestroysItselfInItsCallback) {
  bool destroyed = false;
  TimerPtr timer;
  timer = dispatcher_->createScaledTimer(ScaledTimerMinimum{milliseconds(1)},
                                         [&, capture = atDestruction([&] { destroyed = true; })] {
                                           timer.reset();
                                           EXPECT_FALSE(destroyed);
                                         });
  timer->enableTimer(milliseconds(2));
  pass(milliseconds(2));
  EXPECT_TRUE(destroyed);
}

TEST_F(ScaledTimerTest, H1_EnabledAndScaledByAnotherThread) {
  LoopThread loop(*dispatcher_);
  Event fired;
  const TimerPtr timer =
      dispatcher_->createScaledTimer(ScaledTimerMinimum{milliseconds(0)}, [&] { fired.set(); });
  timer->enableTimer(std::chrono::hours(1));
  EXPECT_TRUE(timer->enabled());
  setTimerScaleFactor(*dispatcher_, 0);
  fired.wait();
}

TEST_F(ScaledTimerTest, H2_OutlivesItsDispatcher) {
  DispatcherPtr dispatcher = createDispatcher("short life", clock_);
  const TimerPtr timer =
      dispatcher->createScaledTimer(ScaledTimerType::OverloadActionState, [] { FAIL() << "it fired"; });
  timer->enableTimer(milliseconds(1));
  PressureDriver driver(*dispatcher);
  dispatcher.reset();
  clock_.advance(seconds(1));
  timer->disableTimer();
  EXPECT_FALSE(timer->enabled());
  timer->enableTimer(milliseconds(1));
  driver.addSource([] { return 1.0; });
  EXPECT_EQ(0.0, driver.pressure());
}

TEST_F(ScaledTimerTest, WhatMakesNoSenseIsRefused) {
  using std::invalid_argument;
  EXPECT_THROW(dispatcher_->createScaledTimer(static_cast<ScaledTimerType>(3), [] {}), invalid_argument);
  EXPECT_THROW(dispatcher_->createScaledTimer(ScaledTimerType::OverloadActionState, nullptr),
               invalid_argument);
  EXPECT_THROW(dispatcher_->createScaledTimer(ScaledTimerMinimum{}, nullptr), invalid_argument);
  for (const double number : {-0.1, 1.1, kNan}) {
    EXPECT_THROW(setTimerScaleFactor(*dispatcher_, number), invalid_argument);
    EXPECT_THROW(setScaledTimerMinimumShare(*dispatcher_, ScaledTimerType::OverloadActionState, number),
                 invalid_argument);
  }
  EXPECT_THROW(setScaledTimerMinimum(*dispatcher_, static_cast<ScaledTimerType>(-1), milliseconds(1)),
               invalid_argument);
  EXPECT_EQ(1.0, timerScaleFactor(*dispatcher_));
  ForeignDispatcher foreign("foreign");
  EXPECT_THROW(setTimerScaleFactor(foreign, 0.5), invalid_argument);
  EXPECT_THROW(timerScaleFactor(foreign), invalid_argument);
  EXPECT_THROW(setScaledTimerMinimum(foreign, ScaledTimerType::OverloadActionState, milliseconds(1)),
               invalid_argument);
  EXPECT_THROW(setScaledTimerMinimumShare(foreign, ScaledTimerType::OverloadActionState, 0.5),
               invalid_argument);
  EXPECT_THROW(loopLoad(foreign), invalid_argument);
  EXPECT_THROW(PressureDriver{foreign}, invalid_argument);
}

// The driver of a dispatcher's scaled timers, without smoothing and hysteresis to speak of.
class PressureDriverTest : public ScaledTimerTest {
 protected:
  static PressureOptions plain() {
    PressureOptions options;
    options.loop_lag.low = milliseconds(10);
    options.loop_lag.high = milliseconds(110);
    options.smoothing = microseconds(1);
    options.hysteresis = 1e-9;
    return options;
  }
};

TEST_F(PressureDriverTest, K5_LatenessIsPressure) {
  PressureDriver driver(*dispatcher_, plain());
  pass(milliseconds(100));
  EXPECT_EQ(0.0, driver.pressure());
  pass(milliseconds(160));
  EXPECT_NEAR(0.5, driver.pressure(), 1e-6);
  EXPECT_NEAR(0.5, timerScaleFactor(*dispatcher_), 1e-6);
}

TEST_F(PressureDriverTest, K5_TheLargestSourceCounts) {
  double first = 0;
  double second = 0;
  {
    PressureDriver driver(*dispatcher_, plain());
    driver.addSource([&] { return first; });
    driver.addSource([&] { return second; });
    const double cases[][3] = {{0.25, 0.5, 0.5}, {kNan, 0.25, 0.25}, {-5, kNan, 0}, {7, 0.5, 1}};
    for (const auto& values : cases) {
      first = values[0];
      second = values[1];
      pass(milliseconds(100));
      EXPECT_NEAR(values[2], driver.pressure(), 1e-6);
      EXPECT_NEAR(1 - values[2], timerScaleFactor(*dispatcher_), 1e-6);
    }
    EXPECT_THROW(driver.addSource(nullptr), std::invalid_argument);
    EXPECT_THROW(PressureDriver{*dispatcher_}, std::logic_error);
  }
  EXPECT_EQ(1.0, timerScaleFactor(*dispatcher_));
}

TEST_F(PressureDriverTest, P11_WhatASourceThrowsComesOutOfRun) {
  PressureDriver driver(*dispatcher_, plain());
  driver.addSource([]() -> double { throw std::runtime_error("a bad source"); });
  clock_.advance(milliseconds(100));
  try {
    dispatcher_->run(RunType::NonBlock);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ("a bad source", error.what());
  }
  dispatcher_->run(RunType::NonBlock);
}

TEST_F(PressureDriverTest, SenselessOptionsAreRefused) {
  const auto refused = [this](const std::function<void(PressureOptions&)>& change) {
    PressureOptions options = plain();
    change(options);
    EXPECT_THROW(PressureDriver(*dispatcher_, options), std::invalid_argument);
  };
  refused([](PressureOptions& options) { options.loop_lag.low = options.loop_lag.high; });
  refused([](PressureOptions& options) { options.poll_delay.low = milliseconds(-1); });
  refused([](PressureOptions& options) { options.queue_depth.low = 1; });
  refused([](PressureOptions& options) { options.interval = milliseconds(-1); });
  refused([](PressureOptions& options) { options.smoothing = milliseconds(-1); });
  refused([](PressureOptions& options) { options.hysteresis = kNan; });
}

TEST_F(PressureDriverTest, K5_TheLoadIsReadable) {
  LoopLoad load{};
  dispatcher_->post([&] {
    clock_.advance(milliseconds(30));
    dispatcher_->post([] {});
    load = loopLoad(*dispatcher_);
  });
  EXPECT_EQ(1u, loopLoad(*dispatcher_).queue_depth);
  dispatcher_->run(RunType::NonBlock);
  EXPECT_EQ(milliseconds(30), load.loop_lag);
  EXPECT_EQ(microseconds(0), load.poll_delay);
  EXPECT_EQ(1u, load.queue_depth);
}

}  // namespace
}  // namespace mcp_event_test
