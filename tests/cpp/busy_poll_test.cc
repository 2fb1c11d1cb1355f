#include "support.h"

namespace mcp_event_test {
namespace {

class BusyPoll : public testing::Test {
 protected:
  // How many of twenty waits that only a timer ends were spun; no wait is one that begins when the timer is
  // due.
  uint64_t spins() {
    const uint64_t before = loopStats(dispatcher_).spins;
    int left = 20;
    TimerPtr timer;
    timer = dispatcher_.createTimer([&] {
      if (--left > 0) {
        timer->enableTimer(milliseconds(1));
      } else {
        dispatcher_.exit();
      }
    });
    timer->enableTimer(milliseconds(1));
    runUntilExit(dispatcher_);
    return loopStats(dispatcher_).spins - before;
  }

  LibeventDispatcher dispatcher_{"busy"};
};

TEST_F(BusyPoll, SpinsAsLongAsTold) {
  EXPECT_EQ(0u, spins());
  setBusyPoll(dispatcher_, microseconds(1), false);
  const uint64_t always = spins();
  // None where there is only one processor.
  EXPECT_TRUE(always == 0 || always > 4) << always;
  EXPECT_EQ(always > 0, loopStats(dispatcher_).time_spun_us > 0);

  setBusyPoll(dispatcher_, microseconds(1));
  EXPECT_LE(spins(), 4u) << "idle, it gives up";
  EXPECT_EQ(0u, spins());
  EXPECT_EQ(0u, loopStats(dispatcher_).spins_paid);

  setBusyPoll(dispatcher_, seconds(1), false);
  EXPECT_EQ(always > 0, spins() > 4);
  setBusyPoll(dispatcher_, microseconds(0));
  EXPECT_EQ(0u, spins());
}

TEST_F(BusyPoll, ABudgetThatMakesNoSenseIsRefused) {
  for (const microseconds budget :
       {microseconds(-1), microseconds::min(), microseconds(1000001), microseconds::max()}) {
    EXPECT_THROW(setBusyPoll(dispatcher_, budget), std::invalid_argument);
    EXPECT_THROW(setBusyPoll(dispatcher_, budget, false), std::invalid_argument);
  }
  EXPECT_EQ(0u, spins());
}

TEST_F(BusyPoll, H1_SetWhileTheLoopRuns) {
  LoopThread loop(dispatcher_);
  for (int i = 0; i < 100; ++i) {
    setBusyPoll(dispatcher_, microseconds(i % 2 == 0 ? 1000 : 0), i % 4 == 0);
    loop.runThere([] {});
  }
  loop.stop();
  const LoopStats stats = loopStats(dispatcher_);
  EXPECT_EQ(100u, stats.posts_run - 1) << "all but the one that told that the loop runs";
  EXPECT_LE(stats.spins_paid, stats.spins);
}

}  // namespace
}  // namespace mcp_event_test
