#include "signals.h"
#include "support.h"

namespace mcp_event_test {
namespace {

class Signal : public testing::Test {
 protected:
  LibeventDispatcher dispatcher_{"signals"};
};

TEST_F(Signal, N1_RunsOnTheLoopThread) {
  std::thread::id ran_on;
  const SignalEventPtr event = dispatcher_.listenForSignal(kSignal, [&] {
    ran_on = std::this_thread::get_id();
    dispatcher_.exit();
  });
  std::thread(sendSignal).join();
  runUntilExit(dispatcher_);
  EXPECT_EQ(std::this_thread::get_id(), ran_on);
}

TEST_F(Signal, N2_EveryListenerOfEveryDispatcher) {
  LibeventDispatcher other("other");
  int here = 0;
  int there = 0;
  const SignalEventPtr first = dispatcher_.listenForSignal(kSignal, [&] { ++here; });
  const SignalEventPtr second = dispatcher_.listenForSignal(kSignal, [&] { ++here; });
  const SignalEventPtr third = other.listenForSignal(kSignal, [&] { ++there; });
  sendSignal();
  pumpUntil(dispatcher_, [&] { return here == 2; });
  pumpUntil(other, [&] { return there == 1; });
}

TEST_F(Signal, N3_AtLeastOneCallbackAfterTheLastDelivery) {
  LoopThread loop(dispatcher_);
  for (int i = 0; i < 100; ++i) {
    Event ran;
    const SignalEventPtr event = dispatcher_.listenForSignal(kSignal, [&] { ran.set(); });
    sendSignal();
    ran.wait();
  }
}

TEST_F(Signal, N4_DestroysItselfInItsCallback) {
  int ran = 0;
  SignalEventPtr event;
  event = dispatcher_.listenForSignal(kSignal, [&] {
    ++ran;
    event.reset();
  });
  int other_ran = 0;
  const SignalEventPtr other = dispatcher_.listenForSignal(kSignal, [&] { ++other_ran; });
  for (const int times : {1, 2}) {
    sendSignal();
    pumpUntil(dispatcher_, [&] { return other_ran == times; });
  }
  EXPECT_EQ(1, ran);
}

volatile std::sig_atomic_t earlier_handler_ran = 0;

void earlierHandler(int) { earlier_handler_ran = earlier_handler_ran + 1; }

TEST_F(Signal, N5_ChainsToTheHandlerThatWasThereAndPutsItBack) {
  earlier_handler_ran = 0;
  const auto before = std::signal(kSignal, earlierHandler);
  ASSERT_NE(SIG_ERR, before);
  bool ran = false;
  SignalEventPtr event = dispatcher_.listenForSignal(kSignal, [&] { ran = true; });
  sendSignal();
  pumpUntil(dispatcher_, [&] { return ran; });
  EXPECT_EQ(1, earlier_handler_ran);

  event.reset();
  EXPECT_EQ(earlierHandler, std::signal(kSignal, before));
}

TEST_F(Signal, N6_AnInvalidSignalIsRefused) {
  // Among them SIGKILL and SIGSTOP.
  for (const int signal_number : {-1, 0, 9, 19, 4096}) {
    EXPECT_THROW(dispatcher_.listenForSignal(signal_number, [] {}), std::invalid_argument) << signal_number;
  }
}

TEST_F(Signal, P12_AnEmptyCallbackIsRefused) {
  EXPECT_THROW(dispatcher_.listenForSignal(kSignal, nullptr), std::invalid_argument);
}

TEST_F(Signal, H2_OutlivesItsDispatcher) {
  auto dispatcher = std::make_unique<LibeventDispatcher>("gone");
  bool ran = false;
  const SignalEventPtr living = dispatcher_.listenForSignal(kSignal, [&] { ran = true; });
  SignalEventPtr event = dispatcher->listenForSignal(kSignal, [] { ADD_FAILURE() << "its loop is gone"; });
  dispatcher.reset();
  sendSignal();
  pumpUntil(dispatcher_, [&] { return ran; });
  event.reset();
}

}  // namespace
}  // namespace mcp_event_test
