#ifndef _WIN32
#include <poll.h>
#endif

#include <array>

#include "support.h"

namespace mcp_event_test {
namespace {

class Post : public testing::Test {
 protected:
  LibeventDispatcher dispatcher_{"post"};
};

TEST_F(Post, P1_FromManyThreadsWhileTheLoopRuns) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 2000;
  int ran = 0;
  std::vector<std::thread> producers;
  for (int i = 0; i < kThreads; ++i) {
    producers.emplace_back([&] {
      for (int n = 0; n < kPosts; ++n) {
        dispatcher_.post([&] {
          if (++ran == kThreads * kPosts) {
            dispatcher_.exit();
          }
        });
      }
    });
  }
  runUntilExit(dispatcher_);
  for (std::thread& producer : producers) {
    producer.join();
  }
  EXPECT_EQ(kThreads * kPosts, ran);
}

TEST_F(Post, P1_NeverRunsInsideTheCall) {
  bool ran = false;
  bool ran_inside = true;
  dispatcher_.post([&] {
    dispatcher_.post([&] { ran = true; });
    ran_inside = ran;
  });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_FALSE(ran_inside);
  EXPECT_TRUE(ran);
}

TEST_F(Post, P1_TheDestructorOfAClosureMayPost) {
  bool ran = false;
  {
    const auto capture = atDestruction([&] { dispatcher_.post([&] { ran = true; }); });
    dispatcher_.post([capture] {});
  }
  dispatcher_.run(RunType::NonBlock);
  EXPECT_TRUE(ran);
}

TEST_F(Post, P2_InTheOrderOfTheCalls) {
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) {
    dispatcher_.post([&order, i] { order.push_back(i); });
  }
  dispatcher_.run(RunType::NonBlock);
  ASSERT_EQ(1000u, order.size());
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(i, order[static_cast<size_t>(i)]);
  }
}

TEST_F(Post, P2_EachProducerKeepsItsOrder) {
  constexpr int kProducers = 3;
  constexpr int kPosts = 3000;
  std::vector<int> next(kProducers, 0);
  int in_order = 0;
  std::vector<std::thread> producers;
  for (size_t p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] {
      for (int n = 0; n < kPosts; ++n) {
        dispatcher_.post([&, p, n] { in_order += next[p]++ == n ? 1 : 0; });
      }
    });
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  dispatcher_.post([this] { dispatcher_.exit(); });
  runUntilExit(dispatcher_);
  EXPECT_EQ(kProducers * kPosts, in_order);
}

TEST_F(Post, P3_APostMadeByAPostRunsAfterAllOfTheBatch) {
  Journal journal;
  dispatcher_.post([&] {
    journal.push_back("first");
    dispatcher_.post([&] { journal.push_back("made by first"); });
  });
  dispatcher_.post([&] { journal.push_back("second"); });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"first", "second", "made by first"}), journal);
}

TEST_F(Post, P3_AnEndlessChainStarvesNeitherTimersNorExit) {
  bool going = true;
  const std::function<void()> again = [&] {
    if (going) {
      dispatcher_.post(again);
    }
  };
  dispatcher_.post(again);
  const TimerPtr timer = dispatcher_.createTimer([&] { dispatcher_.exit(); });
  timer->enableTimer(milliseconds(1));
  runUntilExit(dispatcher_);
  going = false;
}

TEST_F(Post, P4_ClosureDestroyedRightAfterItRan) {
  Journal journal;
  for (const char* name : {"1", "2"}) {
    const auto capture = atDestruction([&journal, name] { journal.push_back(std::string("gone ") + name); });
    dispatcher_.post([&journal, name, capture] { journal.push_back(std::string("ran ") + name); });
  }
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"ran 1", "gone 1", "ran 2", "gone 2"}), journal);
}

TEST_F(Post, P5_DeferredDeletesComeBeforeTheBatch) {
  Journal journal;
  dispatcher_.post([&] { journal.push_back("post"); });
  dispatcher_.deferredDelete(deletable([&] { journal.push_back("delete"); }));
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"delete", "post"}), journal);
}

TEST_F(Post, P6_EarlierPostsRunBeforeAnyEvent) {
  Journal journal;
  const FdPair pair = FdPair::pipe();
  pair.write("x");
  const FileEventPtr event = dispatcher_.createFileEvent(
      pair.far(), [&](uint32_t) { journal.push_back("event"); }, FileTriggerType::Edge, kRead);
  const TimerPtr timer = dispatcher_.createTimer([&] { journal.push_back("timer"); });
  timer->enableTimer(milliseconds(0));
  dispatcher_.post([&] { journal.push_back("post"); });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"post", "event", "timer"}), journal);
}

TEST_F(Post, P7_WakesALoopThatSleeps) {
  LoopThread loop(dispatcher_);
  for (int i = 0; i < 200; ++i) {
    loop.runThere([] {});
  }
}

