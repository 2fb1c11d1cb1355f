// Actors from C++: messages, lives, failures, children, timers, names, systems.
#include "mcp/event/actor.h"

#include <stdexcept>
#include <type_traits>

#include "support.h"

namespace mcp_event_test {
namespace {

static_assert(!std::is_copy_constructible<Reply<int>>::value, "");
static_assert(std::is_nothrow_move_constructible<Reply<int>>::value, "");
static_assert(std::is_copy_constructible<ActorRef<int>>::value, "");
static_assert(!std::is_copy_constructible<ActorContext<int>>::value, "");

// A message that can only be moved, and counts the messages that live.
class Parcel {
 public:
  explicit Parcel(int content) : content_(std::make_unique<int>(content)) { ++living; }
  Parcel(Parcel&& other) noexcept : content_(std::move(other.content_)) { ++living; }
  Parcel& operator=(Parcel&&) noexcept = default;
  ~Parcel() { --living; }

  bool isWhole() const { return content_ != nullptr; }
  int content() const { return *content_; }

  static std::atomic<int> living;

 private:
  std::unique_ptr<int> content_;
};

std::atomic<int> Parcel::living{0};

// How an actor ends, awaited.
ActorReason awaitEnd(const AnyActorRef& actor) {
  const auto ended = std::make_shared<Event>();
  const auto reason = std::make_shared<ActorReason>();
  actor.whenEnded([=](const ActorReason& why) {
    *reason = why;
    ended->set();
  });
  ended->wait();
  return *reason;
}

// A system on one loop in simulated time that the test runs.
class ActorOnOneLoop : public testing::Test {
 protected:
  ActorOnOneLoop() { restart({}); }
  ~ActorOnOneLoop() override { end(); }

  void restart(ActorSystemOptions options) {
    end();
    options.dispatchers = {dispatcher_.get()};
    system_ = std::make_unique<ActorSystem>(options);
  }
  void end() {
    if (system_ != nullptr) {
      system_->beginStop();
      run();
      EXPECT_TRUE(system_->waitStopped(microseconds(0)));
      system_.reset();
    }
  }
  void run() { dispatcher_->run(RunType::NonBlock); }
  void pass(microseconds time) {
    clock_.advance(time);
    run();
  }

  // What actors write to until they end.
  Journal journal_;
  Journal bystanders_;
  SimulatedClock clock_;
  const DispatcherPtr dispatcher_ = createDispatcher("loop", clock_);
  std::unique_ptr<ActorSystem> system_;
};

TEST(ActorOnWorkers, HandlesEachMessageOnceAndInOrder) {
  constexpr int kMessages = 10000;
  ActorSystem system(2);
  std::vector<int> handled;
  const ActorRef<int> actor = system.spawn<int>([&](int message) { handled.push_back(message); });
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_EQ(TellResult::Accepted, actor.tell(i));
  }
  system.stop();
  ASSERT_EQ(static_cast<size_t>(kMessages), handled.size());
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_EQ(i, handled[i]);
  }
}

TEST(ActorOnWorkers, ManySendersLoseNothing) {
  constexpr int kEach = 2000;
  long long sum = 0;
  {
    ActorSystem system(2);
    ActorOptions options;
    options.mailbox = 16;
    const ActorRef<int> actor = system.spawn<int>([&](int message) { sum += message; }, options);
    std::vector<std::thread> senders;
    for (int i = 0; i < 4; ++i) {
      senders.emplace_back([actor] {
        for (int message = 1; message <= kEach; ++message) {
          EXPECT_EQ(TellResult::Accepted, actor.tellAndWait(message));
        }
      });
    }
    for (std::thread& sender : senders) {
      sender.join();
    }
  }
  EXPECT_EQ(4LL * kEach * (kEach + 1) / 2, sum);
}

