#include <atomic>
#include <csignal>

#include "support.h"

namespace mcp_event_test {
namespace {

class CountingWatchDog : public WatchDog {
 public:
  void touch() override { ++touches; }
  std::thread::id threadId() const override { return std::this_thread::get_id(); }
  std::chrono::steady_clock::time_point lastTouchTime() const override { return {}; }

  std::atomic<int> touches{0};
};

class WatchDogTest : public testing::Test {
 protected:
  // How often the dog is touched by one run(NonBlock).
  int touchesOfARun() {
    const int before = dog_->touches;
    dispatcher_->run(RunType::NonBlock);
    return dog_->touches - before;
  }

  const std::shared_ptr<CountingWatchDog> dog_ = std::make_shared<CountingWatchDog>();
  SimulatedClock clock_;
  const DispatcherPtr dispatcher_ = createDispatcher("watched", clock_);
};

TEST_F(WatchDogTest, W1_TouchedBeforeEveryCallback) {
  dispatcher_->registerWatchdog(dog_, milliseconds(0));
  EXPECT_EQ(0, touchesOfARun());

  dispatcher_->post([] {});
  dispatcher_->post([] {});
  EXPECT_EQ(2, touchesOfARun());

  const TimerPtr timer = dispatcher_->createTimer([] {});
  timer->enableTimer(milliseconds(0));
  EXPECT_EQ(1, touchesOfARun());

  const SchedulableCallbackPtr callback = dispatcher_->createSchedulableCallback([] {});
  callback->scheduleCallbackCurrentIteration();
  EXPECT_EQ(1, touchesOfARun());
  callback->scheduleCallbackNextIteration();
  EXPECT_EQ(1, touchesOfARun());

  const FdPair pair = FdPair::pipe();
  const FileEventPtr event = dispatcher_->createFileEvent(
      pair.far(), [](uint32_t) {}, FileTriggerType::Edge, kRead);
  pair.write("x");
  EXPECT_EQ(1, touchesOfARun());
}

TEST_F(WatchDogTest, D6_TouchedOncePerBatchOfDeletes) {
  dispatcher_->registerWatchdog(dog_, milliseconds(0));
  for (int i = 0; i < 5; ++i) {
    dispatcher_->deferredDelete(deletable([] {}));
  }
  EXPECT_EQ(1, touchesOfARun());
}

TEST_F(WatchDogTest, W1_TouchedByAnIdleLoopToo) {
  dispatcher_->registerWatchdog(dog_, milliseconds(100));
  touchesOfARun();
  int touches = 0;
  for (int i = 0; i < 10; ++i) {
    clock_.advance(milliseconds(100));
    touches += touchesOfARun();
  }
  EXPECT_GE(touches, 10);
}

TEST_F(WatchDogTest, NullEndsTheRegistration) {
  dispatcher_->registerWatchdog(dog_, milliseconds(100));
  dispatcher_->registerWatchdog(nullptr, milliseconds(100));
  EXPECT_EQ(1, dog_.use_count());
  dispatcher_->post([] {});
  clock_.advance(seconds(1));
  EXPECT_EQ(0, touchesOfARun());
  dispatcher_->registerWatchdog(nullptr, milliseconds(100));
}

TEST_F(WatchDogTest, SharedUntilTheNextRegistrationOrShutdown) {
  dispatcher_->registerWatchdog(dog_, milliseconds(100));
  EXPECT_EQ(2, dog_.use_count());
  const auto other = std::make_shared<CountingWatchDog>();
  dispatcher_->registerWatchdog(other, milliseconds(100));
  EXPECT_EQ(1, dog_.use_count());
  dispatcher_->shutdown();
  EXPECT_EQ(1, other.use_count());
}

TEST_F(WatchDogTest, AnyInterval) {
  for (const milliseconds interval : {milliseconds(-1), milliseconds::min(), milliseconds::max()}) {
    dispatcher_->registerWatchdog(dog_, interval);
    dispatcher_->post([] {});
    EXPECT_EQ(1, touchesOfARun());
  }
}

TEST_F(WatchDogTest, H1_RegisteredFromAnotherThread) {
  LoopThread loop(*dispatcher_);
  dispatcher_->registerWatchdog(dog_, milliseconds(0));
  loop.runThere([] {});
  EXPECT_GE(dog_->touches, 1);
  dispatcher_->registerWatchdog(nullptr, milliseconds(0));
}

TEST_F(WatchDogTest, W2_StoresTheTimeOfATouch) {
  const auto before = std::chrono::steady_clock::now();
  const WatchDogSharedPtr watch_dog = createWatchDog(std::this_thread::get_id());
  EXPECT_EQ(std::this_thread::get_id(), watch_dog->threadId());
  EXPECT_LE(before, watch_dog->lastTouchTime());
  const auto between = std::chrono::steady_clock::now();
  watch_dog->touch();
  EXPECT_LE(between, watch_dog->lastTouchTime());
  EXPECT_LE(watch_dog->lastTouchTime(), std::chrono::steady_clock::now());
}

}  // namespace
}  // namespace mcp_event_test
