#include <algorithm>
#include <atomic>
#include <set>
#include <stdexcept>

#include "support.h"

namespace mcp_event_test {
namespace {

// A worker of the user's own, which records what is asked of it.
class RecordingWorker : public Worker {
 public:
  RecordingWorker(const std::string& name, Journal& journal, bool fails)
      : name_(name), journal_(journal), fails_(fails), dispatcher_(name) {}
  ~RecordingWorker() override { journal_.push_back("gone " + name_); }

  void start(WatchDogSharedPtr) override {
    if (fails_) {
      throw std::runtime_error(name_ + " fails");
    }
    journal_.push_back("start " + name_);
  }
  void stop() override { journal_.push_back("stop " + name_); }
  Dispatcher& dispatcher() override { return dispatcher_; }

 private:
  const std::string name_;
  Journal& journal_;
  const bool fails_;
  LibeventDispatcher dispatcher_;
};

class RecordingWorkerFactory : public WorkerFactory {
 public:
  WorkerPtr createWorker(uint32_t index, DispatcherFactory&) override {
    if (index == throws_at) {
      throw std::runtime_error("no worker");
    }
    if (index == null_at) {
      return nullptr;
    }
    return std::make_unique<RecordingWorker>(std::to_string(index), journal, index == fails_at);
  }

  static constexpr uint32_t kNever = 1000;
  uint32_t throws_at = kNever;
  uint32_t null_at = kNever;
  uint32_t fails_at = kNever;
  Journal journal;
};

// Dispatchers of the user's own.
class ForeignDispatcherFactory : public DispatcherFactory {
 public:
  DispatcherPtr createDispatcher(const std::string& name) override {
    return std::make_unique<ForeignDispatcher>(name);
  }
  const std::string& backendName() const override { return backend_name_; }

 private:
  const std::string backend_name_ = "foreign";
};

class Pool : public testing::Test {
 protected:
  void initialize(size_t num_threads) { pool_->initialize(num_threads, *dispatchers_, *workers_); }
  // Runs a post on every worker; the threads they ran on.
  std::set<std::thread::id> threads() {
    std::set<std::thread::id> ids;
    for (size_t i = 0; i < pool_->size(); ++i) {
      Event ran;
      pool_->getWorker(i).dispatcher().post([&] {
        ids.insert(std::this_thread::get_id());
        ran.set();
      });
      ran.wait();
    }
    return ids;
  }

