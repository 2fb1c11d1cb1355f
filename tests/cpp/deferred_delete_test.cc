#include "support.h"

namespace mcp_event_test {
namespace {

class DeferredDelete : public testing::Test {
 protected:
  DeferredDeletablePtr recorded(const std::string& name) {
    return deletable([this, name] { journal_.push_back(name); });
  }

  Journal journal_;
  LibeventDispatcher dispatcher_{"deferred"};
};

TEST_F(DeferredDelete, D1_NeverInsideTheCallNorUnderTheCallingCallback) {
  bool destroyed_under_callback = true;
  dispatcher_.post([&] {
    dispatcher_.deferredDelete(recorded("object"));
    destroyed_under_callback = !journal_.empty();
  });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_FALSE(destroyed_under_callback);
  EXPECT_EQ((Journal{"object"}), journal_);
}

TEST_F(DeferredDelete, D2_InTheOrderOfTheCalls) {
  for (const char* name : {"1", "2", "3"}) {
    dispatcher_.deferredDelete(recorded(name));
  }
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"1", "2", "3"}), journal_);
}

TEST_F(DeferredDelete, D3_InTheTailOfTheSameIteration) {
  const TimerPtr timer = dispatcher_.createTimer([&] {
    dispatcher_.deferredDelete(recorded("object"));
    dispatcher_.exit();
  });
  timer->enableTimer(milliseconds(0));
  runUntilExit(dispatcher_);
  EXPECT_EQ((Journal{"object"}), journal_);
}

TEST_F(DeferredDelete, D4_DeferredByADestructorIsTheNextBatch) {
  dispatcher_.deferredDelete(deletable([this] {
    dispatcher_.deferredDelete(recorded("inner"));
    journal_.push_back("outer");
  }));
  dispatcher_.deferredDelete(recorded("sibling"));
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"outer", "sibling", "inner"}), journal_);
}

TEST_F(DeferredDelete, D5_ClearIsSynchronousAlsoBeforeRun) {
  dispatcher_.deferredDelete(recorded("object"));
  dispatcher_.clearDeferredDeleteList();
  EXPECT_EQ((Journal{"object"}), journal_);
}

TEST_F(DeferredDelete, D5_ClearWithinAFlushDoesNothing) {
  dispatcher_.deferredDelete(deletable([this] {
    dispatcher_.clearDeferredDeleteList();
    journal_.push_back("first");
  }));
  dispatcher_.deferredDelete(recorded("second"));
  dispatcher_.clearDeferredDeleteList();
  EXPECT_EQ((Journal{"first", "second"}), journal_);
}

TEST_F(DeferredDelete, D7_NullIsIgnored) {
  dispatcher_.deferredDelete(nullptr);
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ(0u, loopStats(dispatcher_).deferred_deletes);
}

TEST_F(DeferredDelete, D8_FromAnotherThreadDiesOnTheLoop) {
  LoopThread loop(dispatcher_);
  std::thread::id died_on;
  Event died;
  dispatcher_.deferredDelete(deletable([&] {
    died_on = std::this_thread::get_id();
    died.set();
  }));
  died.wait();
  EXPECT_EQ(loop.id(), died_on);
}

TEST_F(DeferredDelete, D9_ShutdownFlushesInOrderUntilStable) {
  bool post_destroyed = false;
  dispatcher_.deferredDelete(deletable([&] {
    journal_.push_back("1");
    dispatcher_.deferredDelete(recorded("3"));
    dispatcher_.post([capture = atDestruction([&] { post_destroyed = true; })] {});
  }));
  dispatcher_.deferredDelete(recorded("2"));
  dispatcher_.shutdown();
  EXPECT_EQ((Journal{"1", "2", "3"}), journal_);
  EXPECT_TRUE(post_destroyed);
}

TEST_F(DeferredDelete, D9_DestructionFlushesWhatDestructorsDefer) {
  {
    LibeventDispatcher dispatcher("short-lived");
    dispatcher.deferredDelete(deletable([&] {
      journal_.push_back("1");
      dispatcher.deferredDelete(recorded("2"));
      const TimerPtr timer = dispatcher.createTimer([] {});
      timer->enableTimer(milliseconds(1));
    }));
  }
  EXPECT_EQ((Journal{"1", "2"}), journal_);
}

TEST_F(DeferredDelete, StillAcceptedAfterShutdown) {
  dispatcher_.shutdown();
  dispatcher_.deferredDelete(recorded("object"));
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ((Journal{"object"}), journal_);
}

// An object that owns itself, and gives itself away.
class SelfOwned : public DeferredDeletable {
 public:
  explicit SelfOwned(Event& died) : died_(died), self_(this) {}
  ~SelfOwned() override { died_.set(); }
  void deferTo(Dispatcher& dispatcher) { dispatcher.deferredDelete(std::move(self_)); }

 private:
  Event& died_;
  DeferredDeletablePtr self_;
};

TEST_F(DeferredDelete, AnObjectThatHoldsThePointerToItself) {
  LoopThread loop(dispatcher_);
  Event died;
  auto* const object = new SelfOwned(died);
  object->deferTo(dispatcher_);
  died.wait();
}

}  // namespace
}  // namespace mcp_event_test
