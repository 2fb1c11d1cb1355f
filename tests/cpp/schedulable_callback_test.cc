#include <atomic>

#include "support.h"

namespace mcp_event_test {
namespace {

class Schedulable : public testing::Test {
 protected:
  SchedulableCallbackPtr recorded(const std::string& name) {
    return dispatcher_.createSchedulableCallback([this, name] { journal_.push_back(name); });
  }

  Journal journal_;
  LibeventDispatcher dispatcher_{"schedulable"};
};

TEST_F(Schedulable, S1_CurrentRunsInTheTailNeverInsideTheCall) {
  const SchedulableCallbackPtr callback = recorded("callback");
  const TimerPtr timer = dispatcher_.createTimer([&] {
    callback->scheduleCallbackCurrentIteration();
    journal_.push_back("timer");
  });
  const TimerPtr other = dispatcher_.createTimer([&] { journal_.push_back("other timer"); });
  timer->enableTimer(milliseconds(0));
  other->enableTimer(milliseconds(0));
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"timer", "other timer", "callback"}), journal_);
}

TEST_F(Schedulable, S1_FifoAndChained) {
  const SchedulableCallbackPtr chained = recorded("chained");
  const SchedulableCallbackPtr first = dispatcher_.createSchedulableCallback([&] {
    journal_.push_back("first");
    chained->scheduleCallbackCurrentIteration();
  });
  const SchedulableCallbackPtr second = recorded("second");
  dispatcher_.post([&] {
    first->scheduleCallbackCurrentIteration();
    second->scheduleCallbackCurrentIteration();
  });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"first", "second", "chained"}), journal_);
}

TEST_F(Schedulable, S1_AnEndlessChainLetsExitThrough) {
  SchedulableCallbackPtr callback;
  callback = dispatcher_.createSchedulableCallback([&] { callback->scheduleCallbackCurrentIteration(); });
  callback->scheduleCallbackCurrentIteration();
  const TimerPtr timer = dispatcher_.createTimer([this] { dispatcher_.exit(); });
  timer->enableTimer(milliseconds(1));
  runUntilExit(dispatcher_);
}

TEST_F(Schedulable, S2_NextRunsInTheNextIteration) {
  const SchedulableCallbackPtr next = recorded("next");
  const SchedulableCallbackPtr current = recorded("current");
  const TimerPtr timer = dispatcher_.createTimer([&] {
    next->scheduleCallbackNextIteration();
    current->scheduleCallbackCurrentIteration();
    dispatcher_.post([this] { journal_.push_back("post"); });
  });
  timer->enableTimer(milliseconds(0));
  dispatcher_.run(RunType::NonBlock);
  ASSERT_EQ(3u, journal_.size());
  EXPECT_EQ("next", journal_[2]);
}

TEST_F(Schedulable, S3_TheFirstScheduleWins) {
  const SchedulableCallbackPtr callback = recorded("callback");
  const SchedulableCallbackPtr marker = recorded("marker");
  dispatcher_.post([&] {
    callback->scheduleCallbackNextIteration();
    callback->scheduleCallbackCurrentIteration();
    marker->scheduleCallbackCurrentIteration();
  });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"marker", "callback"}), journal_);
}

TEST_F(Schedulable, S4_EnabledUntilItRunsAndMayRescheduleItself) {
  std::vector<bool> enabled;
  SchedulableCallbackPtr callback;
  callback = dispatcher_.createSchedulableCallback([&] {
    enabled.push_back(callback->enabled());
    if (enabled.size() < 3) {
      callback->scheduleCallbackNextIteration();
    }
  });
  EXPECT_FALSE(callback->enabled());
  callback->scheduleCallbackNextIteration();
  EXPECT_TRUE(callback->enabled());
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((std::vector<bool>{false, false, false}), enabled);
  EXPECT_FALSE(callback->enabled());
}

TEST_F(Schedulable, S5_CancelledOrDestroyedInTheSameBatch) {
  const SchedulableCallbackPtr cancelled = recorded("cancelled");
  SchedulableCallbackPtr destroyed = recorded("destroyed");
  const SchedulableCallbackPtr first = dispatcher_.createSchedulableCallback([&] {
    cancelled->cancel();
    destroyed.reset();
    journal_.push_back("first");
  });
  dispatcher_.post([&] {
    first->scheduleCallbackCurrentIteration();
    cancelled->scheduleCallbackCurrentIteration();
    destroyed->scheduleCallbackCurrentIteration();
  });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"first"}), journal_);
  EXPECT_FALSE(cancelled->enabled());
}

TEST_F(Schedulable, S6_ExactlyOnceFromAnotherThread) {
  LoopThread loop(dispatcher_);
  std::atomic<int> ran{0};
  const SchedulableCallbackPtr callback = dispatcher_.createSchedulableCallback([&] { ++ran; });
  for (int i = 1; i <= 100; ++i) {
    if (i % 2 == 0) {
      callback->scheduleCallbackCurrentIteration();
    } else {
      callback->scheduleCallbackNextIteration();
    }
    const auto deadline = std::chrono::steady_clock::now() + kGuard;
    while (callback->enabled() || ran < i) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::yield();
    }
    EXPECT_EQ(i, ran);
  }
}

TEST_F(Schedulable, S6_DestroyedFromAnotherThread) {
  LoopThread loop(dispatcher_);
  for (int i = 0; i < 200; ++i) {
    bool gone = false;
    bool ran_after = false;
    SchedulableCallbackPtr callback = dispatcher_.createSchedulableCallback([&] { ran_after = gone; });
    callback->scheduleCallbackCurrentIteration();
    callback.reset();
    gone = true;
    EXPECT_FALSE(ran_after);
  }
}

TEST_F(Schedulable, S7_ScheduledBeforeRunComesAfterEarlierPosts) {
  const SchedulableCallbackPtr callback = recorded("callback");
  dispatcher_.post([this] { journal_.push_back("post"); });
  callback->scheduleCallbackCurrentIteration();
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"post", "callback"}), journal_);
}

TEST_F(Schedulable, P12_AnEmptyCallbackIsRefused) {
  EXPECT_THROW(dispatcher_.createSchedulableCallback(nullptr), std::invalid_argument);
}

TEST_F(Schedulable, H2_InertAfterItsDispatcher) {
  auto dispatcher = std::make_unique<LibeventDispatcher>("gone");
  const SchedulableCallbackPtr callback = dispatcher->createSchedulableCallback([] {});
  callback->scheduleCallbackNextIteration();
  dispatcher.reset();
  callback->scheduleCallbackCurrentIteration();
  callback->scheduleCallbackNextIteration();
  callback->cancel();
  EXPECT_FALSE(callback->enabled());
}

}  // namespace
}  // namespace mcp_event_test