  const DispatcherFactoryPtr dispatchers_ = createLibeventDispatcherFactory();
  const WorkerFactoryPtr workers_ = createDefaultWorkerFactory();
  RecordingWorkerFactory recording_;
  ThreadPoolPtr pool_ = createThreadPool();
};

TEST_F(Pool, RunsEachWorkerOnAThreadOfItsOwn) {
  initialize(3);
  EXPECT_EQ(3u, pool_->size());
  pool_->start();
  EXPECT_EQ(3u, threads().size());
  EXPECT_EQ("worker_2", pool_->getWorker(2).dispatcher().name());
  pool_->stop();
}

TEST_F(Pool, O3_AnEmptyPoolAndAWrongIndex) {
  EXPECT_EQ(0u, pool_->size());
  EXPECT_THROW(pool_->nextWorker(), std::out_of_range);
  EXPECT_THROW(pool_->getWorker(0), std::out_of_range);
  pool_->start();
  pool_->stop();
  initialize(0);
  pool_->start();
  EXPECT_THROW(pool_->nextWorker(), std::out_of_range);
  pool_->stop();

  pool_ = createThreadPool();
  initialize(2);
  EXPECT_THROW(pool_->getWorker(2), std::out_of_range);
  EXPECT_THROW(pool_->getWorker(static_cast<size_t>(-1)), std::out_of_range);
}

TEST_F(Pool, O3_InitializeTwiceThrows) {
  initialize(1);
  EXPECT_THROW(initialize(1), std::logic_error);
  EXPECT_EQ(1u, pool_->size());
  pool_ = createThreadPool();
  initialize(0);
  EXPECT_THROW(initialize(1), std::logic_error);
}

TEST_F(Pool, O3_AnAbsurdNumberOfWorkers) {
  EXPECT_THROW(initialize(static_cast<size_t>(-1)), std::invalid_argument);
  EXPECT_EQ(0u, pool_->size());
}

TEST_F(Pool, O3_AFactoryThatFailsLeavesNothing) {
  recording_.throws_at = 2;
  EXPECT_THROW(pool_->initialize(3, *dispatchers_, recording_), std::runtime_error);
  EXPECT_EQ((Journal{"gone 0", "gone 1"}), recording_.journal);
  EXPECT_EQ(0u, pool_->size());

  recording_.throws_at = RecordingWorkerFactory::kNever;
  recording_.null_at = 1;
  EXPECT_THROW(pool_->initialize(3, *dispatchers_, recording_), std::invalid_argument);
  EXPECT_EQ(0u, pool_->size());

  recording_.null_at = RecordingWorkerFactory::kNever;
  pool_->initialize(3, *dispatchers_, recording_);
  EXPECT_EQ(3u, pool_->size());
}

TEST_F(Pool, O3_AFailedStartStopsThoseStarted) {
  recording_.fails_at = 2;
  pool_->initialize(4, *dispatchers_, recording_);
  EXPECT_THROW(pool_->start(), std::runtime_error);
  EXPECT_EQ((Journal{"start 0", "start 1", "stop 0", "stop 1"}), recording_.journal);
}

TEST_F(Pool, O3_StopIsIdempotentAndThePoolStartsAgain) {
  initialize(2);
  pool_->stop();
  for (int i = 0; i < 5; ++i) {
    pool_->start();
    pool_->start();
    EXPECT_EQ(2u, threads().size());
    pool_->stop();
    pool_->stop();
  }
}

TEST_F(Pool, O3_StopTellsAllBeforeItWaitsForAny) {
  ForeignDispatcherFactory factory;
  pool_->initialize(2, factory, *workers_);
  Event second_was_told;
  static_cast<ForeignDispatcher&>(pool_->getWorker(1).dispatcher()).on_exit = [&] { second_was_told.set(); };
  pool_->start();
  bool told = false;
  pool_->getWorker(0).dispatcher().post([&] { told = second_was_told.wait(); });
  pool_->stop();
  EXPECT_TRUE(told);
}

TEST_F(Pool, O3_TheDestructorStops) {
  std::atomic<bool> ran{false};
  initialize(2);
  pool_->start();
  pool_->getWorker(1).dispatcher().post([&] { ran = true; });
  pool_.reset();
  EXPECT_TRUE(ran);
}

TEST_F(Pool, O3_StoppedOnOneOfItsWorkers) {
  initialize(3);
  for (int i = 0; i < 10; ++i) {
    pool_->start();
    Event stopped;
    pool_->getWorker(1).dispatcher().post([&] {
      pool_->stop();
      stopped.set();
    });
    stopped.wait();
  }
}

TEST_F(Pool, O3_StoppedOnAllOfItsWorkersAtOnce) {
  initialize(3);
  for (int i = 0; i < 10; ++i) {
    pool_->start();
    std::atomic<int> stopping{0};
    for (size_t n = 0; n < 3; ++n) {
      pool_->getWorker(n).dispatcher().post([&] {
        ++stopping;
        while (stopping < 3) {
          std::this_thread::yield();
        }
        pool_->stop();
        ++stopping;
      });
    }
    while (stopping < 6) {
      std::this_thread::yield();
    }
  }
}

TEST_F(Pool, AWorkerStartedOnItsOwnIsStoppedToo) {
  initialize(2);
  pool_->getWorker(1).start();
  std::atomic<bool> ran{false};
  pool_->getWorker(1).dispatcher().post([&] { ran = true; });
  pool_->stop();
  EXPECT_TRUE(ran);
}

TEST_F(Pool, O5_RoundRobinFromAnyThread) {
  initialize(3);
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(&pool_->getWorker(static_cast<size_t>(i % 3)), &pool_->nextWorker());
  }
  std::atomic<int> first{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        first += &pool_->nextWorker() == &pool_->getWorker(0) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(100, first);
}

TEST_F(Pool, OnDispatchersOfTheUsersOwn) {
  ForeignDispatcherFactory factory;
  pool_->initialize(2, factory, *workers_);
  for (int i = 0; i < 3; ++i) {
    pool_->start();
    EXPECT_EQ(2u, threads().size());
    pool_->stop();
  }
}

TEST_F(Pool, PostsQueuedBeforeTheStartRun) {
  initialize(2);
  std::atomic<int> ran{0};
  for (int i = 0; i < 10; ++i) {
    pool_->nextWorker().dispatcher().post([&] { ++ran; });
  }
  pool_->start();
  threads();
  EXPECT_EQ(10, ran);
}

}  // namespace
}  // namespace mcp_event_test
