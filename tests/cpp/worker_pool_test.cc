#include "mcp/event/worker_pool.h"

#ifdef _WIN32
#include <winsock2.h>
#else
#include <pthread.h>
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <stdexcept>

#include "support.h"

namespace mcp_event_test {
namespace {

// Keeps a loop inside one callback until it is opened.
class Gate {
 public:
  explicit Gate(Dispatcher& dispatcher) {
    dispatcher.post([this] {
      entered_.set();
      open_.wait();
      left_.set();
    });
    entered_.wait();
  }
  ~Gate() {
    open_.set();
    left_.wait();
  }

 private:
  Event entered_;
  Event open_;
  Event left_;
};

std::thread::id threadOf(Dispatcher& dispatcher) {
  std::promise<std::thread::id> thread;
  dispatcher.post([&] { thread.set_value(std::this_thread::get_id()); });
  return thread.get_future().get();
}

template <typename Configure>
std::string refusal(Configure configure) {
  WorkerPoolOptions options;
  configure(options);
  try {
    const WorkerPool pool(options);
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "accepted";
}

TEST(WorkerPool, O3_AnEmptyPool) {
  WorkerPool pool(0);
  pool.start();
  EXPECT_EQ(pool.size(), 0u);
  EXPECT_THROW(pool.nextDispatcher(), std::out_of_range);
  EXPECT_THROW(pool.dispatcher(0), std::out_of_range);
  EXPECT_THROW(pool.dispatcherFor("key"), std::out_of_range);
  EXPECT_THROW(pool.execute([] {}), std::out_of_range);
  EXPECT_THROW(pool.submit([] {}), std::out_of_range);
}

TEST(WorkerPool, O5_SettingsThatMakeNoSense) {
  EXPECT_NE(refusal([](WorkerPoolOptions& options) {
              options.min_workers = 3;
              options.max_workers = 2;
            }),
            "accepted");
  const std::string foreign_cpu = refusal([](WorkerPoolOptions& options) { options.cpus = {100000}; });
  EXPECT_NE(foreign_cpu.find("100000"), std::string::npos) << foreign_cpu;
  EXPECT_NE(refusal([](WorkerPoolOptions& options) { options.stack_size = 1; }), "accepted");
  EXPECT_NE(refusal([](WorkerPoolOptions& options) { options.policy = static_cast<PoolPolicy>(3); }),
            "accepted");
  EXPECT_NE(refusal([](WorkerPoolOptions& options) { options.backend = "none such"; }), "accepted");
  EXPECT_NE(refusal([](WorkerPoolOptions& options) {
              options.max_workers = 2;
              options.low_mark = 0.9;
              options.high_mark = 0.1;
            }),
            "accepted");
  EXPECT_NE(refusal([](WorkerPoolOptions& options) {
              options.max_workers = 2;
              options.grow_after = microseconds(-1);
            }),
            "accepted");
}

TEST(WorkerPool, O5_ItsDispatchersAreOursByName) {
  WorkerPoolOptions options;
  options.min_workers = 2;
  options.name_prefix = "reader_";
  WorkerPool pool(options);
  pool.start();
  ASSERT_EQ(pool.size(), 2u);
  EXPECT_EQ(pool.dispatcher(1).name(), "reader_1");
  EXPECT_EQ(&pool.dispatcher(1), &pool.dispatcher(1));
  std::set<Dispatcher*> next{&pool.nextDispatcher(), &pool.nextDispatcher()};
  EXPECT_EQ(next.size(), 2u);
  EXPECT_NE(threadOf(pool.dispatcher(0)), threadOf(pool.dispatcher(1)));
  // All that a dispatcher does.
  Event fired;
  const TimerPtr timer = pool.dispatcher(0).createTimer([&] { fired.set(); });
  timer->enableTimer(milliseconds(0));
  fired.wait();
  EXPECT_FALSE(backendName(pool.dispatcher(0)).empty());
}

#ifdef _WIN32

// The CPUs that the calling thread may run on.
std::set<size_t> allowedCpus() {
  const HANDLE thread = GetCurrentThread();
  GROUP_AFFINITY allowed = {};
  EXPECT_NE(0, GetThreadGroupAffinity(thread, &allowed));
  std::set<size_t> cpus;
  for (size_t cpu = 0; cpu < 64; ++cpu) {
    if ((allowed.Mask >> cpu & 1) != 0) {
      cpus.insert(64 * allowed.Group + cpu);
    }
  }
  return cpus;
}

#else

std::set<size_t> allowedCpus() {
  cpu_set_t allowed;
  EXPECT_EQ(0, sched_getaffinity(0, sizeof allowed, &allowed));
  std::set<size_t> cpus;
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) {
      cpus.insert(cpu);
    }
  }
  return cpus;
}

void expectThread(const char* expected_name, size_t stack_size) {
  char name[16];
  EXPECT_EQ(0, pthread_getname_np(pthread_self(), name, sizeof name));
  EXPECT_STREQ(expected_name, name);
  pthread_attr_t attributes;
  size_t stack = 0;
  EXPECT_EQ(0, pthread_getattr_np(pthread_self(), &attributes));
  EXPECT_EQ(0, pthread_attr_getstacksize(&attributes, &stack));
  EXPECT_EQ(0, pthread_attr_destroy(&attributes));
  EXPECT_TRUE(stack >= stack_size && stack < 4 * stack_size) << stack;
}

#endif

TEST(WorkerPool, O5_ItsThreadsAreAsTheyWereAskedFor) {
  const size_t cpu = *allowedCpus().begin();
  WorkerPoolOptions options;
  options.min_workers = 1;
  options.name_prefix = "pinned_";
  options.stack_size = 256 * 1024;
  options.cpus = {cpu};
  WorkerPool pool(options);
  pool.start();
  pool.submit([cpu] {
        EXPECT_EQ(std::set<size_t>{cpu}, allowedCpus());
#ifndef _WIN32
        expectThread("pinned_0", 256 * 1024);
#endif
      })
      .get();
}

TEST(WorkerPool, O5_TheLeastLoadedIsNext) {
  WorkerPool pool(2);
  pool.start();
  pool.setPolicy(PoolPolicy::LeastLoaded);
  const Gate busy(pool.dispatcher(0));
  // It has more to do than one that is only awake.
  pool.dispatcher(0).post([] {});
  Dispatcher* const idle = &pool.dispatcher(1);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(&pool.nextDispatcher(), idle);
  }
  EXPECT_THROW(pool.setPolicy(static_cast<PoolPolicy>(-1)), std::invalid_argument);
}

