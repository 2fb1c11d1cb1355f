#include <pthread.h>

#include <atomic>
#include <stdexcept>

#include "support.h"

namespace mcp_event_test {
namespace {

// Makes what `make` returns.
class FunctionDispatcherFactory : public DispatcherFactory {
 public:
  explicit FunctionDispatcherFactory(std::function<DispatcherPtr(const std::string&)> make)
      : make_(std::move(make)) {}
  DispatcherPtr createDispatcher(const std::string& name) override { return make_(name); }
  const std::string& backendName() const override { return backend_name_; }

 private:
  const std::function<DispatcherPtr(const std::string&)> make_;
  const std::string backend_name_ = "function";
};

std::string threadName() {
  char name[32] = "";
  pthread_getname_np(pthread_self(), name, sizeof(name));
  return name;
}

// Runs `call` on the worker and waits for it.
void runThere(Worker& worker, const std::function<void()>& call) {
  Event ran;
  worker.dispatcher().post([&] {
    call();
    ran.set();
  });
  ran.wait();
}

class WorkerTest : public testing::Test {
 protected:
  ~WorkerTest() override { setWorkerExceptionHandler(nullptr); }

  WorkerPtr create(uint32_t index = 3) { return workers_->createWorker(index, *dispatchers_); }
  // A worker on a dispatcher of the user's own, which goes to `out`.
  WorkerPtr createForeign(ForeignDispatcher*& out) {
    FunctionDispatcherFactory factory([&](const std::string& name) {
      auto dispatcher = std::make_unique<ForeignDispatcher>(name);
      out = dispatcher.get();
      return dispatcher;
    });
    return workers_->createWorker(3, factory);
  }