TEST_F(ActorOnOneLoop, AMessageMayBeMoveOnlyAndIsDestroyedOnce) {
  ASSERT_EQ(0, Parcel::living);
  int sum = 0;
  const ActorRef<Parcel> actor = system_->spawn<Parcel>([&](Parcel parcel) { sum += parcel.content(); });
  Parcel sent(40);
  EXPECT_EQ(TellResult::Accepted, actor.tell(std::move(sent)));
  EXPECT_FALSE(sent.isWhole());
  EXPECT_EQ(TellResult::Accepted, actor.tell(Parcel(2)));
  EXPECT_EQ(2u, actor.queueDepth());
  run();
  EXPECT_EQ(42, sum);
  EXPECT_EQ(1, Parcel::living);
}

TEST_F(ActorOnOneLoop, ARefusedMessageIsLeftAsItWas) {
  ActorOptions options;
  options.mailbox = 1;
  const ActorRef<Parcel> actor = system_->spawn<Parcel>([](Parcel) {}, options);
  EXPECT_EQ(TellResult::Accepted, actor.tell(Parcel(1)));
  Parcel refused(2);
  EXPECT_EQ(TellResult::Full, actor.tell(std::move(refused)));
  ASSERT_TRUE(refused.isWhole());
  EXPECT_EQ(2, refused.content());
  run();
  EXPECT_EQ(TellResult::Accepted, actor.tell(std::move(refused)));
  actor.stop();
  Parcel late(3);
  EXPECT_EQ(TellResult::Stopped, actor.tell(std::move(late)));
  EXPECT_EQ(TellResult::Stopped, actor.tellAndWait(std::move(late)));
  EXPECT_TRUE(late.isWhole());
  run();
  EXPECT_EQ(2, Parcel::living);
}

TEST_F(ActorOnOneLoop, UnhandledMessagesAreDestroyed) {
  const ActorRef<Parcel> actor = system_->spawn<Parcel>([](Parcel) { FAIL(); });
  run();
  actor.tell(Parcel(1));
  actor.tell(Parcel(2));
  actor.stopNow();
  run();
  EXPECT_EQ(0, Parcel::living);
  EXPECT_EQ(ActorState::Stopped, actor.state());
}

TEST(ActorOnAGoneLoop, MessagesOfALoopThatIsShutDownAreDestroyed) {
  LibeventDispatcher dispatcher("gone");
  ActorSystemOptions options;
  options.dispatchers = {&dispatcher};
  ActorSystem system(options);
  const ActorRef<Parcel> actor = system.spawn<Parcel>([](Parcel) { FAIL(); });
  actor.tell(Parcel(1));
  dispatcher.shutdown();
  EXPECT_EQ(0, Parcel::living);
  Parcel late(2);
  EXPECT_EQ(TellResult::Stopped, actor.tell(std::move(late)));
  EXPECT_TRUE(late.isWhole());
}

// An actor that says what happens to it.
class Chronicler : public Actor<std::string> {
 public:
  Chronicler(Journal& journal, std::string name) : journal_(journal), name_(std::move(name)) { say("made"); }
  ~Chronicler() override { say("destroyed"); }

  void started(Context&) override { say("started"); }
  void handle(std::string message, Context& context) override {
    say(message);
    if (message == "fail") {
      throw std::runtime_error("as told");
    }
    if (message == "stop") {
      context.stop();
    }
  }
  void stopping(Context&) override { say("stopping"); }
  void stopped(const ActorReason& reason) override { say("stopped: " + reason.text); }

 private:
  void say(const std::string& what) { journal_.push_back(name_ + " " + what); }

  Journal& journal_;
  const std::string name_;
};

TEST_F(ActorOnOneLoop, TheTurnsOfALife) {
  const auto actor = system_->spawn(std::make_unique<Chronicler>(journal_, "a"));
  actor.tell("hello");
  actor.tell("stop");
  actor.tell("too late");
  run();
  EXPECT_EQ((Journal{"a made", "a started", "a hello", "a stop", "a stopping", "a stopped: it stopped itself",
                     "a destroyed"}),
            journal_);
  EXPECT_EQ(ActorReason::Kind::Normal, awaitEnd(actor).kind);
}