TEST(WorkerPool, O5_AKeyStaysWithItsWorker) {
  WorkerPool pool(4);
  std::set<Dispatcher*> used;
  for (int i = 0; i < 100; ++i) {
    const std::string key = "session " + std::to_string(i);
    Dispatcher& first = pool.dispatcherFor(key);
    EXPECT_EQ(&first, &pool.dispatcherFor(key));
    used.insert(&first);
  }
  EXPECT_GT(used.size(), 1u);
}

TEST(WorkerPool, O9_AFutureOfTheOutcome) {
  WorkerPool pool(2);
  pool.start();
  EXPECT_EQ(pool.submit([] { return 42; }).get(), 42);
  // A closure that can only be moved, and one that is a function object of the caller's.
  auto owned = std::make_unique<int>(7);
  EXPECT_EQ(pool.submit([owned = std::move(owned)] { return *owned; }).get(), 7);
  const std::function<std::string()> say = [] { return std::string("said"); };
  EXPECT_EQ(pool.submit(say).get(), "said");
  pool.submit([] {}).get();
}

TEST(WorkerPool, O9_WhatItThrowsIsTheFutures) {
  WorkerPool pool(1);
  pool.start();
  std::future<int> failed = pool.submit([]() -> int { throw std::domain_error("in a task"); });
  EXPECT_THROW(failed.get(), std::domain_error);
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
}

TEST(WorkerPool, O9_WhatAnExecutedOneThrowsGoesToTheHandler) {
  std::promise<std::pair<std::string, std::string>> told;
  setWorkerExceptionHandler([&](const std::string& worker, std::exception_ptr exception) {
    try {
      std::rethrow_exception(std::move(exception));
    } catch (const std::domain_error& e) {
      told.set_value({worker, e.what()});
    }
  });
  WorkerPool pool(1);
  pool.start();
  pool.execute([] { throw std::domain_error("nobody waits"); });
  EXPECT_EQ(told.get_future().get(), (std::pair<std::string, std::string>("worker_0", "nobody waits")));
  // As from a post; and the worker goes on.
  told = {};
  pool.dispatcher(0).post([] { throw std::domain_error("in a post"); });
  EXPECT_EQ(told.get_future().get(), (std::pair<std::string, std::string>("worker_0", "in a post")));
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
  pool.stop();
  setWorkerExceptionHandler(nullptr);
}

TEST(WorkerPool, O9_WhoeverIsFreeDoesIt) {
  WorkerPool pool(2);
  pool.start();
  const Gate busy(pool.dispatcher(0));
  const std::thread::id free = threadOf(pool.dispatcher(1));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(pool.submit([] { return std::this_thread::get_id(); }).get(), free);
  }
  EXPECT_EQ(pool.tasksWaiting(), 0u);
}

