#include "mcp/event/label.h"

#include <stdexcept>

#include "signals.h"
#include "support.h"

namespace mcp_event_test {
namespace {

class Label : public testing::Test {
 protected:
  // A callback that notes what its loop does.
  std::function<void()> ask() {
    return [this] { told_.push_back(doing(dispatcher_)); };
  }
  void expectTold(Activity activity, int number, const std::string& label) {
    ASSERT_EQ(1u, told_.size());
    EXPECT_EQ(activity, told_[0].activity);
    EXPECT_EQ(number, told_[0].number);
    EXPECT_EQ(label, told_[0].label);
  }

  std::vector<Doing> told_;
  LibeventDispatcher dispatcher_{"labelled"};
};

TEST_F(Label, OfATimer) {
  const TimerPtr timer = dispatcher_.createTimer(ask());
  setLabel(*timer, "of a timer");
  timer->enableTimer(milliseconds(0));
  dispatcher_.run(RunType::NonBlock);
  expectTold(Activity::Timer, 0, "of a timer");
}

TEST_F(Label, OfAScaledTimer) {
  const TimerPtr timer = dispatcher_.createScaledTimer(ScaledTimerMinimum{milliseconds(0)}, ask());
  setLabel(*timer, "of a scaled timer");
  timer->enableTimer(milliseconds(0));
  dispatcher_.run(RunType::NonBlock);
  expectTold(Activity::Timer, 0, "of a scaled timer");
}

TEST_F(Label, OfAPeriodicTimer) {
  SimulatedClock clock;
  const DispatcherPtr dispatcher = createDispatcher("simulated", clock);
  PeriodicTimer timer(*dispatcher, [&] { told_.push_back(doing(*dispatcher)); });
  setLabel(timer, "again and again");
  timer.enable(microseconds(1));
  clock.advance(microseconds(1));
  dispatcher->run(RunType::NonBlock);
  expectTold(Activity::Timer, 0, "again and again");
}

TEST_F(Label, OfAFileEvent) {
  FdPair pipe = FdPair::pipe();
  const FileEventPtr event = dispatcher_.createFileEvent(
      pipe.far(), [this](uint32_t) { ask()(); }, FileTriggerType::Edge, kRead);
  setLabel(*event, "of a file");
  event->activate(kRead);
  dispatcher_.run(RunType::NonBlock);
  expectTold(Activity::FileEvent, static_cast<int>(pipe.far()), "of a file");
}

TEST_F(Label, OfASchedulableCallback) {
  const SchedulableCallbackPtr callback = dispatcher_.createSchedulableCallback(ask());
  setLabel(*callback, "of a callback");
  callback->scheduleCallbackNextIteration();
  dispatcher_.run(RunType::NonBlock);
  expectTold(Activity::Scheduled, 0, "of a callback");
}

TEST_F(Label, OfASignalEvent) {
  const SignalEventPtr event = dispatcher_.listenForSignal(kSignal, ask());
  setLabel(*event, "of a signal");
  sendSignal();
  pumpUntil(dispatcher_, [this] { return !told_.empty(); });
  expectTold(Activity::Signal, kSignal, "of a signal");
}

TEST_F(Label, OfAPost) {
  EXPECT_TRUE(postLabelled(dispatcher_, "of a post", ask()));
  dispatcher_.run(RunType::NonBlock);
  expectTold(Activity::Post, 0, "of a post");
  dispatcher_.shutdown();
  EXPECT_FALSE(postLabelled(dispatcher_, "late", ask()));
}

TEST_F(Label, WhatALabelledPostThrowsLeavesRun) {
  postLabelled(dispatcher_, "throws", [] { throw std::out_of_range("thrown"); });
  EXPECT_THROW(dispatcher_.run(RunType::NonBlock), std::out_of_range);
}

TEST_F(Label, NoneAndNotRunning) {
  const Doing idle = doing(dispatcher_);
  EXPECT_EQ(Activity::NotRunning, idle.activity);
  EXPECT_EQ("", idle.label);
  dispatcher_.post(ask());
  dispatcher_.run(RunType::NonBlock);
  expectTold(Activity::Post, 0, "");
}

TEST_F(Label, TextsThatCannotBeLabelsAreRefused) {
  const TimerPtr timer = dispatcher_.createTimer([] {});
  PeriodicTimer periodic(dispatcher_, [] {});
  const std::string refused[] = {"",     "two\nlines", std::string("cut\0short", 9), std::string(101, 'x'),
                                 "\xff", "\x7f"};
  for (const std::string& text : refused) {
    EXPECT_THROW(setLabel(*timer, text), std::invalid_argument) << text;
    EXPECT_THROW(setLabel(periodic, text), std::invalid_argument) << text;
    EXPECT_THROW(postLabelled(dispatcher_, text, [] {}), std::invalid_argument) << text;
  }
  EXPECT_THROW(postLabelled(dispatcher_, "empty", nullptr), std::invalid_argument);
  setLabel(*timer, std::string(100, 'x'));
}

// A user's own.
class ForeignTimer : public Timer {
 public:
  void disableTimer() override {}
  void enableTimer(milliseconds) override {}
  void enableHRTimer(microseconds) override {}
  bool enabled() override { return false; }
};
class ForeignSignalEvent : public SignalEvent {};

TEST_F(Label, HandlesOfOthersAreRefused) {
  ForeignTimer timer;
  EXPECT_THROW(setLabel(timer, "foreign"), std::invalid_argument);
  ForeignSignalEvent event;
  EXPECT_THROW(setLabel(event, "foreign"), std::invalid_argument);
  ForeignDispatcher dispatcher("foreign");
  EXPECT_THROW(postLabelled(dispatcher, "foreign", [] {}), std::invalid_argument);
  EXPECT_THROW(doing(dispatcher), std::invalid_argument);
}

}  // namespace
}  // namespace mcp_event_test