TEST_F(Post, P7_NoWakeFromTheLoopItself) {
  LoopThread loop(dispatcher_);
  uint64_t before = 0;
  uint64_t after = 0;
  loop.runThere([&] {
    before = loopStats(dispatcher_).wakes;
    for (int i = 0; i < 100; ++i) {
      dispatcher_.post([] {});
    }
    after = loopStats(dispatcher_).wakes;
  });
  EXPECT_EQ(before, after);
}

TEST_F(Post, P7_OneWakeForManyPostsWhileTheLoopIsBusy) {
  LoopThread loop(dispatcher_);
  uint64_t before = 0;
  uint64_t after = 0;
  loop.runThere([&] {
    before = loopStats(dispatcher_).wakes;
    std::thread([this] {
      for (int i = 0; i < 100; ++i) {
        dispatcher_.post([] {});
      }
    }).join();
    after = loopStats(dispatcher_).wakes;
  });
  EXPECT_LE(after, before + 1);
}

// A completion port is no socket that another loop could watch.
#ifndef _WIN32
TEST_F(Post, P7_MakesThePollFdReadableOutsideRun) {
  dispatcher_.run(RunType::NonBlock);
  dispatcher_.post([] {});
  pollfd poll_fd = {pollFd(dispatcher_), POLLIN, 0};
  EXPECT_EQ(1, poll(&poll_fd, 1, 0));
  EXPECT_EQ(nanoseconds(0), nextTimeout(dispatcher_));
}
#endif

TEST_F(Post, P8_AfterExitItWaitsForTheNextRun) {
  Journal journal;
  dispatcher_.post([&] {
    dispatcher_.post([&] { journal.push_back("before exit"); });
    dispatcher_.exit();
    dispatcher_.post([&] { journal.push_back("after exit"); });
  });
  runUntilExit(dispatcher_);
  EXPECT_EQ((Journal{"before exit"}), journal);
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"before exit", "after exit"}), journal);
}

TEST_F(Post, P9_AfterShutdownItIsRefusedUntilTheNextRun) {
  bool ran = false;
  bool destroyed = false;
  dispatcher_.shutdown();
  dispatcher_.post([&ran, capture = atDestruction([&] { destroyed = true; })] { ran = true; });
  EXPECT_TRUE(destroyed);
  EXPECT_FALSE(tryPost(dispatcher_, [] {}));
  EXPECT_EQ(2u, loopStats(dispatcher_).posts_refused);

  dispatcher_.run(RunType::NonBlock);
  EXPECT_FALSE(ran);
  EXPECT_TRUE(tryPost(dispatcher_, [&] { ran = true; }));
  dispatcher_.run(RunType::NonBlock);
  EXPECT_TRUE(ran);
}

TEST_F(Post, P12_AnEmptyClosureIsRefusedAtTheCall) {
  EXPECT_THROW(dispatcher_.post(nullptr), std::invalid_argument);
  EXPECT_THROW(tryPost(dispatcher_, PostCb()), std::invalid_argument);
  EXPECT_THROW(mcp::event::post(dispatcher_, std::function<void()>()), std::invalid_argument);
  EXPECT_THROW(mcp::event::post(dispatcher_, static_cast<void (*)()>(nullptr)), std::invalid_argument);
  try {
    dispatcher_.post(nullptr);
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::string::npos, std::string(e.what()).find("post"));
  }
}

TEST_F(Post, P13_AClosureThatCanOnlyBeMoved) {
  auto number = std::make_unique<int>(42);
  int got = 0;
  mcp::event::post(dispatcher_, [&got, number = std::move(number)] { got = *number; });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ(42, got);
}

TEST_F(Post, P13_IsDestroyedOnceWhenRunDroppedOrRefused) {
  int destroyed = 0;
  const auto closure = [&destroyed] {
    return [capture = std::make_unique<AtDestruction>([&destroyed] { ++destroyed; })] {};
  };
  mcp::event::post(dispatcher_, closure());
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ(1, destroyed);
  mcp::event::post(dispatcher_, closure());
  dispatcher_.shutdown();
  EXPECT_EQ(2, destroyed);
  mcp::event::post(dispatcher_, closure());
  EXPECT_EQ(3, destroyed);
  ForeignDispatcher foreign("foreign");
  EXPECT_THROW(mcp::event::post(foreign, closure()), std::invalid_argument);
  EXPECT_EQ(4, destroyed);
}

TEST_F(Post, P14_TheDepthOfTheQueueIsTold) {
  for (int i = 0; i < 3; ++i) {
    dispatcher_.post([] {});
  }
  EXPECT_EQ(3u, loopStats(dispatcher_).queue_depth);
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ(0u, loopStats(dispatcher_).queue_depth);
}

TEST_F(Post, ALargeClosure) {
  std::array<char, 4096> big;
  big.fill('x');
  char last = ' ';
  dispatcher_.post([big, &last] { last = big.back(); });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ('x', last);
}

}  // namespace
}  // namespace mcp_event_test
