#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>

#include "support.h"

namespace mcp_event_test {
namespace {

class Run : public testing::Test {
 protected:
  LibeventDispatcher dispatcher_{"run"};
};

TEST_F(Run, R1_BlockDoesNotReturnWhenNothingIsLeft) {
  for (const RunType type : {RunType::Block, RunType::RunUntilExit}) {
    std::atomic<bool> returned{false};
    Event running;
    dispatcher_.post([&] { running.set(); });
    std::thread thread([&] {
      dispatcher_.run(type);
      returned = true;
    });
    running.wait();
    Event still_running;
    dispatcher_.post([&] { still_running.set(); });
    EXPECT_TRUE(still_running.wait());
    EXPECT_FALSE(returned);
    dispatcher_.exit();
    thread.join();
  }
}

TEST_F(Run, R2_NonBlockReturnsWithoutWaiting) {
  const TimerPtr timer = dispatcher_.createTimer([] { ADD_FAILURE() << "not due"; });
  timer->enableTimer(std::chrono::hours(1));
  dispatcher_.run(RunType::NonBlock);
}

TEST_F(Run, R2_NonBlockRunsWhatItsCallbacksAddAsLongAsItIsDue) {
  int passes = 0;
  TimerPtr timer;
  timer = dispatcher_.createTimer([&] {
    if (++passes < 5) {
      timer->enableTimer(milliseconds(0));
    }
  });
  timer->enableTimer(milliseconds(0));
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ(5, passes);
}

TEST_F(Run, R2_NonBlockEndsDespiteAnEndlessChain) {
  bool going = true;
  const std::function<void()> again = [&] {
    if (going) {
      dispatcher_.post(again);
    }
  };
  dispatcher_.post(again);
  dispatcher_.run(RunType::NonBlock);
  going = false;
}

TEST_F(Run, R3_WhatWasQueuedBeforeExitStillRuns) {
  Journal journal;
  const SchedulableCallbackPtr current =
      dispatcher_.createSchedulableCallback([&] { journal.push_back("current"); });
  const TimerPtr timer = dispatcher_.createTimer([&] {
    dispatcher_.post([&] { journal.push_back("post"); });
    dispatcher_.deferredDelete(deletable([&] { journal.push_back("delete"); }));
    current->scheduleCallbackCurrentIteration();
    dispatcher_.exit();
  });
  timer->enableTimer(milliseconds(0));
  runUntilExit(dispatcher_);
  std::sort(journal.begin(), journal.end());
  EXPECT_EQ((Journal{"current", "delete", "post"}), journal);
}

TEST_F(Run, R3_ExitFromAnotherThread) {
  std::thread thread([this] { dispatcher_.exit(); });
  runUntilExit(dispatcher_);
  thread.join();
}

TEST_F(Run, R4_ExitBeforeRunIsStickyAndConsumedOnce) {
  int posts = 0;
  dispatcher_.post([&] { ++posts; });
  dispatcher_.exit();
  dispatcher_.run(RunType::NonBlock);
  dispatcher_.run(RunType::Block);
  EXPECT_EQ(1, posts);

  bool timer_fired = false;
  const TimerPtr timer = dispatcher_.createTimer([&] {
    timer_fired = true;
    dispatcher_.exit();
  });
  timer->enableTimer(milliseconds(1));
  runUntilExit(dispatcher_);
  EXPECT_TRUE(timer_fired);
}

TEST_F(Run, R4_ShutdownClearsAnEarlierExit) {
  dispatcher_.exit();
  dispatcher_.shutdown();
  bool timer_fired = false;
  const TimerPtr timer = dispatcher_.createTimer([&] {
    timer_fired = true;
    dispatcher_.exit();
  });
  timer->enableTimer(milliseconds(1));
  runUntilExit(dispatcher_);
  EXPECT_TRUE(timer_fired);
}

TEST_F(Run, R5_RunsAgainAlsoOnOtherThreads) {
  for (int i = 0; i < 10; ++i) {
    bool ran = false;
    const TimerPtr timer = dispatcher_.createTimer([&] {
      ran = true;
      dispatcher_.exit();
    });
    timer->enableTimer(milliseconds(0));
    std::thread([&] { dispatcher_.run(i % 2 == 0 ? RunType::Block : RunType::RunUntilExit); }).join();
    EXPECT_TRUE(ran);
    if (i % 3 == 0) {
      dispatcher_.shutdown();
    }
  }
}

TEST_F(Run, R5_PumpedFromChangingThreads) {
  int ran = 0;
  for (int i = 0; i < 10; ++i) {
    dispatcher_.post([&] { ++ran; });
    std::thread([this] { dispatcher_.run(RunType::NonBlock); }).join();
  }
  EXPECT_EQ(10, ran);
}

TEST_F(Run, R6_ANestedRunIsRefused) {
  int refused = 0;
  dispatcher_.post([&] {
    for (const RunType type : {RunType::Block, RunType::NonBlock, RunType::RunUntilExit}) {
      try {
        dispatcher_.run(type);
      } catch (const std::logic_error&) {
        ++refused;
      }
    }
  });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ(3, refused);
}

TEST_F(Run, R6_BlockElsewhereWaitsForTheRunningLoopAndRunsNothing) {
  LoopThread loop(dispatcher_);
  EXPECT_THROW(dispatcher_.run(RunType::NonBlock), std::logic_error);
  Event waiting;
  std::thread second([&] {
    waiting.set();
    dispatcher_.run(RunType::Block);
  });
  waiting.wait();
  std::thread::id ran_on;
  loop.runThere([&] { ran_on = std::this_thread::get_id(); });
  EXPECT_EQ(loop.id(), ran_on);
  loop.stop();
  // For the case that it only begins to run now.
  dispatcher_.exit();
  second.join();
}

TEST_F(Run, R7_IsThreadSafe) {
  EXPECT_FALSE(dispatcher_.isThreadSafe());
  bool inside = false;
  bool elsewhere = true;
  dispatcher_.post([&] {
    inside = dispatcher_.isThreadSafe();
    std::thread([&] { elsewhere = dispatcher_.isThreadSafe(); }).join();
  });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_TRUE(inside);
  EXPECT_FALSE(elsewhere);
  EXPECT_TRUE(dispatcher_.isThreadSafe());
  std::thread([this] { dispatcher_.run(RunType::NonBlock); }).join();
  EXPECT_FALSE(dispatcher_.isThreadSafe());
}

// Nothing interrupts a thread of Windows.
#ifndef _WIN32
TEST_F(Run, R8_AnInterruptedPollGoesOn) {
  struct sigaction interrupting = {};
  struct sigaction before = {};
  interrupting.sa_handler = [](int) {};
  ASSERT_EQ(0, sigaction(SIGUSR1, &interrupting, &before));
  std::thread thread([this] { dispatcher_.run(RunType::Block); });
  for (int i = 0; i < 100; ++i) {
    pthread_kill(thread.native_handle(), SIGUSR1);
    std::this_thread::yield();
  }
  Event still_running;
  dispatcher_.post([&] { still_running.set(); });
  EXPECT_TRUE(still_running.wait());
  dispatcher_.exit();
  thread.join();
  sigaction(SIGUSR1, &before, nullptr);
}
#endif

TEST_F(Run, AnUnknownRunTypeIsRefused) {
  EXPECT_THROW(dispatcher_.run(static_cast<RunType>(3)), std::invalid_argument);
  EXPECT_THROW(dispatcher_.run(static_cast<RunType>(-1)), std::invalid_argument);
}

TEST_F(Run, A1_TheTimeIsConstantWithinAnIterationAndRefreshedBetween) {
  SimulatedClock clock;
  const DispatcherPtr dispatcher = createDispatcher("simulated", clock);
  std::vector<std::chrono::steady_clock::time_point> seen;
  dispatcher->post([&] {
    seen.push_back(dispatcher->approximateMonotonicTime());
    clock.advance(milliseconds(5));
    seen.push_back(dispatcher->approximateMonotonicTime());
  });
  dispatcher->run(RunType::NonBlock);
  dispatcher->run(RunType::NonBlock);
  seen.push_back(dispatcher->approximateMonotonicTime());
  ASSERT_EQ(3u, seen.size());
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[0] + milliseconds(5), seen[2]);
}

TEST_F(Run, A1_TheTimeIsThatOfTheSteadyClock) {
  const auto before = std::chrono::steady_clock::now();
  dispatcher_.run(RunType::NonBlock);
  const auto time = dispatcher_.approximateMonotonicTime();
  EXPECT_LE(before, time);
  EXPECT_LE(time, std::chrono::steady_clock::now());
}

TEST_F(Run, A2_UpdateRefreshesAtOnce) {
  SimulatedClock clock;
  const DispatcherPtr dispatcher = createDispatcher("simulated", clock);
  const auto before = dispatcher->approximateMonotonicTime();
  clock.advance(milliseconds(7));
  EXPECT_EQ(before, dispatcher->approximateMonotonicTime());
  dispatcher->updateApproximateMonotonicTime();
  EXPECT_EQ(before + milliseconds(7), dispatcher->approximateMonotonicTime());
}

TEST_F(Run, P10_ShutdownRunsNoPostAndLoopsUntilStable) {
  bool ran = false;
  int destroyed = 0;
  std::function<void(int)> post_again = [&](int left) {
    dispatcher_.post([&ran, capture = atDestruction([&, left] {
                              ++destroyed;
                              if (left > 0) {
                                dispatcher_.deferredDelete(deletable([&, left] { post_again(left - 1); }));
                              }
                            })] { ran = true; });
  };
  post_again(3);
  dispatcher_.shutdown();
  dispatcher_.shutdown();
  EXPECT_FALSE(ran);
  EXPECT_EQ(4, destroyed);
}

TEST_F(Run, P10_ShutdownElsewhereMakesTheLoopExitAndWaits) {
  std::atomic<bool> returned{false};
  Event running;
  dispatcher_.post([&] { running.set(); });
  std::thread thread([&] {
    dispatcher_.run(RunType::RunUntilExit);
    returned = true;
  });
  running.wait();
  dispatcher_.shutdown();
  thread.join();
  EXPECT_TRUE(returned);
}

TEST_F(Run, P10_HandlesStayArmed) {
  bool fired = false;
  const TimerPtr timer = dispatcher_.createTimer([&] {
    fired = true;
    dispatcher_.exit();
  });
  timer->enableTimer(milliseconds(1));
  dispatcher_.shutdown();
  EXPECT_TRUE(timer->enabled());
  runUntilExit(dispatcher_);
  EXPECT_TRUE(fired);
}

#ifdef _WIN32
TEST_F(Run, HasNoPollFdOnWindows) {
  EXPECT_THROW(pollFd(dispatcher_), std::system_error);
  EXPECT_LT(nextTimeout(dispatcher_), nanoseconds(0));
}
#else
TEST_F(Run, DrivenByAForeignLoop) {
  const FdPair pair = FdPair::pipe();
  bool ready = false;
  const FileEventPtr event = dispatcher_.createFileEvent(
      pair.far(), [&](uint32_t) { ready = true; }, FileTriggerType::Edge, kRead);
  dispatcher_.run(RunType::NonBlock);
  EXPECT_LT(nextTimeout(dispatcher_), nanoseconds(0));

  LibeventDispatcher foreign("foreign");
  const FileEventPtr drive = foreign.createFileEvent(
      pollFd(dispatcher_),
      [&](uint32_t) {
        dispatcher_.run(RunType::NonBlock);
        if (ready) {
          foreign.exit();
        }
      },
      FileTriggerType::Level, kRead);
  pair.write("x");
  runUntilExit(foreign);
  EXPECT_TRUE(ready);

  const TimerPtr timer = dispatcher_.createTimer([] {});
  timer->enableTimer(milliseconds(500));
  const nanoseconds timeout = nextTimeout(dispatcher_);
  EXPECT_GT(timeout, nanoseconds(0));
  EXPECT_LE(timeout, milliseconds(500));
}
#endif

}  // namespace
}  // namespace mcp_event_test