  const DispatcherFactoryPtr dispatchers_ = createLibeventDispatcherFactory();
  const WorkerFactoryPtr workers_ = createDefaultWorkerFactory();
};

TEST_F(WorkerTest, O1_WorkerDispatcherAndThreadAreNamedAfterTheIndex) {
  const WorkerPtr worker = create(7);
  EXPECT_EQ("worker_7", worker->dispatcher().name());
  worker->start();
  std::string name;
  runThere(*worker, [&] { name = threadName(); });
  EXPECT_EQ("worker_7", name);
}

TEST_F(WorkerTest, O1_AThreadsNameIsCutToWhatFits) {
  const WorkerPtr worker = create(4294967295u);
  EXPECT_EQ("worker_4294967295", worker->dispatcher().name());
  worker->start();
  std::string name;
  runThere(*worker, [&] { name = threadName(); });
  EXPECT_EQ("worker_42949672", name);
}

TEST_F(WorkerTest, O1_WhatIsQueuedDiesOnTheWorkersThread) {
  const WorkerPtr worker = create();
  worker->start();
  std::thread::id worker_thread;
  std::vector<std::thread::id> died_on;
  const auto record = [&] { died_on.push_back(std::this_thread::get_id()); };
  runThere(*worker, [&] {
    worker_thread = std::this_thread::get_id();
    worker->stop();
    worker->dispatcher().post([capture = atDestruction(record)] { ADD_FAILURE() << "queued after exit()"; });
    worker->dispatcher().deferredDelete(deletable(record));
  });
  worker->stop();
  EXPECT_EQ((std::vector<std::thread::id>{worker_thread, worker_thread}), died_on);
}

TEST_F(WorkerTest, O1_StartRegistersTheGuardDog) {
  ForeignDispatcher* dispatcher = nullptr;
  const WorkerPtr worker = createForeign(dispatcher);
  const WatchDogSharedPtr dog = createWatchDog(std::this_thread::get_id());
  worker->start(dog);
  EXPECT_EQ(seconds(5), dispatcher->watchdog_interval);
  EXPECT_GT(dog.use_count(), 1);
  worker->stop();
  EXPECT_EQ(1, dog.use_count());
}

TEST_F(WorkerTest, O2_StopIsIdempotentAndAStoppedWorkerStartsAgain) {
  const WorkerPtr worker = create();
  worker->stop();
  for (int i = 0; i < 20; ++i) {
    worker->start();
    if (i % 2 == 0) {
      runThere(*worker, [] {});
    }
    worker->stop();
    worker->stop();
  }
}

TEST_F(WorkerTest, O2_StopFromItsOwnThreadThenStartedAgain) {
  const WorkerPtr worker = create();
  for (int i = 0; i < 20; ++i) {
    worker->start();
    runThere(*worker, [&] {
      worker->stop();
      worker->stop();
    });
  }
  worker->stop();
}

TEST_F(WorkerTest, O2_StartOnTheThreadThatIsStoppingIsRefused) {
  const WorkerPtr worker = create();
  worker->start();
  runThere(*worker, [&] {
    worker->start();
    worker->stop();
    EXPECT_THROW(worker->start(), std::logic_error);
  });
}

TEST_F(WorkerTest, O2_ASecondStartDoesNothing) {
  ForeignDispatcher* dispatcher = nullptr;
  const WorkerPtr worker = createForeign(dispatcher);
  worker->start();
  worker->start();
  runThere(*worker, [] {});
  EXPECT_EQ(1, dispatcher->runs);
}

TEST_F(WorkerTest, O2_StartDiscardsAnExitFromBefore) {
  const WorkerPtr worker = create();
  worker->dispatcher().exit();
  worker->start();
  for (int i = 0; i < 3; ++i) {
    runThere(*worker, [] {});
  }
}

TEST_F(WorkerTest, O2_StartAndStopFromManyThreads) {
  const WorkerPtr worker = create();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        if ((i + t) % 2 == 0) {
          worker->start();
        } else {
          worker->stop();
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  worker->start();
  runThere(*worker, [] {});
}

TEST_F(WorkerTest, O4_StartReturnsOnceTheThreadOwnsTheLoopBeforeQueuedPosts) {
  const WorkerPtr worker = create();
  Event started;
  bool start_had_returned = false;
  worker->dispatcher().post([&] { start_had_returned = started.wait(); });
  worker->start();
  EXPECT_THROW(worker->dispatcher().run(RunType::NonBlock), std::logic_error);
  started.set();
  runThere(*worker, [] {});
  EXPECT_TRUE(start_had_returned);
}

TEST_F(WorkerTest, O4_WithADispatcherOfTheUsersOwn) {
  ForeignDispatcher* dispatcher = nullptr;
  const WorkerPtr worker = createForeign(dispatcher);
  Event started;
  dispatcher->on_run = [&] { started.wait(); };
  worker->start();
  started.set();
  std::thread::id ran_on;
  runThere(*worker, [&] { ran_on = std::this_thread::get_id(); });
  EXPECT_NE(std::this_thread::get_id(), ran_on);
}

TEST_F(WorkerTest, R6_RunOnAWorkersDispatcherWaitsForIt) {
  const WorkerPtr worker = create();
  worker->start();
  std::thread other([&] { worker->dispatcher().run(RunType::Block); });
  runThere(*worker, [] {});
  worker->stop();
  worker->dispatcher().exit();
  other.join();
}

TEST_F(WorkerTest, StartWaitsForALoopThatSomebodyElseRuns) {
  const WorkerPtr worker = create();
  Event running;
  worker->dispatcher().post([&] { running.set(); });
  std::thread other([&] { worker->dispatcher().run(RunType::Block); });
  running.wait();
  std::thread stopper([&] { worker->dispatcher().exit(); });
  worker->start();
  stopper.join();
  other.join();
  runThere(*worker, [] {});
}

TEST_F(WorkerTest, DestroyedOnItsOwnThread) {
  WorkerPtr worker = create();
  worker->start();
  Event died;
  std::thread::id worker_thread;
  std::thread::id died_on;
  Dispatcher& dispatcher = worker->dispatcher();
  dispatcher.post([&] {
    worker_thread = std::this_thread::get_id();
    dispatcher.exit();
    dispatcher.post([capture = atDestruction([&] {
                       died_on = std::this_thread::get_id();
                       died.set();
                     })] {});
    worker.reset();
  });
  died.wait();
  EXPECT_EQ(worker_thread, died_on);
}

TEST_F(WorkerTest, TwoWorkersStopEachOther) {
  for (int i = 0; i < 20; ++i) {
    const WorkerPtr a = create(0);
    const WorkerPtr b = create(1);
    a->start();
    b->start();
    Event a_stops;
    Event b_stops;
    a->dispatcher().post([&] {
      a_stops.set();
      b_stops.wait();
      a->stop();
      b->stop();
    });
    b->dispatcher().post([&] {
      b_stops.set();
      a_stops.wait();
      a->stop();
      b->stop();
    });
    a_stops.wait();
    b_stops.wait();
    a->stop();
    b->stop();
  }
}

TEST_F(WorkerTest, P11_TheHandlerGetsWhatACallbackThrowsAndTheLoopGoesOn) {
  std::string who;
  std::string what;
  setWorkerExceptionHandler([&](const std::string& worker, std::exception_ptr exception) {
    who = worker;
    try {
      std::rethrow_exception(exception);
    } catch (const std::exception& e) {
      what = e.what();
    }
  });
  const WorkerPtr worker = create(5);
  worker->start();
  worker->dispatcher().post([] { throw std::runtime_error("boom"); });
  runThere(*worker, [] {});
  worker->stop();
  EXPECT_EQ("worker_5", who);
  EXPECT_EQ("boom", what);
}

TEST_F(WorkerTest, P11_AHandlerMayStopTheWorker) {
  const WorkerPtr worker = create();
  Event handled;
  setWorkerExceptionHandler([&](const std::string&, std::exception_ptr) {
    worker->stop();
    handled.set();
  });
  worker->start();
  worker->dispatcher().post([] { throw 1; });
  handled.wait();
  worker->stop();
}

TEST_F(WorkerTest, P11_ADispatcherThatCannotRunEndsTheThread) {
  ForeignDispatcher* dispatcher = nullptr;
  const WorkerPtr worker = createForeign(dispatcher);
  std::atomic<int> handled{0};
  setWorkerExceptionHandler([&](const std::string&, std::exception_ptr) { ++handled; });
  dispatcher->on_run = [&] {
    if (dispatcher->runs == 1) {
      throw std::runtime_error("cannot run");
    }
  };
  while (dispatcher->runs < 2) {
    worker->start();
  }
  runThere(*worker, [] {});
  EXPECT_EQ(1, handled);
}

using WorkerDeathTest = WorkerTest;

TEST_F(WorkerDeathTest, P11_WithoutAHandlerTheProcessEndsAndTellsWhy) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        const WorkerPtr worker = create(6);
        worker->start();
        worker->dispatcher().post([] { throw std::runtime_error("boom"); });
        worker->stop();
      },
      "worker_6.*runtime_error.*boom");
}

