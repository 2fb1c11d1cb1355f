// Dispatchers that run on libevent, and programs with events of their own on its base.
#include "mcp/event/libevent_base.h"

#include <event2/event.h>

#include <cstring>

#include "support.h"

namespace mcp_event_test {
namespace {

using BasePtr = std::unique_ptr<event_base, decltype(&event_base_free)>;

BasePtr newBase() { return BasePtr(event_base_new(), event_base_free); }

// An event of the program's, freed at the end.
class UserEvent {
 public:
  UserEvent(event_base* base, evutil_socket_t fd, short what, std::function<void()> handler)
      : handler_(std::move(handler)), event_(event_new(base, fd, what, &UserEvent::run, this)) {}
  ~UserEvent() { event_free(event_); }
  UserEvent(const UserEvent&) = delete;
  UserEvent& operator=(const UserEvent&) = delete;

  void add() { EXPECT_EQ(0, event_add(event_, nullptr)); }
  void add(microseconds timeout) {
    const timeval value = {0, static_cast<suseconds_t>(timeout.count())};
    EXPECT_EQ(0, event_add(event_, &value));
  }
  void activate() { event_active(event_, EV_TIMEOUT, 0); }

 private:
  static void run(evutil_socket_t, short, void* self) { static_cast<UserEvent*>(self)->handler_(); }

