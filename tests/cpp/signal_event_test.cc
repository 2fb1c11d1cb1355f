#include <csignal>

#include "support.h"

namespace mcp_event_test {
namespace {

class Signal : public testing::Test {
 protected:
  LibeventDispatcher dispatcher_{"signals"};
};

TEST_F(Signal, N1_RunsOnTheLoopThread) {
  std::thread::id ran_on;
  const SignalEventPtr event = dispatcher_.listenForSignal(SIGUSR1, [&] {
    ran_on = std::this_thread::get_id();
    dispatcher_.exit();
  });
  std::thread([] { raise(SIGUSR1); }).join();
  runUntilExit(dispatcher_);
  EXPECT_EQ(std::this_thread::get_id(), ran_on);
}

TEST_F(Signal, N2_EveryListenerOfEveryDispatcher) {
  LibeventDispatcher other("other");
  int here = 0;
  int there = 0;
  const SignalEventPtr first = dispatcher_.listenForSignal(SIGUSR1, [&] { ++here; });
  const SignalEventPtr second = dispatcher_.listenForSignal(SIGUSR1, [&] { ++here; });
  const SignalEventPtr third = other.listenForSignal(SIGUSR1, [&] { ++there; });
  raise(SIGUSR1);
  pumpUntil(dispatcher_, [&] { return here == 2; });
  pumpUntil(other, [&] { return there == 1; });
}

TEST_F(Signal, N3_AtLeastOneCallbackAfterTheLastDelivery) {
  LoopThread loop(dispatcher_);
  for (int i = 0; i < 100; ++i) {
    Event ran;
    const SignalEventPtr event = dispatcher_.listenForSignal(SIGUSR2, [&] { ran.set(); });
    raise(SIGUSR2);
    ran.wait();
  }
}

TEST_F(Signal, N4_DestroysItselfInItsCallback) {
  int ran = 0;
  SignalEventPtr event;
  event = dispatcher_.listenForSignal(SIGUSR1, [&] {
    ++ran;
    event.reset();
    dispatcher_.exit();
  });
  const SignalEventPtr other = dispatcher_.listenForSignal(SIGUSR1, [] {});
  raise(SIGUSR1);
  runUntilExit(dispatcher_);
  raise(SIGUSR1);
  dispatcher_.run(RunType::NonBlock);
  EXPECT_EQ(1, ran);
}

volatile std::sig_atomic_t earlier_handler_ran = 0;

TEST_F(Signal, N5_ChainsToTheHandlerThatWasThereAndPutsItBack) {
  earlier_handler_ran = 0;
  struct sigaction earlier = {};
  struct sigaction before = {};
  earlier.sa_handler = [](int) { earlier_handler_ran = earlier_handler_ran + 1; };
  ASSERT_EQ(0, sigaction(SIGUSR2, &earlier, &before));
  bool ran = false;
  SignalEventPtr event = dispatcher_.listenForSignal(SIGUSR2, [&] { ran = true; });
  raise(SIGUSR2);
  pumpUntil(dispatcher_, [&] { return ran; });
  EXPECT_EQ(1, earlier_handler_ran);

  event.reset();
  struct sigaction after = {};
  ASSERT_EQ(0, sigaction(SIGUSR2, &before, &after));
  EXPECT_EQ(earlier.sa_handler, after.sa_handler);
}

TEST_F(Signal, N6_AnInvalidSignalIsRefused) {
  for (const int signal_number : {-1, 0, SIGKILL, SIGSTOP, 4096}) {
    EXPECT_THROW(dispatcher_.listenForSignal(signal_number, [] {}), std::invalid_argument) << signal_number;
  }
}

TEST_F(Signal, P12_AnEmptyCallbackIsRefused) {
  EXPECT_THROW(dispatcher_.listenForSignal(SIGUSR1, nullptr), std::invalid_argument);
}

TEST_F(Signal, H2_OutlivesItsDispatcher) {
  auto dispatcher = std::make_unique<LibeventDispatcher>("gone");
  const SignalEventPtr keeps_the_handler = dispatcher_.listenForSignal(SIGUSR1, [] {});
  SignalEventPtr event = dispatcher->listenForSignal(SIGUSR1, [] { ADD_FAILURE() << "its loop is gone"; });
  dispatcher.reset();
  raise(SIGUSR1);
  dispatcher_.run(RunType::NonBlock);
  event.reset();
}

}  // namespace
}  // namespace mcp_event_test