TEST_F(ActorOnOneLoop, AnExceptionEndsOneLifeAndTheNextBegins) {
  std::vector<ActorEvent> events;
  ActorSystemOptions options;
  options.on_event = [&](const ActorEvent& event) { events.push_back(event); };
  restart(options);
  ActorOptions named;
  named.name = "unlucky";
  const ActorRef<std::string> actor =
      system_->start([&] { return std::make_unique<Chronicler>(journal_, "a"); }, named);
  const ActorRef<std::string> bystander = system_->spawn(std::make_unique<Chronicler>(bystanders_, "b"));
  actor.tell("fail");
  actor.tell("hello");
  bystander.tell("hello");
  run();
  EXPECT_EQ((Journal{"a made", "a started", "a fail", "a destroyed", "a made", "a started", "a hello"}),
            journal_);
  EXPECT_EQ((Journal{"b made", "b started", "b hello"}), bystanders_);
  ASSERT_EQ(1u, events.size());
  EXPECT_EQ(ActorEvent::Kind::Failed, events[0].kind);
  EXPECT_EQ("unlucky", events[0].name);
  EXPECT_EQ(actor.id(), events[0].actor);
  EXPECT_TRUE(events[0].restarts);
  EXPECT_EQ(ActorReason::Kind::Error, events[0].reason.kind);
  EXPECT_NE(std::string::npos, events[0].reason.text.find("std::runtime_error: as told"));
  end();
}

TEST_F(ActorOnOneLoop, AnExceptionInHandleWithoutAFactoryIsTheEnd) {
  const auto actor = system_->spawn(std::make_unique<Chronicler>(journal_, "a"));
  actor.tell("fail");
  run();
  EXPECT_EQ((Journal{"a made", "a started", "a fail", "a destroyed"}), journal_);
  const ActorReason reason = awaitEnd(actor);
  EXPECT_TRUE(reason.is_failure);
  EXPECT_EQ(TellResult::Stopped, actor.tell("hello"));
}

TEST_F(ActorOnOneLoop, AnythingMayBeThrownAnywhere) {
  class Thrower : public Actor<int> {
   public:
    explicit Thrower(int where) : where_(where) {}
    void started(Context&) override { throwAt(0); }
    void handle(int, Context&) override { throwAt(1); }
    void stopping(Context&) override { throwAt(2); }
    void stopped(const ActorReason&) override { throwAt(3); }

   private:
    void throwAt(int where) const {
      if (where == where_) {
        throw where;
      }
    }
    const int where_;
  };
  for (int where = 0; where < 4; ++where) {
    const ActorRef<int> actor = system_->spawn(std::make_unique<Thrower>(where));
    actor.tell(1);
    run();
    actor.stop();
    run();
    // What stopped() throws is too late to change anything.
    EXPECT_EQ(where < 3 ? ActorReason::Kind::Error : ActorReason::Kind::Stopped, awaitEnd(actor).kind);
  }
}

TEST_F(ActorOnOneLoop, AFactoryMayFail) {
  int calls = 0;
  const auto actor = system_->start([&]() -> std::unique_ptr<Actor<int>> {
    if (++calls == 1) {
      throw std::runtime_error("not yet");
    }
    return nullptr;
  });
  run();
  // The first time, and three restarts.
  EXPECT_EQ(4, calls);
  EXPECT_NE(std::string::npos, awaitEnd(actor).text.find("null"));
}

TEST_F(ActorOnOneLoop, AFactoryIsDestroyedWithTheActor) {
  bool destroyed = false;
  system_->start([guard = atDestruction([&] { destroyed = true; })] {
    class Idle : public Actor<int> {
      void handle(int, Context&) override {}
    };
    return std::make_unique<Idle>();
  });
  run();
  EXPECT_FALSE(destroyed);
  end();
  EXPECT_TRUE(destroyed);
}