TEST_F(WorkerTest, AFailedStartLeavesAWorkerThatCanStart) {
  struct Refusing : ForeignDispatcher {
    using ForeignDispatcher::ForeignDispatcher;
    void registerWatchdog(const WatchDogSharedPtr&, milliseconds) override {
      throw std::runtime_error("no dogs");
    }
  };
  FunctionDispatcherFactory factory([](const std::string& name) { return std::make_unique<Refusing>(name); });
  const WorkerPtr worker = workers_->createWorker(0, factory);
  EXPECT_THROW(worker->start(createWatchDog(std::this_thread::get_id())), std::runtime_error);
  worker->start();
  runThere(*worker, [] {});
}

TEST_F(WorkerTest, AFactoryThatReturnsNullOrThrows) {
  FunctionDispatcherFactory null_factory([](const std::string&) { return nullptr; });
  try {
    workers_->createWorker(4, null_factory);
    ADD_FAILURE() << "it did not throw";
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::string::npos, std::string(e.what()).find("worker_4")) << e.what();
  }
  FunctionDispatcherFactory throwing_factory(
      [](const std::string&) -> DispatcherPtr { throw std::runtime_error("no dispatchers"); });
  EXPECT_THROW(workers_->createWorker(0, throwing_factory), std::runtime_error);
}

}  // namespace
}  // namespace mcp_event_test