TEST(WorkerPool, O9_RefusedUnlessStarted) {
  WorkerPool pool(1);
  auto counted = std::make_shared<int>(0);
  EXPECT_THROW(pool.execute([counted] {}), std::logic_error);
  pool.start();
  std::atomic<int> ran{0};
  {
    const Gate busy(pool.dispatcher(0));
    for (int i = 0; i < 3; ++i) {
      pool.execute([&] { ++ran; });
    }
    EXPECT_EQ(pool.tasksWaiting(), 3u);
  }
  pool.stop();
  EXPECT_EQ(ran, 3);
  EXPECT_THROW(pool.submit([counted] {}), std::logic_error);
  EXPECT_EQ(counted.use_count(), 1);
  EXPECT_THROW(pool.execute(std::function<void()>()), std::invalid_argument);
  EXPECT_THROW(pool.submit(std::function<int()>()), std::invalid_argument);
  pool.start();
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
}

TEST(WorkerPool, AShutdownSaysWhatItDropped) {
  WorkerPool pool(1);
  pool.start();
  pool.execute([] {});
  WorkerPoolReport report = pool.shutdown(kGuard);
  EXPECT_TRUE(report.is_drained);
  EXPECT_EQ(report.submitted_dropped + report.posts_dropped + report.workers_stuck, 0u);
  pool.start();
  std::future<int> lost;
  {
    const Gate busy(pool.dispatcher(0));
    lost = pool.submit([] { return 1; });
    report = pool.shutdown(microseconds(0));
  }
  EXPECT_FALSE(report.is_drained);
  EXPECT_EQ(report.submitted_dropped, 1u);
  EXPECT_EQ(report.workers_stuck, 1u);
  EXPECT_THROW(lost.get(), std::future_error);
  EXPECT_THROW(pool.shutdown(microseconds(-1)), std::invalid_argument);
}

TEST(WorkerPool, AShutdownOnAWorkersThreadIsRefused) {
  WorkerPool pool(1);
  pool.start();
  std::future<WorkerPoolReport> refused = pool.submit([&] { return pool.shutdown(microseconds(0)); });
  EXPECT_THROW(refused.get(), std::logic_error);
}

class CountingWatchDog : public WatchDog {
 public:
  void touch() override { ++touches; }
  std::thread::id threadId() const override { return std::thread::id(); }
  std::chrono::steady_clock::time_point lastTouchTime() const override { return {}; }

  std::atomic<int> touches{0};
};

TEST(WorkerPool, W1_AllWorkersTouchAWatchdog) {
  const auto dog = std::make_shared<CountingWatchDog>();
  WorkerPool pool(2);
  pool.start();
  pool.registerWatchdog(dog, milliseconds(0));
  for (size_t i = 0; i < 2; ++i) {
    const int before = dog->touches;
    threadOf(pool.dispatcher(i));
    EXPECT_GT(dog->touches, before);
  }
  pool.registerWatchdog(nullptr, milliseconds(0));
  pool.stop();
  EXPECT_EQ(dog.use_count(), 1);
}

TEST(WorkerPool, O7_ItFollowsItsLoad) {
  SimulatedClock clock;
  WorkerPoolOptions options;
  options.min_workers = 1;
  options.max_workers = 2;
  options.high_mark = 0.3;
  options.low_mark = 0.1;
  options.grow_after = seconds(1);
  options.retire_after = seconds(1);
  options.cool_down = seconds(1);
  options.clock = &clock;
  WorkerPool pool(options);
  pool.start();
  EXPECT_EQ(pool.size(), 1u);
  // Time passes, as slowly as it takes the pool to see it.
  const auto pass_until = [&](size_t size) {
    while (pool.size() != size) {
      clock.advance(milliseconds(100));
      std::this_thread::yield();
    }
  };
  {
    const Gate held_up(pool.dispatcher(0));
    pass_until(2);
    EXPECT_EQ(pool.dispatcher(1).name(), "worker_1");
    threadOf(pool.dispatcher(1));
  }
  pass_until(1);
}