TEST_F(ActorOnOneLoop, WhatCannotBeMadeIsDestroyed) {
  ActorOptions options;
  options.name = "taken";
  const auto actor = system_->spawn(std::make_unique<Chronicler>(journal_, "a"), options);
  EXPECT_THROW(system_->spawn(std::make_unique<Chronicler>(journal_, "b"), options), std::runtime_error);
  EXPECT_EQ((Journal{"a made", "b made", "b destroyed"}), journal_);
  options.name.clear();
  options.placement = Placement::OnWorker;
  options.worker = 1;
  EXPECT_THROW(system_->spawn<int>([](int) {}, options), std::out_of_range);
  options.worker = 0;
  options.backoff.initial = microseconds(-1);
  EXPECT_THROW(system_->spawn<int>([](int) {}, options), std::invalid_argument);
  EXPECT_THROW(system_->spawn(std::unique_ptr<Chronicler>()), std::invalid_argument);
  EXPECT_THROW(system_->spawn<int>(std::function<void(int)>()), std::invalid_argument);
  system_->beginStop();
  EXPECT_THROW(system_->spawn<int>([](int) {}), std::logic_error);
}

TEST_F(ActorOnOneLoop, NamesAreFoundByThoseWhoKnowTheMessages) {
  ActorOptions options;
  options.name = "counter";
  const ActorRef<int> actor = system_->spawn<int>([](int) {}, options);
  EXPECT_EQ("counter", actor.name());
  EXPECT_EQ(actor.id(), system_->find<int>("counter").id());
  EXPECT_THROW(system_->find<std::string>("counter"), std::invalid_argument);
  EXPECT_THROW(system_->find<int>("nobody"), std::runtime_error);
  EXPECT_EQ("", system_->spawn<int>([](int) {}).name());
}

TEST_F(ActorOnOneLoop, ReferencesAreCopiedMovedAndMisused) {
  int sum = 0;
  ActorRef<int> actor = system_->spawn<int>([&](int message) { sum += message; });
  const ActorRef<int> copy = actor;
  const ActorRef<int> moved = std::move(actor);
  EXPECT_EQ(copy.id(), moved.id());
  copy.tell(1);
  moved.tell(2);
  run();
  EXPECT_EQ(3, sum);
  // NOLINTNEXTLINE: what was moved from says so.
  EXPECT_THROW(actor.tell(1), std::invalid_argument);
  EXPECT_THROW(actor.id(), std::invalid_argument);
  EXPECT_THROW(actor.stop(), std::invalid_argument);
  EXPECT_THROW(ActorRef<int>{actor}, std::invalid_argument);
  EXPECT_THROW(copy.whenEnded(nullptr), std::invalid_argument);
  actor = copy;
  EXPECT_EQ(copy.id(), actor.id());
}

TEST_F(ActorOnOneLoop, AnActorHasChildren) {
  std::unique_ptr<ActorRef<std::string>> child;
  const ActorRef<int> parent = system_->spawn<int>([&](int message, ActorContext<int>& context) {
    if (message == 0) {
      throw std::logic_error("enough");
    }
    ActorOptions options;
    options.name = "child";
    child = std::make_unique<ActorRef<std::string>>(
        context.spawn(std::make_unique<Chronicler>(journal_, "child"), options));
    EXPECT_EQ(child->id(), context.find<std::string>("child").id());
    context.spawn<int>([](int) {});
    context.start([&] { return std::make_unique<Chronicler>(journal_, "other"); });
  });
  parent.tell(1);
  run();
  const std::vector<ActorInfo> tree = system_->tree();
  ASSERT_EQ(4u, tree.size());
  EXPECT_EQ(parent.id(), tree[0].id);
  EXPECT_EQ(0u, tree[0].parent);
  EXPECT_EQ(1u, tree[0].handled);
  EXPECT_EQ("child", tree[1].name);
  EXPECT_EQ(parent.id(), tree[1].parent);
  EXPECT_EQ(1u, tree[1].depth);
  EXPECT_EQ(ActorState::Running, tree[1].state);
  EXPECT_EQ("loop", tree[1].dispatcher);
  EXPECT_NE(std::string::npos, system_->describe().find("child"));
  parent.tell(0);
  run();
  EXPECT_EQ(ActorReason::Kind::Stopped, awaitEnd(*child).kind);
  EXPECT_TRUE(system_->tree().empty());
  EXPECT_EQ("child destroyed", journal_.back());
}

