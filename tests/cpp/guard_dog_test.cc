#include "mcp/event/guard_dog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "mcp/event/worker_pool.h"
#include "support.h"

namespace mcp_event_test {

using mcp::event::createDefaultWorkerFactory;
using mcp::event::createPlatformDefaultDispatcherFactory;
using mcp::event::createThreadPool;
using mcp::event::GuardDog;
using mcp::event::GuardDogEvent;
using mcp::event::GuardDogOptions;
using mcp::event::GuardDogReport;
using mcp::event::LibeventDispatcher;
using mcp::event::ScopeTrackedObject;
using mcp::event::SimulatedClock;
using mcp::event::StuckThread;
using mcp::event::WorkerPool;

// Says so when it is on the stack, and burns time. Not static, so that its name is known everywhere.
__attribute__((noinline)) void computeForEver(Event& begun, const std::atomic<bool>& end) {
  begun.set();
  while (!end) {
  }
}

namespace {

class Request : public ScopeTrackedObject {
 public:
  void dumpState(std::ostream& os, int indent_level) const override {
    os << std::string(indent_level, ' ') << "request 42\n";
  }
};

class BadRequest : public ScopeTrackedObject {
 public:
  void dumpState(std::ostream& os, int) const override {
    os << "so far\n";
    throw std::runtime_error("a bad object");
  }
};

// On simulated time: a miss after 10 ms, a megamiss after 20 ms.
class GuardDogTest : public ::testing::Test {
 protected:
  GuardDogTest() : dog_(options()) {
    for (const GuardDogEvent event : {GuardDogEvent::Kill, GuardDogEvent::Multikill, GuardDogEvent::Megamiss,
                                      GuardDogEvent::Miss, GuardDogEvent::Recovered}) {
      dog_.on(event, [this](const GuardDogReport& report) { reports_.push_back(report); });
    }
  }

  GuardDogOptions options() const {
    GuardDogOptions options;
    options.miss = milliseconds(10);
    options.megamiss = milliseconds(20);
    options.clock = &clock_;
    return options;
  }

  // What is told after this time.
  std::vector<GuardDogReport> after(milliseconds time) {
    reports_.clear();
    clock_.advance(time);
    dog_.scan();
    return reports_;
  }

  SimulatedClock clock_;
  GuardDog dog_;
  std::vector<GuardDogReport> reports_;
};

// A loop that is busy in a post until this is destroyed.
class BusyLoop {
 public:
  explicit BusyLoop(Dispatcher& dispatcher, const ScopeTrackedObject* object = nullptr) : loop_(dispatcher) {
    Event begun;
    dispatcher.post([&, object] {
      if (object != nullptr) {
        dispatcher.pushTrackedObject(object);
      }
      computeForEver(begun, end_);
      if (object != nullptr) {
        dispatcher.popTrackedObject(object);
      }
    });
    begun.wait();
  }
  ~BusyLoop() { end_ = true; }

