// Dispatchers in an io_context: of the library's own, one of this program's, and one that is adopted. With
// MCP_EVENT_TEST_BOOST the same on Boost.Asio, whose headers no source can have together with asio's.
#if MCP_EVENT_TEST_BOOST
#include <boost/asio.hpp>

#include "mcp/event/boost_asio.h"
#else
#include <asio.hpp>

#include "mcp/event/asio.h"
#endif

#include <stdexcept>
#include <string>

#include "support.h"

namespace mcp_event_test {
namespace {

#if MCP_EVENT_TEST_BOOST
namespace asio = boost::asio;
using boost::system::error_code;
#else
using asio::error_code;
#endif

// A context is used like any other, whoever made it: so each test runs on each kind.
struct Stage {
  // Last to be destroyed, as asio asks of a context.
  std::unique_ptr<asio::io_context> adopted;
  DispatcherPtr dispatcher;
};

Stage adopting() {
  Stage stage;
  stage.adopted = std::make_unique<asio::io_context>();
  stage.dispatcher = createAsioDispatcher("adopting", *stage.adopted);
  return stage;
}

Stage owning() { return {nullptr, createAsioDispatcher<asio::io_context>("owning")}; }

// What the library has built in is standalone asio.
#if MCP_EVENT_ASIO && !MCP_EVENT_TEST_BOOST
Stage builtIn() { return {nullptr, createAsioDispatcherFactory()->createDispatcher("built in")}; }
#endif

class Asio : public testing::TestWithParam<Stage (*)()> {
 protected:
  const Stage stage_ = GetParam()();
  Dispatcher& dispatcher_ = *stage_.dispatcher;
  asio::io_context& context_ = asioContext<asio::io_context>(dispatcher_);
};

INSTANTIATE_TEST_SUITE_P(Adopting, Asio, testing::Values(adopting));
INSTANTIATE_TEST_SUITE_P(Owning, Asio, testing::Values(owning));
#if MCP_EVENT_ASIO && !MCP_EVENT_TEST_BOOST
INSTANTIATE_TEST_SUITE_P(BuiltIn, Asio, testing::Values(builtIn));
#endif

TEST_P(Asio, TheBackendIsCalledAsio) {
  EXPECT_EQ("asio", backendName(dispatcher_));
  if (stage_.adopted != nullptr) {
    EXPECT_EQ(stage_.adopted.get(), &context_);
  }
}

TEST_P(Asio, HandlersRunOnTheThreadOfTheLoop) {
  std::thread::id handler_thread;
  std::thread::id post_thread;
  asio::post(context_, [&] {
    handler_thread = std::this_thread::get_id();
    dispatcher_.post([&] {
      post_thread = std::this_thread::get_id();
      dispatcher_.exit();
    });
  });
  const std::thread::id here = std::this_thread::get_id();
  runUntilExit(dispatcher_);
  EXPECT_EQ(here, handler_thread);
  EXPECT_EQ(here, post_thread);
}

// What a handler asks of the dispatcher while that waits is done at once, whatever it is.
TEST_P(Asio, P7_WhatAHandlerAsksForEndsTheWait) {
  const TimerPtr timer = dispatcher_.createTimer([&] { dispatcher_.exit(); });
  const SchedulableCallbackPtr next =
      dispatcher_.createSchedulableCallback([&] { timer->enableHRTimer(microseconds(1)); });
  const SchedulableCallbackPtr current =
      dispatcher_.createSchedulableCallback([&] { next->scheduleCallbackNextIteration(); });
  asio::steady_timer asio_timer(context_, milliseconds(1));
  asio_timer.async_wait([&](const error_code&) {
    dispatcher_.deferredDelete(deletable([&] { current->scheduleCallbackCurrentIteration(); }));
  });
  runUntilExit(dispatcher_);
}

TEST_P(Asio, ExitFromAHandler) {
  asio::steady_timer asio_timer(context_, milliseconds(1));
  asio_timer.async_wait([&](const error_code&) { dispatcher_.exit(); });
  runUntilExit(dispatcher_);
}

TEST_P(Asio, P7_NoPostAndNoHandlerFromAnotherThreadIsLost) {
  constexpr int kRounds = 2000;
  int posts = 0;
  int handlers = 0;
  const auto exitAtTheEnd = [&] {
    if (posts == kRounds && handlers == kRounds) {
      dispatcher_.exit();
    }
  };
  std::thread other([&] {
    for (int round = 0; round < kRounds; ++round) {
      dispatcher_.post([&] {
        ++posts;
        exitAtTheEnd();
      });
      asio::post(context_, [&] {
        ++handlers;
        exitAtTheEnd();
      });
      if (round % 8 == 0) {
        std::this_thread::yield();
      }
    }
  });
  runUntilExit(dispatcher_);
  other.join();
}

TEST_P(Asio, SocketsOfBothSidesTalk) {
  asio::ip::tcp::acceptor acceptor(context_, {asio::ip::address_v4::loopback(), 0});
  asio::ip::tcp::socket served(context_);
  char request = 0;
  acceptor.async_accept(served, [&](const error_code&) {
    asio::async_read(served, asio::buffer(&request, 1), [&](const error_code&, size_t) {
      asio::async_write(served, asio::buffer(&request, 1), [](const error_code&, size_t) {});
    });
  });
  asio::ip::tcp::socket client(context_);
  client.connect(acceptor.local_endpoint());
  char answer = 0;
  const FileEventPtr event = dispatcher_.createFileEvent(
      client.native_handle(),
      [&](uint32_t) {
        EXPECT_EQ(1, ::recv(client.native_handle(), &answer, 1, 0));
        dispatcher_.exit();
      },
      FileTriggerType::Level, kRead);
  EXPECT_EQ(1, ::send(client.native_handle(), "x", 1, 0));
  runUntilExit(dispatcher_);
  EXPECT_EQ('x', answer);
}

TEST_P(Asio, ErrorsAreThoseThatTheProgramKnows) {
  asio::steady_timer cancelled(context_, std::chrono::hours(1));
  asio::ip::tcp::acceptor acceptor(context_, {asio::ip::address_v4::loopback(), 0});
  asio::ip::tcp::socket served(context_);
  asio::ip::tcp::socket client(context_);
  client.connect(acceptor.local_endpoint());
  acceptor.accept(served);
  char nothing = 0;
  error_code at_the_end;
  client.async_read_some(asio::buffer(&nothing, 1), [&](const error_code& error, size_t) {
    at_the_end = error;
    cancelled.cancel();
  });
  error_code of_the_timer;
  cancelled.async_wait([&](const error_code& error) {
    of_the_timer = error;
    dispatcher_.exit();
  });
  dispatcher_.post([&] { served.close(); });
  runUntilExit(dispatcher_);
  EXPECT_EQ(asio::error::eof, at_the_end);
  EXPECT_EQ(asio::error::operation_aborted, of_the_timer);
}

TEST_P(Asio, T6_TimersOfBothAreNeverEarly) {
  using std::chrono::steady_clock;
  int rounds = 0;
  asio::steady_timer asio_timer(context_);
  steady_clock::time_point due;
  const TimerPtr timer = dispatcher_.createTimer([&] {
    EXPECT_GE(steady_clock::now(), due);
    due = steady_clock::now() + microseconds(150);
    asio_timer.expires_at(due);
    asio_timer.async_wait([&](const error_code&) {
      EXPECT_GE(steady_clock::now(), due);
      if (++rounds == 100) {
        dispatcher_.exit();
        return;
      }
      due = steady_clock::now() + microseconds(90);
      timer->enableHRTimer(microseconds(90));
    });
  });
  timer->enableHRTimer(microseconds(1));
  runUntilExit(dispatcher_);
}

// An earlier timer than the one that is waited for already, and none at all.
TEST_P(Asio, T2_TheTimeoutFollowsTheTimers) {
  const TimerPtr late = dispatcher_.createTimer([] { FAIL() << "not for an hour"; });
  const TimerPtr soon = dispatcher_.createTimer([&] { dispatcher_.exit(); });
  late->enableTimer(std::chrono::hours(1));
  asio::steady_timer first(context_, milliseconds(2));
  first.async_wait([&](const error_code&) { soon->enableTimer(milliseconds(1)); });
  runUntilExit(dispatcher_);
  late->enableTimer(milliseconds::max());
  asio::steady_timer second(context_, milliseconds(2));
  second.async_wait([&](const error_code&) {
    late->disableTimer();
    dispatcher_.exit();
  });
  runUntilExit(dispatcher_);
}

TEST_P(Asio, P11_WhatAHandlerThrowsComesOutOfRun) {
  struct Boom {
    int value;
  };
  int later = 0;
  asio::post(context_, [] { throw Boom{42}; });
  asio::post(context_, [&] { ++later; });
  try {
    runUntilExit(dispatcher_);
    ADD_FAILURE() << "run() did not throw";
  } catch (const Boom& boom) {
    EXPECT_EQ(42, boom.value);
  }
  dispatcher_.post([&] { ++later; });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ(2, later);

  asio::post(context_, [] { throw std::runtime_error("boom"); });
  EXPECT_THROW(dispatcher_.run(RunType::NonBlock), std::runtime_error);
}

TEST_P(Asio, StopEndsTheRunAndTheNextOneGoesOn) {
  for (int round = 0; round < 3; ++round) {
    bool posted = false;
    asio::post(context_, [&] {
      dispatcher_.post([&] { posted = true; });
      context_.stop();
    });
    runUntilExit(dispatcher_);
    EXPECT_TRUE(posted) << "it was posted before";
  }
  std::thread other([&] {
    Event waits;
    dispatcher_.post([&] { waits.set(); });
    waits.wait();
    context_.stop();
  });
  runUntilExit(dispatcher_);
  other.join();
}

TEST_P(Asio, R4_StopBeforeRunIsHeededOnce) {
  context_.stop();
  dispatcher_.run(RunType::RunUntilExit);
  asio::post(context_, [&] { dispatcher_.exit(); });
  runUntilExit(dispatcher_);
}

struct Chain {
  asio::io_context& context;
  int& links;
  void operator()() const {
    ++links;
    asio::post(context, *this);
  }
};

// An endless row of handlers, beside posts that go on for ever: nobody starves.
TEST_P(Asio, EndlessHandlersAndEndlessPostsLetEachOtherThrough) {
  int links = 0;
  int posts = 0;
  int handlers_seen = 0;
  std::function<void()> again = [&] {
    ++posts;
    if (links > handlers_seen && ++handlers_seen == 1000) {
      dispatcher_.exit();
      return;
    }
    dispatcher_.post(again);
  };
  asio::post(context_, Chain{context_, links});
  dispatcher_.post(again);
  const FdPair pair = FdPair::pipe();
  int events = 0;
  const FileEventPtr event = dispatcher_.createFileEvent(
      pair.far(), [&](uint32_t) { ++events; }, FileTriggerType::Level, kRead);
  pair.write("x");
  runUntilExit(dispatcher_);
  EXPECT_GE(posts, 1000);
  EXPECT_GE(events, 1);
  if (stage_.adopted != nullptr) {
    // The chain holds on to what ends here.
    context_.stop();
  }
}

TEST_P(Asio, R2_ANonBlockingRunRunsWhatIsReady) {
  bool ran = false;
  asio::post(context_, [&] { ran = true; });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_TRUE(ran);
  dispatcher_.run(RunType::NonBlock);
}

TEST_P(Asio, R6_ANestedRunIsRefusedInAHandler) {
  asio::post(context_, [&] { EXPECT_THROW(dispatcher_.run(RunType::NonBlock), std::logic_error); });
  dispatcher_.run(RunType::NonBlock);
}

TEST_P(Asio, HandlersMayRunTheContextThemselves) {
  bool inner = false;
  asio::post(context_, [&] {
    asio::post(context_, [&] { inner = true; });
    dispatcher_.post([&] { dispatcher_.exit(); });
    context_.poll();
  });
  runUntilExit(dispatcher_);
  EXPECT_TRUE(inner);
}

TEST_P(Asio, BusyPolling_WhatAHandlerAsksForEndsTheSpin) {
  setBusyPoll(dispatcher_, seconds(1), false);
  const TimerPtr timer = dispatcher_.createTimer([&] { dispatcher_.exit(); });
  const TimerPtr never = dispatcher_.createTimer([] { FAIL() << "not for an hour"; });
  never->enableTimer(std::chrono::hours(1));
  asio::steady_timer asio_timer(context_, milliseconds(1));
  asio_timer.async_wait([&](const error_code&) { timer->enableHRTimer(microseconds(10)); });
  runUntilExit(dispatcher_);
}

TEST_P(Asio, F8_AHandlerMayDestroyWhatIsReady) {
  const FdPair pair = FdPair::pipe();
  FileEventPtr event = dispatcher_.createFileEvent(
      pair.far(), [](uint32_t) { FAIL() << "it was destroyed"; }, FileTriggerType::Level, kRead);
  asio::post(context_, [&] {
    pair.write("x");
    event = nullptr;
  });
  dispatcher_.run(RunType::NonBlock);
}

TEST_P(Asio, AnotherThreadMayRunItNext) {
  for (int round = 0; round < 4; ++round) {
    std::thread([&] {
      std::thread::id where;
      asio::post(context_, [&] {
        where = std::this_thread::get_id();
        dispatcher_.exit();
      });
      runUntilExit(dispatcher_);
      EXPECT_EQ(std::this_thread::get_id(), where);
    }).join();
  }
}

TEST(AsioAdoption, AContextServesSeveralDispatchersOneAfterTheOther) {
  asio::io_context context;
  for (int round = 0; round < 3; ++round) {
    const DispatcherPtr dispatcher = createAsioDispatcher("adopting", context);
    const TimerPtr timer = dispatcher->createTimer([&] { dispatcher->exit(); });
    timer->enableTimer(milliseconds(1));
    runUntilExit(*dispatcher);
  }
  // None of them left work behind.
  context.run();
  EXPECT_TRUE(context.stopped());
}

TEST(AsioAdoption, AHandlerMayDestroyTheDispatcher) {
  asio::io_context context;
  DispatcherPtr dispatcher = createAsioDispatcher("adopting", context);
  bool dropped = false;
  dispatcher->post([captured = atDestruction([&] { dropped = true; })] {});
  dispatcher->run(RunType::NonBlock);
  asio::post(context, [&] { dispatcher = nullptr; });
  dispatcher->run(RunType::RunUntilExit);
  EXPECT_EQ(nullptr, dispatcher);
  EXPECT_TRUE(dropped);
}

TEST(AsioAdoption, TheDispatcherMayRunInsideTheContextsOwnRun) {
  asio::io_context context;
  DispatcherPtr dispatcher = createAsioDispatcher("adopting", context);
  bool fired = false;
  const TimerPtr timer = dispatcher->createTimer([&] {
    fired = true;
    dispatcher->exit();
  });
  timer->enableTimer(milliseconds(1));
  asio::post(context, [&] {
    runUntilExit(*dispatcher);
    dispatcher = nullptr;
  });
  context.run();
  EXPECT_TRUE(fired);
}

TEST(AsioAdoption, HandlersThatAreLeftDieWithTheContext) {
  bool destroyed = false;
  {
    const DispatcherPtr dispatcher = createAsioDispatcher<asio::io_context>("owning");
    asio::post(asioContext<asio::io_context>(*dispatcher),
               [captured = atDestruction([&] { destroyed = true; })] { FAIL() << "nobody runs it"; });
  }
  EXPECT_TRUE(destroyed);
}

TEST(AsioAdoption, ADispatcherElsewhereHasNoContext) {
  const DispatcherPtr dispatcher =
      createDispatcherFactory(createPlatformDefaultDispatcherFactory()->backendName())
          ->createDispatcher("other");
  if (backendName(*dispatcher) == "asio") {
    GTEST_SKIP() << "asio is the default here";
  }
  EXPECT_EQ(nullptr, foreignLoop(*dispatcher));
  EXPECT_THROW(asioContext<asio::io_context>(*dispatcher), std::invalid_argument);
}

// As a build with another version of asio would say.
class OtherVersion : public ForeignLoop {
 public:
  std::string name() const override { return "asio"; }
  std::string type() const override { return "asio 0.0.0"; }
  ForeignTurn turn(os_fd_t, nanoseconds) override { return ForeignTurn::Over; }
};

TEST(AsioAdoption, AContextOfAnotherVersionIsNotGiven) {
  const DispatcherPtr dispatcher = createDispatcher("other version", std::make_unique<OtherVersion>());
  EXPECT_EQ("asio", backendName(*dispatcher));
  try {
    asioContext<asio::io_context>(*dispatcher);
    ADD_FAILURE() << "it was given";
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string("asioContext: the dispatcher waits in asio 0.0.0, not in ") +
                  detail::AsioLibrary<asio::io_context>::version(),
              error.what());
  }
}

#if MCP_EVENT_ASIO && MCP_EVENT_TEST_BOOST
TEST(AsioAdoption, TheContextOfTheBuiltInBackendIsNotBoosts) {
  const DispatcherPtr dispatcher = createAsioDispatcherFactory()->createDispatcher("built in");
  EXPECT_THROW(asioContext<asio::io_context>(*dispatcher), std::invalid_argument);
}
#endif

}  // namespace
}  // namespace mcp_event_test