TEST_F(ActorOnOneLoop, AStrategyRestartsTheSiblings) {
  ActorOptions options;
  options.supervision.strategy = Strategy::OneForAll;
  options.supervision.backoff.initial = milliseconds(1);
  std::vector<ActorRef<std::string>> children;
  const ActorRef<int> parent = system_->spawn<int>(
      [&](int, ActorContext<int>& context) {
        for (const char* name : {"a", "b"}) {
          children.push_back(
              context.start([this, name] { return std::make_unique<Chronicler>(journal_, name); }));
        }
      },
      options);
  parent.tell(1);
  run();
  journal_.clear();
  children[0].tell("fail");
  run();
  children[1].tell("hello");
  run();
  EXPECT_EQ((Journal{"a fail", "a destroyed", "b stopping", "b stopped: it was stopped", "b destroyed"}),
            journal_);
  journal_.clear();
  pass(milliseconds(2));
  EXPECT_EQ((Journal{"a made", "a started", "b made", "b started", "b hello"}), journal_);
}

TEST_F(ActorOnOneLoop, TimersOfAnActor) {
  ActorTimer ticks{};
  const ActorRef<std::string> actor =
      system_->spawn<std::string>([&](std::string message, ActorContext<std::string>& context) {
        journal_.push_back(message);
        if (message == "begin") {
          context.after(milliseconds(5), "later");
          ticks = context.every(milliseconds(2), [n = 0]() mutable { return "tick " + std::to_string(++n); });
          EXPECT_THROW(context.after(milliseconds(-1), ""), std::invalid_argument);
          EXPECT_THROW(context.every(milliseconds(0), [] { return ""; }), std::invalid_argument);
        } else if (message == "later") {
          EXPECT_TRUE(context.cancel(ticks));
          EXPECT_FALSE(context.cancel(ticks));
        }
      });
  actor.tell("begin");
  run();
  for (int i = 0; i < 10; ++i) {
    pass(milliseconds(1));
  }
  EXPECT_EQ((Journal{"begin", "tick 1", "tick 2", "later"}), journal_);
}

TEST_F(ActorOnOneLoop, WhatAPeriodicMessageThrowsIsTheActorsFailure) {
  const ActorRef<int> actor = system_->spawn<int>([](int, ActorContext<int>& context) {
    context.every(milliseconds(1), []() -> int { throw std::runtime_error("out of messages"); });
  });
  actor.tell(1);
  run();
  pass(milliseconds(1));
  EXPECT_NE(std::string::npos, awaitEnd(actor).text.find("out of messages"));
}

TEST_F(ActorOnOneLoop, AnActorKnowsItselfAndItsDispatcher) {
  int calls = 0;
  const ActorRef<int> actor = system_->spawn<int>([&](int message, ActorContext<int>& context) {
    ++calls;
    EXPECT_EQ(dispatcher_.get(), &context.dispatcher());
    if (message > 0) {
      context.self().tell(message - 1);
    }
  });
  actor.tell(3);
  run();
  EXPECT_EQ(4, calls);
}