 private:
  std::atomic<bool> end_{false};
  LoopThread loop_;
};

TEST_F(GuardDogTest, W4_ReportTellsWhoHowLongWithWhatAndWhere) {
  LibeventDispatcher dispatcher("worker");
  const Request request;
  std::vector<GuardDogReport> reports;
  {
    const BusyLoop busy(dispatcher, &request);
    dog_.watch(dispatcher);
    EXPECT_TRUE(after(milliseconds(10)).empty());
    reports = after(milliseconds(1));
  }
  ASSERT_EQ(1u, reports.size());
  EXPECT_EQ(GuardDogEvent::Miss, reports[0].event);
  ASSERT_EQ(1u, reports[0].threads.size());
  const StuckThread& thread = reports[0].threads[0];
  EXPECT_EQ("worker", thread.name);
  EXPECT_EQ(milliseconds(11), thread.stuck_for);
  EXPECT_NE(0, thread.thread_id);
  EXPECT_EQ("post", thread.doing);
#ifdef _WIN32
  // Nobody can look into a thread.
  EXPECT_EQ("", thread.tracked_objects);
  EXPECT_EQ("", thread.backtrace);
#else
  EXPECT_EQ("request 42\n", thread.tracked_objects);
  EXPECT_NE(std::string::npos, thread.backtrace.find("mcp_event_test::computeForEver")) << thread.backtrace;
#endif
  EXPECT_EQ(1u, thread.misses);
  EXPECT_EQ(0u, reports[0].text.find("guard dog: miss: worker has been stuck for 11ms (thread "));
  EXPECT_EQ(milliseconds(11), dog_.figures(dispatcher).stuck_for);

  const auto after_it = after(milliseconds(1));
  ASSERT_EQ(1u, after_it.size());
  EXPECT_EQ(GuardDogEvent::Recovered, after_it[0].event);
  EXPECT_LT(dog_.figures(dispatcher).stuck_for.count(), 0);
}

#ifndef _WIN32
TEST_F(GuardDogTest, W4_TrackedObjectThatThrowsCostsOnlyItself) {
  LibeventDispatcher dispatcher("worker");
  const BadRequest request;
  std::vector<GuardDogReport> reports;
  {
    const BusyLoop busy(dispatcher, &request);
    dog_.watch(dispatcher);
    reports = after(milliseconds(11));
  }
  ASSERT_EQ(1u, reports.size());
  EXPECT_EQ("so far\n(its dumpState() threw)\n", reports[0].threads[0].tracked_objects);
}
#endif

TEST_F(GuardDogTest, W3_WorkersOfAPoolAreWatched) {
  const auto factory = createPlatformDefaultDispatcherFactory();
  const auto workers = createDefaultWorkerFactory();
  const auto pool = createThreadPool();
  pool->initialize(3, *factory, *workers);
  pool->start();
  dog_.watch(*pool);
  dog_.watch(pool->getWorker(0).dispatcher());
  EXPECT_EQ(3u, dog_.figures().watched);
  EXPECT_TRUE(dog_.unwatch(pool->getWorker(0).dispatcher()));
  EXPECT_FALSE(dog_.unwatch(pool->getWorker(0).dispatcher()));
  EXPECT_EQ(2u, dog_.figures().watched);
}

TEST_F(GuardDogTest, W3_WorkerPoolIsWatchedUntilItIsGone) {
  auto pool = std::make_unique<WorkerPool>(3);
  pool->start();
  dog_.watch(*pool);
  EXPECT_EQ(3u, dog_.figures().watched);
  EXPECT_TRUE(dog_.unwatch(pool->dispatcher(0)));
  EXPECT_EQ(2u, dog_.figures().watched);
  pool.reset();
  EXPECT_TRUE(after(milliseconds(100)).empty());
  EXPECT_EQ(0u, dog_.figures().watched);
}

TEST_F(GuardDogTest, W3_DispatcherDestroyedWhileWatchedLeaves) {
  auto dispatcher = std::make_unique<LibeventDispatcher>("brief");
  dog_.watch(*dispatcher);
  dispatcher.reset();
  EXPECT_TRUE(after(milliseconds(100)).empty());
  EXPECT_EQ(0u, dog_.figures().watched);
}

TEST_F(GuardDogTest, W3_DispatcherOfOnesOwnTouches) {
  ForeignDispatcher dispatcher("foreign");
  EXPECT_THROW(dog_.watch(dispatcher), std::invalid_argument);
  EXPECT_THROW(dog_.figures(dispatcher), std::invalid_argument);
  dispatcher.registerWatchdog(dog_.watchTouched("mine", std::this_thread::get_id()), milliseconds(0));
  dispatcher.post([] {});
  dispatcher.run(RunType::NonBlock);
  EXPECT_TRUE(after(milliseconds(11)).empty());
  const auto reports = after(milliseconds(11));
  ASSERT_EQ(1u, reports.size());
  EXPECT_EQ("mine", reports[0].threads[0].name);
  EXPECT_EQ("", reports[0].threads[0].doing);
  dispatcher.registerWatchdog(nullptr, milliseconds(0));
  dog_.scan();
  EXPECT_EQ(0u, dog_.figures().watched);
}

TEST_F(GuardDogTest, W2_LastTouchTimeIsWhenTheScanSawIt) {
  const auto watch = dog_.watchTouched("mine", std::this_thread::get_id());
  EXPECT_EQ(std::this_thread::get_id(), watch->threadId());
  const auto made = watch->lastTouchTime();
  watch->touch();
  EXPECT_EQ(made, watch->lastTouchTime());
  after(milliseconds(5));
  EXPECT_EQ(milliseconds(5), watch->lastTouchTime() - made);
}

TEST_F(GuardDogTest, W3_ActionThatThrowsCostsOnlyItself) {
  Journal journal;
  dog_.on(GuardDogEvent::Miss, [](const GuardDogReport&) { throw std::runtime_error("a bad action"); });
  dog_.on(GuardDogEvent::Miss, [&](const GuardDogReport&) { journal.push_back("after"); });
  const auto watch = dog_.watchTouched("mine");
  after(milliseconds(11));
  EXPECT_EQ(Journal{"after"}, journal);
  EXPECT_EQ(1u, dog_.figures().failed_actions);
  EXPECT_THROW(dog_.on(GuardDogEvent::Miss, nullptr), std::invalid_argument);
}

TEST_F(GuardDogTest, W3_StoppedTwiceItIsStopped) {
  LibeventDispatcher dispatcher("worker");
  dog_.stop();
  dog_.stop();
  EXPECT_THROW(dog_.watch(dispatcher), std::logic_error);
  EXPECT_THROW(dog_.watchTouched("late"), std::logic_error);
  WorkerPool pool(1);
  EXPECT_THROW(dog_.watch(pool), std::logic_error);
}

TEST_F(GuardDogTest, W3_WhatMakesNoSenseIsRefused) {
  const auto refuse = [this](const std::function<void(GuardDogOptions&)>& spoil) {
    GuardDogOptions bad = options();
    spoil(bad);
    EXPECT_THROW(GuardDog{bad}, std::invalid_argument);
  };
  refuse([](GuardDogOptions& bad) { bad.miss = milliseconds(21); });
  refuse([](GuardDogOptions& bad) { bad.kill = milliseconds(19); });
  refuse([](GuardDogOptions& bad) { bad.miss = milliseconds(-1); });
  refuse([](GuardDogOptions& bad) { bad.megamiss = milliseconds(-1); });
  refuse([](GuardDogOptions& bad) { bad.kill = milliseconds(-1); });
  refuse([](GuardDogOptions& bad) { bad.multikill = milliseconds(-1); });
  refuse([](GuardDogOptions& bad) { bad.interval = milliseconds(-1); });
  refuse([](GuardDogOptions& bad) { bad.kill_grace = milliseconds(-1); });
  refuse([](GuardDogOptions& bad) { bad.multikill_share = 1.1; });
#ifndef _WIN32
  refuse([](GuardDogOptions& bad) { bad.backtrace_signal = 9; });
#endif
  refuse([](GuardDogOptions& bad) { bad.miss = bad.megamiss = milliseconds(0); });
  EXPECT_THROW(dog_.watchTouched(std::string("my\0own", 6)), std::invalid_argument);
  EXPECT_THROW(dog_.watchTouched("\xff"), std::invalid_argument);
}

// With threads of its own.
GuardDogOptions eager() {
  GuardDogOptions options;
  options.miss = milliseconds(2);
  options.megamiss = milliseconds(4);
  options.interval = milliseconds(1);
  return options;
}

TEST(GuardDogThreadTest, W3_ActionMayDestroyItsGuardDog) {
  auto dog = std::make_unique<GuardDog>(eager());
  Event destroyed;
  const auto watch = dog->watchTouched("mine");
  dog->on(GuardDogEvent::Miss, [&](const GuardDogReport&) {
    dog.reset();
    destroyed.set();
  });
  destroyed.wait();
}

TEST(GuardDogDeathTest, W3_KillEndsTheProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto be_killed = [] {
    GuardDogOptions options = eager();
    options.kill = milliseconds(5);
    GuardDog dog(options);
    const auto watch = dog.watchTouched("mine");
    Event never;
    never.wait();
  };
  EXPECT_DEATH(be_killed(), "guard dog: kill: mine has been stuck for");
}

}  // namespace
}  // namespace mcp_event_test