  const std::function<void()> handler_;
  event* const event_;
};

DispatcherPtr onLibevent(const std::string& name = "libevent") {
  return createDispatcherFactory("libevent")->createDispatcher(name);
}

event_base* baseOf(Dispatcher& dispatcher) { return static_cast<LibeventDispatcher&>(dispatcher).base(); }

TEST(Libevent, TheBaseIsThereOnLibeventAlone) {
  EXPECT_EQ(nullptr, baseOf(*createDispatcherFactory("epoll")->createDispatcher("epoll")));
  const DispatcherPtr dispatcher = onLibevent();
  EXPECT_EQ("libevent", backendName(*dispatcher));
  ASSERT_NE(nullptr, baseOf(*dispatcher));
  EXPECT_NE(nullptr, event_base_get_method(baseOf(*dispatcher)));
}

// As programs compiled against the SDK's header find it.
TEST(Libevent, TheBaseIsWhereBinariesLookForIt) {
  const DispatcherPtr dispatcher = onLibevent();
  event_base* at_its_offset = nullptr;
  std::memcpy(&at_its_offset,
              reinterpret_cast<const char*>(dispatcher.get()) + sizeof(void*) + sizeof(std::string),
              sizeof(at_its_offset));
  EXPECT_EQ(baseOf(*dispatcher), at_its_offset);
}

TEST(Libevent, EventsOfTheProgramFireOnTheLoopsThread) {
  const DispatcherPtr dispatcher = onLibevent();
  FdPair pipe = FdPair::pipe();
  std::thread::id ran_on;
  UserEvent readable(baseOf(*dispatcher), pipe.far(), EV_READ | EV_PERSIST, [&] {
    ran_on = std::this_thread::get_id();
    pipe.readAll();
    dispatcher->exit();
  });
  readable.add();
  pipe.write("x");
  runUntilExit(*dispatcher);
  EXPECT_EQ(std::this_thread::get_id(), ran_on);

  UserEvent timer(baseOf(*dispatcher), -1, 0, [&] { dispatcher->exit(); });
  timer.add(milliseconds(1));
  runUntilExit(*dispatcher);
}

TEST(Libevent, ATimerOfOursIsArmedByAnEventOfTheProgram) {
  const DispatcherPtr dispatcher = onLibevent();
  const TimerPtr timer = dispatcher->createTimer([&] { dispatcher->exit(); });
  UserEvent event(baseOf(*dispatcher), -1, 0, [&] { timer->enableTimer(milliseconds(1)); });
  event.add(milliseconds(1));
  runUntilExit(*dispatcher);
}

TEST(Libevent, AHandlerMayDestroyTheDispatcher) {
  for (const microseconds spin : {microseconds(0), microseconds(1000000)}) {
    DispatcherPtr dispatcher = onLibevent();
    setBusyPoll(*dispatcher, spin, false);
    const TimerPtr timer = dispatcher->createTimer([] { ADD_FAILURE() << "the dispatcher is gone"; });
    timer->enableTimer(seconds(3600));
    const auto destroy = [](evutil_socket_t, short, void* doomed) {
      static_cast<DispatcherPtr*>(doomed)->reset();
    };
    ASSERT_EQ(0, event_base_once(baseOf(*dispatcher), -1, EV_TIMEOUT, destroy, &dispatcher, nullptr));
    dispatcher->run(RunType::RunUntilExit);
    EXPECT_EQ(nullptr, dispatcher);
    timer->enableTimer(milliseconds(0));
  }
}

// libevent's C frames are unwound, which is more than it promises: its base cannot be run any more. We are
// left in order.
TEST(Libevent, AnExceptionOfAHandlerComesOutOfRun) {
  const DispatcherPtr dispatcher = onLibevent();
  UserEvent event(baseOf(*dispatcher), -1, 0, [] { throw std::runtime_error("a handler's"); });
  event.activate();
  try {
    dispatcher->run(RunType::RunUntilExit);
    ADD_FAILURE() << "it did not throw";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ("a handler's", e.what());
  }
  EXPECT_THROW(dispatcher->run(RunType::NonBlock), std::system_error);
}

TEST(Libevent, ABaseOfTheProgramIsDriven) {
  const BasePtr base = newBase();
  const DispatcherPtr dispatcher = createLibeventDispatcher("adopting", base.get());
  EXPECT_EQ("libevent", backendName(*dispatcher));
  EXPECT_EQ("adopting", dispatcher->name());
  EXPECT_EQ(base.get(), baseOf(*dispatcher));
  Journal journal;
  UserEvent event(base.get(), -1, 0, [&] {
    journal.push_back("event");
    dispatcher->post([&] {
      journal.push_back("post");
      dispatcher->exit();
    });
  });
  event.add(milliseconds(1));
  runUntilExit(*dispatcher);
  EXPECT_EQ((Journal{"event", "post"}), journal);
  EXPECT_EQ(0, event_base_get_num_events(base.get(), EVENT_BASE_COUNT_ADDED));

  EXPECT_THROW(createLibeventDispatcher("second", base.get()), std::logic_error);
  EXPECT_THROW(createLibeventDispatcher("none", nullptr), std::invalid_argument);
}

TEST(Libevent, ABaseOutlivesItsDispatcher) {
  const BasePtr base = newBase();
  TimerPtr timer;
  for (int round = 0; round < 2; ++round) {
    const DispatcherPtr dispatcher = createLibeventDispatcher("one after the other", base.get());
    timer = dispatcher->createTimer([] {});
    dispatcher->run(RunType::NonBlock);
  }
  UserEvent event(base.get(), -1, 0, [] {});
  event.add(milliseconds(1));
  EXPECT_EQ(1, event_base_dispatch(base.get()));
}

// The other way round: the program runs the base, and our dispatcher is driven by it.
TEST(Libevent, AProgramsOwnLoopDrivesADispatcher) {
  const BasePtr base = newBase();
  const DispatcherPtr dispatcher = createDispatcherFactory("epoll")->createDispatcher("client");
  const TimerPtr timer = dispatcher->createTimer([&] { event_base_loopbreak(base.get()); });
  UserEvent over(base.get(), -1, 0, [&] { dispatcher->run(RunType::NonBlock); });
  UserEvent ready(base.get(), pollFd(*dispatcher), EV_READ | EV_PERSIST, [&] {
    dispatcher->run(RunType::NonBlock);
    const nanoseconds timeout = nextTimeout(*dispatcher);
    if (timeout >= timeout.zero()) {
      over.add(std::chrono::duration_cast<microseconds>(timeout) + microseconds(1));
    }
  });
  ready.add();
  std::thread poster([&] { dispatcher->post([&] { timer->enableTimer(milliseconds(1)); }); });
  EXPECT_EQ(0, event_base_dispatch(base.get()));
  poster.join();
}

TEST(Libevent, WorkersShareTheirThreadsWithEventsOfTheProgram) {
  const DispatcherFactoryPtr factory = createDispatcherFactory("libevent");
  const WorkerFactoryPtr workers = createDefaultWorkerFactory();
  const WorkerPtr worker = workers->createWorker(0, *factory);
  worker->start();
  Event ran;
  Event freed;
  std::unique_ptr<UserEvent> event;
  worker->dispatcher().post([&] {
    event = std::make_unique<UserEvent>(baseOf(worker->dispatcher()), -1, 0, [&] { ran.set(); });
    event->add(milliseconds(1));
  });
  ran.wait();
  worker->dispatcher().post([&] {
    event = nullptr;
    freed.set();
  });
  freed.wait();
  worker->stop();
}

}  // namespace
}  // namespace mcp_event_test