TEST_F(ActorOnOneLoop, AContextDoesNotOutliveItsCall) {
  ActorContext<int>* kept = nullptr;
  class Keeper : public Actor<int> {
   public:
    explicit Keeper(std::function<void(Context&)> use) : use_(std::move(use)) {}
    void handle(int, Context& context) override { use_(context); }

   private:
    const std::function<void(Context&)> use_;
  };
  // The context of the outer actor, used inside the call of another actor.
  const DispatcherPtr inner_loop = createDispatcher("inner", clock_);
  ActorSystemOptions options;
  options.dispatchers = {inner_loop.get()};
  ActorSystem inner(options);
  int calls = 0;
  const ActorRef<int> misuser = inner.spawn(std::make_unique<Keeper>([&](ActorContext<int>&) {
    ++calls;
    EXPECT_THROW(kept->stop(), std::logic_error);
  }));
  const ActorRef<int> actor = system_->spawn(std::make_unique<Keeper>([&](ActorContext<int>& context) {
    kept = &context;
    misuser.tell(1);
    inner_loop->run(RunType::NonBlock);
    context.stop();
  }));
  actor.tell(1);
  run();
  EXPECT_EQ(1, calls);
  EXPECT_EQ(ActorReason::Kind::Normal, awaitEnd(actor).kind);
  inner.beginStop();
  inner_loop->run(RunType::NonBlock);
}

// Watches one actor, in the way of its constructor.
class Watcher : public Actor<int> {
 public:
  Watcher(const AnyActorRef& watched, bool linked, bool bears, std::vector<ActorSignal>& signals)
      : watched_(watched), linked_(linked), bears_(bears), signals_(signals) {}
  void started(Context& context) override {
    if (linked_) {
      context.link(watched_);
    } else {
      context.monitor(watched_);
    }
  }
  void handle(int, Context& context) override { context.unlink(watched_); }
  void signal(const ActorSignal& signal, Context& context) override {
    signals_.push_back(signal);
    if (!bears_) {
      context.passOn();
    }
  }

 private:
  const AnyActorRef watched_;
  const bool linked_;
  const bool bears_;
  std::vector<ActorSignal>& signals_;
};

TEST_F(ActorOnOneLoop, MonitorsAndLinksAreTold) {
  std::vector<ActorSignal> monitored, borne, passed;
  const auto target = system_->spawn(std::make_unique<Chronicler>(journal_, "a"));
  const auto monitor = system_->spawn(std::make_unique<Watcher>(target, false, false, monitored));
  const auto bearing = system_->spawn(std::make_unique<Watcher>(target, true, true, borne));
  const auto passing = system_->spawn(std::make_unique<Watcher>(target, true, false, passed));
  const auto unlinked = system_->spawn(std::make_unique<Watcher>(target, true, false, passed));
  run();
  unlinked.tell(1);
  run();
  target.tell("fail");
  run();
  ASSERT_EQ(1u, monitored.size());
  EXPECT_EQ(ActorSignal::Kind::Down, monitored[0].kind);
  EXPECT_EQ(target.id(), monitored[0].actor);
  EXPECT_NE(std::string::npos, monitored[0].reason.text.find("as told"));
  ASSERT_EQ(1u, borne.size());
  EXPECT_EQ(ActorSignal::Kind::LinkFailed, borne[0].kind);
  ASSERT_EQ(1u, passed.size());
  EXPECT_EQ(ActorState::Running, monitor.state());
  EXPECT_EQ(ActorState::Running, bearing.state());
  EXPECT_EQ(ActorState::Running, unlinked.state());
  EXPECT_EQ(ActorReason::Kind::Linked, awaitEnd(passing).kind);
}

TEST_F(ActorOnOneLoop, AnActorWithoutASignalFunctionFailsWithThoseItIsLinkedTo) {
  const auto target = system_->spawn(std::make_unique<Chronicler>(journal_, "a"));
  const ActorRef<int> linked =
      system_->spawn<int>([&](int, ActorContext<int>& context) { context.link(target); });
  linked.tell(1);
  run();
  target.tell("fail");
  run();
  EXPECT_EQ(ActorReason::Kind::Linked, awaitEnd(linked).kind);
}