TEST(WorkerPool, Q3_TheFiguresOfAllWorkersAreSummed) {
  WorkerPool pool(2);
  for (size_t i = 0; i < pool.size(); ++i) {
    EXPECT_EQ(loopStats(pool.dispatcher(i)).loop_duration_us.count, 0u);
    pool.dispatcher(i).post([] {});
    pool.dispatcher(i).run(RunType::NonBlock);
  }
  const LoopStats first = loopStats(pool.dispatcher(0));
  const LoopStats second = loopStats(pool.dispatcher(1));
  const LoopStats all = pool.stats();
  EXPECT_EQ(all.posts_run, 2u);
  EXPECT_EQ(all.iterations, first.iterations + second.iterations);
  EXPECT_GE(all.loop_duration_us.count, 2u);
  EXPECT_EQ(all.loop_duration_us.count, first.loop_duration_us.count + second.loop_duration_us.count);
  EXPECT_EQ(WorkerPool(0).stats().iterations, 0u);
}

class PolicyOfAThreadPool : public ::testing::Test {
 protected:
  ThreadPoolPtr make(PoolPolicy policy, size_t size) {
    ThreadPoolPtr pool = createThreadPool(policy);
    pool->initialize(size, *dispatchers_, *workers_);
    pool->start();
    return pool;
  }

 private:
  const DispatcherFactoryPtr dispatchers_ = createPlatformDefaultDispatcherFactory();
  const WorkerFactoryPtr workers_ = createDefaultWorkerFactory();
};

TEST_F(PolicyOfAThreadPool, O5_RoundRobin) {
  const ThreadPoolPtr pool = make(PoolPolicy::RoundRobin, 3);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(&pool->nextWorker(), &pool->getWorker(i % 3));
  }
}

TEST_F(PolicyOfAThreadPool, O5_LeastLoaded) {
  const ThreadPoolPtr pool = make(PoolPolicy::LeastLoaded, 3);
  const Gate first(pool->getWorker(0).dispatcher());
  const Gate second(pool->getWorker(1).dispatcher());
  // They have more to do than one that is only awake.
  pool->getWorker(0).dispatcher().post([] {});
  pool->getWorker(1).dispatcher().post([] {});
  Worker* const idle = &pool->getWorker(2);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(&pool->nextWorker(), idle);
  }
}

TEST_F(PolicyOfAThreadPool, O5_PowerOfTwoChoices) {
  const ThreadPoolPtr pool = make(PoolPolicy::PowerOfTwoChoices, 2);
  std::set<Worker*> chosen;
  while (chosen.size() < 2) {
    chosen.insert(&pool->nextWorker());
  }
  const Gate busy(pool->getWorker(0).dispatcher());
  for (int i = 0; i < 100; ++i) {
    pool->getWorker(0).dispatcher().post([] {});
  }
  // The one with all that to do is chosen only where it is both.
  int idle = 0;
  for (int i = 0; i < 1000; ++i) {
    idle += &pool->nextWorker() == &pool->getWorker(1) ? 1 : 0;
  }
  EXPECT_GT(idle, 500);
}

TEST_F(PolicyOfAThreadPool, O5_StickyByKey) {
  const ThreadPoolPtr pool = make(PoolPolicy::RoundRobin, 4);
  std::set<Worker*> used;
  for (int i = 0; i < 100; ++i) {
    const std::string key = "session " + std::to_string(i);
    Worker& first = workerFor(*pool, key);
    EXPECT_EQ(&first, &workerFor(*pool, key));
    used.insert(&first);
  }
  EXPECT_GT(used.size(), 1u);
}

TEST_F(PolicyOfAThreadPool, W1_AllWorkersTouchAWatchdog) {
  const auto dog = std::make_shared<CountingWatchDog>();
  const ThreadPoolPtr pool = make(PoolPolicy::RoundRobin, 2);
  const auto touchesOf = [&](size_t worker) {
    const int before = dog->touches;
    threadOf(pool->getWorker(worker).dispatcher());
    return dog->touches - before;
  };
  registerWatchdog(*pool, dog, milliseconds::max());
  EXPECT_GT(touchesOf(0), 0);
  EXPECT_GT(touchesOf(1), 0);
  registerWatchdog(*pool, nullptr, milliseconds(0));
  EXPECT_EQ(touchesOf(0) + touchesOf(1), 0);
  EXPECT_EQ(dog.use_count(), 1);
  registerWatchdog(*pool, dog, milliseconds(0));
  pool->stop();
  EXPECT_EQ(dog.use_count(), 1);
}

TEST(ThreadPoolPolicy, O5_BadInput) {
  EXPECT_THROW(createThreadPool(static_cast<PoolPolicy>(7)), std::invalid_argument);
  const ThreadPoolPtr empty = createThreadPool(PoolPolicy::LeastLoaded);
  EXPECT_THROW(empty->nextWorker(), std::out_of_range);
  EXPECT_THROW(workerFor(*empty, "key"), std::out_of_range);
}

}  // namespace
}  // namespace mcp_event_test
