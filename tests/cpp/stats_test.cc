#include <regex>

#include "support.h"

namespace mcp_event_test {
namespace {

class Stats : public testing::Test {
 protected:
  LibeventDispatcher dispatcher_{"stats"};
};

TEST_F(Stats, Q2_BothStringsAreReadableSummaries) {
  const std::regex summary(R"(count=(\d+) sum=\d+us p50=\d+us p90=\d+us p99=\d+us max=\d+us)");
  DispatcherStats stats;
  dispatcher_.initializeStats(stats);
  EXPECT_TRUE(std::regex_match(stats.loop_duration_us, summary)) << stats.loop_duration_us;
  EXPECT_TRUE(std::regex_match(stats.poll_delay_us, summary)) << stats.poll_delay_us;

  const TimerPtr timer = dispatcher_.createTimer([this] { dispatcher_.exit(); });
  timer->enableTimer(milliseconds(2));
  runUntilExit(dispatcher_);
  dispatcher_.initializeStats(stats);
  std::smatch match;
  ASSERT_TRUE(std::regex_match(stats.loop_duration_us, match, summary)) << stats.loop_duration_us;
  EXPECT_NE("0", match[1].str());
  ASSERT_TRUE(std::regex_match(stats.poll_delay_us, match, summary)) << stats.poll_delay_us;
  EXPECT_NE("0", match[1].str());
}

TEST_F(Stats, Q3_WhatTheLoopDidIsCounted) {
  const LoopStats before = loopStats(dispatcher_);
  const FdPair pair = FdPair::pipe();
  const FileEventPtr event = dispatcher_.createFileEvent(
      pair.far(), [](uint32_t) {}, FileTriggerType::Edge, kRead);
  const TimerPtr timer = dispatcher_.createTimer([] {});
  pair.write("x");
  timer->enableTimer(milliseconds(0));
  dispatcher_.post([] {});
  dispatcher_.deferredDelete(deletable([] {}));
  dispatcher_.run(RunType::NonBlock);
  const LoopStats after = loopStats(dispatcher_);
  EXPECT_GT(after.iterations, before.iterations);
  EXPECT_EQ(1u, after.events - before.events);
  EXPECT_EQ(1u, after.posts_run - before.posts_run);
  EXPECT_EQ(1u, after.timers_fired - before.timers_fired);
  EXPECT_EQ(1u, after.deferred_deletes - before.deferred_deletes);
}

TEST_F(Stats, Q2_ReadableWhileTheLoopRuns) {
  loopStats(dispatcher_);
  LoopThread loop(dispatcher_);
  for (int i = 0; i < 100; ++i) {
    loop.runThere([] {});
    const LoopStats stats = loopStats(dispatcher_);
    EXPECT_LE(stats.loop_duration_us.p50, stats.loop_duration_us.max);
  }
  EXPECT_GE(loopStats(dispatcher_).posts_run, 100u);
}

}  // namespace
}  // namespace mcp_event_test