class SlowToStop : public Actor<int> {
 public:
  explicit SlowToStop(bool ends) : ends_(ends) {}
  void handle(int, Context&) override {}
  void stopping(Context& context) override {
    context.finishLater();
    if (ends_) {
      context.finish();
    }
  }

 private:
  const bool ends_;
};

TEST_F(ActorOnOneLoop, AStopMayTakeItsTimeButNotForEver) {
  std::vector<ActorEvent::Kind> events;
  ActorSystemOptions system_options;
  system_options.on_event = [&](const ActorEvent& event) { events.push_back(event.kind); };
  restart(system_options);
  ActorOptions options;
  options.stop_limit = milliseconds(10);
  const auto ending = system_->spawn(std::make_unique<SlowToStop>(true), options);
  const auto endless = system_->spawn(std::make_unique<SlowToStop>(false), options);
  run();
  ending.stop();
  endless.stop();
  run();
  EXPECT_EQ(ActorState::Stopped, ending.state());
  EXPECT_EQ(ActorState::Stopping, endless.state());
  pass(milliseconds(10));
  EXPECT_EQ(ActorReason::Kind::CutOff, awaitEnd(endless).kind);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(ActorEvent::Kind::CutOff, events[0]);
  end();
}

TEST(ActorSystemTest, HasWorkersOfItsOwn) {
  ActorSystem system(2);
  EXPECT_EQ(2u, system.workers());
  EXPECT_EQ("worker_1", system.dispatcher(1).name());
  EXPECT_THROW(system.dispatcher(2), std::out_of_range);
  ActorOptions options;
  options.placement = Placement::OnWorker;
  options.worker = 1;
  Event handled;
  const ActorRef<int> actor = system.spawn<int>(
      [&](int, ActorContext<int>& context) {
        EXPECT_EQ(&system.dispatcher(1), &context.dispatcher());
        EXPECT_TRUE(context.dispatcher().isThreadSafe());
        EXPECT_THROW(system.stop(), std::logic_error);
        handled.set();
      },
      options);
  actor.tell(1);
  handled.wait();
}

TEST(ActorSystemTest, RefusesWhatMakesNoSense) {
  EXPECT_THROW(ActorSystem(0), std::invalid_argument);
  ActorSystemOptions options;
  options.dispatchers = {nullptr};
  EXPECT_THROW(ActorSystem{options}, std::invalid_argument);
  ForeignDispatcher foreign("foreign");
  options.dispatchers = {&foreign};
  EXPECT_THROW(ActorSystem{options}, std::invalid_argument);
  LibeventDispatcher ours("ours");
  options.dispatchers = {&ours};
  options.workers = 1;
  EXPECT_THROW(ActorSystem{options}, std::invalid_argument);
  options.workers = 0;
  options.intensity.window = microseconds(-1);
  EXPECT_THROW(ActorSystem{options}, std::invalid_argument);
  ActorSystem system(1);
  EXPECT_THROW(system.waitStopped(microseconds(-1)), std::invalid_argument);
}

TEST(ActorSystemTest, StopsTheYoungestFirstAfterTheirMessages) {
  Journal journal;
  {
    ActorSystem system(1);
    const auto a = system.spawn(std::make_unique<Chronicler>(journal, "a"));
    const auto b = system.spawn(std::make_unique<Chronicler>(journal, "b"));
    a.tell("hello");
    b.tell("hello");
  }
  ASSERT_GE(journal.size(), 6u);
  const Journal end(journal.end() - 6, journal.end());
  EXPECT_EQ((Journal{"b stopping", "b stopped: it was stopped", "b destroyed", "a stopping",
                     "a stopped: it was stopped", "a destroyed"}),
            end);
}

}  // namespace
}  // namespace mcp_event_test
