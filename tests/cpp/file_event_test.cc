#ifndef _WIN32
#include <poll.h>
#endif

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "support.h"

namespace mcp_event_test {
namespace {

class FileEventTest : public testing::Test {
 protected:
  // Records each delivery of `fd` as "<name><events>".
  FileEventPtr recorded(os_fd_t fd, FileTriggerType trigger, uint32_t events, const std::string& name = "") {
    return dispatcher_.createFileEvent(
        fd, [this, name](uint32_t ready) { journal_.push_back(name + std::to_string(ready)); }, trigger,
        events);
  }
  // What one run(NonBlock) delivers.
  Journal pass() {
    journal_.clear();
    dispatcher_.run(RunType::NonBlock);
    return journal_;
  }

  Journal journal_;
  LibeventDispatcher dispatcher_{"file events"};
};

const Journal kNothing;
const Journal kReadable = {"1"};
const Journal kWritable = {"2"};
// What each further pass tells an edge of data that it has left unread.
#ifdef _WIN32
// The kernel has no edges.
const Journal kAgain = kReadable;
#else
const Journal kAgain = kNothing;
#endif

TEST_F(FileEventTest, F1_LevelIsDeliveredForAsLongAsItLasts) {
  const FdPair pair = FdPair::pipe();
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Level, kRead);
  EXPECT_EQ(kNothing, pass());
  pair.write("x");
  EXPECT_EQ(kReadable, pass());
  EXPECT_EQ(kReadable, pass());
  EXPECT_EQ("x", pair.readAll());
  EXPECT_EQ(kNothing, pass());
}

TEST_F(FileEventTest, F2_EdgeIsDeliveredOncePerTransition) {
  const FdPair pair = FdPair::sockets();
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Edge, kRead);
  pair.write("x");
  EXPECT_EQ(kReadable, pass());
  EXPECT_EQ(kAgain, pass());
  EXPECT_EQ("x", pair.readAll());
  EXPECT_EQ(kNothing, pass());
  pair.write("y");
  EXPECT_EQ(kReadable, pass());
}

TEST_F(FileEventTest, F2_ReadinessAtCreationCounts) {
  const FdPair pair = FdPair::sockets();
  pair.write("x");
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Edge, kRead | kWrite);
  EXPECT_EQ((Journal{"3"}), pass());
}

TEST_F(FileEventTest, F2_WritabilityComesBackWithRoom) {
  const FdPair pair = FdPair::sockets();
  pair.fill();
  const FileEventPtr event = recorded(pair.near(), FileTriggerType::Edge, kWrite);
  EXPECT_EQ(kNothing, pass());
  pair.readAll();
  EXPECT_EQ(kWritable, pass());
}

TEST_F(FileEventTest, F3_SetEnabledDeliversAgainAlsoWithTheSameMask) {
  const FdPair pair = FdPair::sockets();
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Edge, kRead);
  pair.write("x");
  EXPECT_EQ(kReadable, pass());
  event->setEnabled(kRead);
  EXPECT_EQ(kReadable, pass());
  event->setEnabled(kWrite);
  EXPECT_EQ(kWritable, pass());
  event->setEnabled(kRead | kWrite);
  EXPECT_EQ((Journal{"3"}), pass());
}

TEST_F(FileEventTest, F3_SetEnabledInTheCallbackDeliversInALaterIteration) {
  const FdPair pair = FdPair::sockets();
  int calls = 0;
  FileEventPtr event;
  event = dispatcher_.createFileEvent(
      pair.far(),
      [&](uint32_t) {
        if (++calls == 3) {
          dispatcher_.exit();
        } else {
          event->setEnabled(kRead);
        }
      },
      FileTriggerType::Edge, kRead);
  pair.write("x");
  runUntilExit(dispatcher_);
  EXPECT_EQ(3, calls);
}

TEST_F(FileEventTest, F4_SetEnabledDropsPendingActivations) {
  const FdPair pair = FdPair::sockets();
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Edge, kRead);
  event->activate(kRead | kClosed);
  event->setEnabled(kRead);
  EXPECT_EQ(kNothing, pass());
}

TEST_F(FileEventTest, F5_DisabledHearsNothingNotEvenAHangUp) {
  FdPair pair = FdPair::sockets();
  for (const FileTriggerType trigger : {FileTriggerType::Level, FileTriggerType::Edge}) {
    const FileEventPtr event = recorded(pair.far(), trigger, kRead | kWrite | kClosed | kError);
    event->setEnabled(0);
    pair.closeNear();
    EXPECT_EQ(kNothing, pass());
  }
}

TEST_F(FileEventTest, F5_AnActivationIsDeliveredWhileDisabled) {
  const FdPair pair = FdPair::sockets();
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Edge, 0);
  event->activate(kWrite);
  EXPECT_EQ(kWritable, pass());
}

TEST_F(FileEventTest, F5_DisabledInACallbackThenTheDescriptorClosedAndDestroyedLater) {
  FdPair pair = FdPair::sockets();
  int calls = 0;
  FileEventPtr event;
  event = dispatcher_.createFileEvent(
      pair.far(),
      [&](uint32_t) {
        ++calls;
        event->setEnabled(0);
        pair.closeFar();
        dispatcher_.post([&] {
          event.reset();
          dispatcher_.exit();
        });
      },
      FileTriggerType::Level, kRead);
  pair.write("x");
  runUntilExit(dispatcher_);
  EXPECT_EQ(1, calls);
}

TEST_F(FileEventTest, F6_ActivationsAreMergedWithEachOtherAndWithReadiness) {
  const FdPair pair = FdPair::sockets();
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Edge, kRead);
  pair.write("x");
  event->activate(kWrite);
  event->activate(kClosed);
  EXPECT_EQ((Journal{"7"}), pass());
  EXPECT_EQ(kAgain, pass());
}

TEST_F(FileEventTest, F6_FromInsideTheCallbackItLandsInALaterIteration) {
  const FdPair pair = FdPair::sockets();
  const TimerPtr timer = dispatcher_.createTimer([&] { journal_.push_back("timer of the same iteration"); });
  FileEventPtr event;
  event = dispatcher_.createFileEvent(
      pair.far(),
      [&](uint32_t ready) {
        journal_.push_back(std::to_string(ready));
        if (ready == kRead) {
          pair.readAll();
          event->activate(kWrite);
          journal_.push_back("activated");
        }
      },
      FileTriggerType::Edge, kRead);
  pair.write("x");
  timer->enableTimer(milliseconds(0));
  EXPECT_EQ((Journal{"1", "activated", "timer of the same iteration", "2"}), pass());
}

TEST_F(FileEventTest, F7_NothingAndUnknownBitsAreRefused) {
  const FdPair pair = FdPair::sockets();
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Edge, kRead);
  for (const uint32_t events : {0u, 16u, kRead | 16u, 0xffffffffu}) {
    EXPECT_THROW(event->activate(events), std::invalid_argument) << events;
  }
  EXPECT_THROW(event->setEnabled(kRead | 16u), std::invalid_argument);
  EXPECT_THROW(recorded(pair.far(), FileTriggerType::Edge, 0x80000000u), std::invalid_argument);
  EXPECT_THROW(recorded(pair.far(), static_cast<FileTriggerType>(3), kRead), std::invalid_argument);
  pair.write("x");
  EXPECT_EQ(kReadable, pass());
}

TEST_F(FileEventTest, F8_DestroyedOrDisabledInTheSameBatch) {
  const FdPair first = FdPair::sockets();
  const FdPair second = FdPair::sockets();
  const FdPair third = FdPair::sockets();
  FileEventPtr destroyed;
  FileEventPtr disabled;
  const FileEventPtr event = dispatcher_.createFileEvent(
      first.far(),
      [&](uint32_t) {
        journal_.push_back("first");
        first.readAll();
        destroyed.reset();
        disabled->setEnabled(0);
      },
      FileTriggerType::Edge, kRead);
  destroyed = recorded(second.far(), FileTriggerType::Edge, kRead, "destroyed ");
  disabled = recorded(third.far(), FileTriggerType::Edge, kRead, "disabled ");
  first.write("x");
  second.write("x");
  third.write("x");
  EXPECT_EQ((Journal{"first"}), pass());
  EXPECT_EQ(kNothing, pass());
}

TEST_F(FileEventTest, F8_DestructionFromAnotherThreadWaitsForTheRunningCallback) {
  LoopThread loop(dispatcher_);
  const FdPair pair = FdPair::pipe();
  Event entered;
  std::atomic<bool> done{false};
  FileEventPtr event = dispatcher_.createFileEvent(
      pair.far(),
      [&](uint32_t) {
        entered.set();
        std::this_thread::yield();
        done = true;
      },
      FileTriggerType::Edge, kRead);
  pair.write("x");
  entered.wait();
  event.reset();
  EXPECT_TRUE(done);
}

TEST_F(FileEventTest, F9_DestroysItselfInItsCallback) {
  const FdPair pair = FdPair::pipe();
  bool capture_alive = false;
  bool capture_gone = false;
  FileEventPtr event;
  event = dispatcher_.createFileEvent(
      pair.far(),
      [&, capture = atDestruction([&] { capture_gone = true; })](uint32_t) {
        event.reset();
        capture_alive = !capture_gone;
      },
      FileTriggerType::Level, kRead);
  pair.write("x");
  pass();
  EXPECT_TRUE(capture_alive);
  EXPECT_TRUE(capture_gone);
  EXPECT_EQ("x", pair.readAll());
}

TEST_F(FileEventTest, F10_TheEndOfAPipeWakesAReader) {
  FdPair pair = FdPair::pipe();
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Edge, kRead);
  pair.closeNear();
  EXPECT_EQ(kReadable, pass());
}

TEST_F(FileEventTest, F10_ClosedAndErrorOnlyIfAskedFor) {
  FdPair pair = FdPair::pipe();
  const FileEventPtr reader = recorded(pair.far(), FileTriggerType::Edge, kRead | kClosed, "reader ");
  const FdPair other = FdPair::pipe();
  pair.closeNear();
  EXPECT_EQ((Journal{"reader 5"}), pass());
}

TEST_F(FileEventTest, F10_AnErrorWakesAWriter) {
  FdPair pair = FdPair::pipe();
  pair.fill();
  const FileEventPtr plain = recorded(pair.near(), FileTriggerType::Edge, kWrite, "plain ");
  const FileEventPtr asking = recorded(pair.near(), FileTriggerType::Edge, kWrite | kError, "asking ");
  pass();
  pair.closeFar();
  EXPECT_EQ((Journal{"plain 2", "asking 10"}), pass());
}

TEST_F(FileEventTest, F10_TheResetOfAConnection) {
  FdPair pair = FdPair::connection();
  uint32_t reported = 0;
  const FileEventPtr event = dispatcher_.createFileEvent(
      pair.far(), [&](uint32_t ready) { reported |= ready; }, FileTriggerType::Level,
      kRead | kClosed | kError);
  pair.resetNear();
  pumpUntil(dispatcher_, [&] { return reported != 0; });
  EXPECT_EQ(kRead | kClosed | kError, reported);
}

// Under wine the end shows only once all before it is read.
#ifndef _WIN32
TEST_F(FileEventTest, F11_ClosedComesTogetherWithWhatIsLeftToRead) {
  FdPair pair = FdPair::sockets();
  pair.write("last words");
  pair.endNear();
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Edge, kRead | kClosed);
  EXPECT_EQ((Journal{"5"}), pass());
  EXPECT_EQ("last words", pair.readAll());
}
#endif

TEST_F(FileEventTest, F12_AnErrorThatNobodyAskedForIsToldToTheOneWhoAskedForClosed) {
  FdPair pair = FdPair::pipe();
  const FileEventPtr event = recorded(pair.near(), FileTriggerType::Edge, kClosed);
  pair.closeFar();  // ERR alone at the writing end
  EXPECT_EQ((Journal{"4"}), pass());
}

TEST_F(FileEventTest, F13_SeveralEventsOnOneDescriptor) {
  const FdPair pair = FdPair::sockets();
  const FileEventPtr reader = recorded(pair.far(), FileTriggerType::Edge, kRead, "reader ");
  const FileEventPtr level = recorded(pair.far(), FileTriggerType::Level, kRead, "level ");
  const FileEventPtr edge = recorded(pair.far(), FileTriggerType::Edge, kWrite, "edge ");
  EXPECT_EQ((Journal{"edge 2"}), pass());
  pair.write("x");
  EXPECT_EQ((Journal{"reader 1", "level 1"}), pass());
  reader->setEnabled(0);
  EXPECT_EQ((Journal{"level 1"}), pass());
  reader->setEnabled(kRead);
  EXPECT_EQ((Journal{"reader 1", "level 1"}), pass());
  reader->setEnabled(0);
  edge->setEnabled(kWrite);
  EXPECT_EQ((Journal{"level 1", "edge 2"}), pass());
}

TEST_F(FileEventTest, F13_OneOfThemDestroyedLeavesTheOthers) {
  const FdPair pair = FdPair::sockets();
  FileEventPtr first = recorded(pair.far(), FileTriggerType::Level, kRead, "first ");
  const FileEventPtr second = recorded(pair.far(), FileTriggerType::Level, kRead, "second ");
  pair.write("x");
  EXPECT_EQ((Journal{"first 1", "second 1"}), pass());
  first.reset();
  EXPECT_EQ((Journal{"second 1"}), pass());
}

// A duplicate of a socket is for another process.
#ifndef _WIN32
TEST_F(FileEventTest, F14_ClosedButAliveInADuplicateWakesNobody) {
  FdPair pair = FdPair::pipe();
  FileEventPtr event = recorded(pair.far(), FileTriggerType::Level, kRead);
  const int duplicate = dup(pair.far());
  pair.closeFar();
  event.reset();
  pair.write("x");
  EXPECT_EQ(kNothing, pass());
  pollfd poll_fd = {pollFd(dispatcher_), POLLIN, 0};
  EXPECT_EQ(0, poll(&poll_fd, 1, 0));
  close(duplicate);
}
#endif

TEST_F(FileEventTest, F15_ANumberThatIsUsedAgain) {
  FdPair old_pair = FdPair::pipe();
  const os_fd_t number = old_pair.far();
  const FileEventPtr old_event = recorded(number, FileTriggerType::Edge, kRead, "old ");
  old_pair.closeFar();
  const FdPair new_pair = FdPair::pipe();
  if (new_pair.far() != number) {
    GTEST_SKIP() << "this system does not use a number again so soon";
  }
  const FileEventPtr new_event = recorded(number, FileTriggerType::Edge, kRead, "new ");
  new_pair.write("x");
  EXPECT_EQ((Journal{"new 1"}), pass());
}

int errorOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::system_error& e) {
    return e.code().value();
  }
  return 0;
}

TEST_F(FileEventTest, F16_WhatCannotBeWatched) {
  const auto ignore = [](uint32_t) {};
  FdPair closed = FdPair::pipe();
  const os_fd_t closed_fd = closed.far();
  closed.closeFar();
#ifdef _WIN32
  const int not_open = WSAENOTSOCK;
#else
  const int not_open = EBADF;
#endif
  for (const os_fd_t fd : {kNoFd, closed_fd}) {
    EXPECT_EQ(not_open,
              errorOf([&] { dispatcher_.createFileEvent(fd, ignore, FileTriggerType::Edge, kRead); }))
        << fd;
  }
  EXPECT_EQ(kNothing, pass());
}

// On Windows a file is no socket, so it does not even have the type.
#ifndef _WIN32
TEST_F(FileEventTest, F16_ARegularFileCannotBeWatched) {
  const auto ignore = [](uint32_t) {};
  char path[] = "file_event_test.XXXXXX";
  const int file = mkstemp(path);
  ASSERT_GE(file, 0);
  EXPECT_EQ(EPERM,
            errorOf([&] { dispatcher_.createFileEvent(file, ignore, FileTriggerType::Level, kRead); }));
  EXPECT_EQ(EPERM, errorOf([&] {
              const FileEventPtr event = dispatcher_.createFileEvent(file, ignore, FileTriggerType::Level, 0);
              event->setEnabled(kRead);
            }));
  close(file);
  unlink(path);
}
#endif

TEST_F(FileEventTest, F17_EmulatedEdgeUnregistersWhatItDelivers) {
  const FdPair pair = FdPair::sockets();
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::EmulatedEdge, kRead | kWrite);
  EXPECT_EQ(kWritable, pass());
  EXPECT_EQ(kNothing, pass());
  pair.write("x");
  EXPECT_EQ(kReadable, pass());
  EXPECT_EQ(kNothing, pass());
  event->registerEventIfEmulatedEdge(kRead);
  EXPECT_EQ(kReadable, pass());
  event->registerEventIfEmulatedEdge(kRead | kWrite);
  event->unregisterEventIfEmulatedEdge(kRead);
  EXPECT_EQ(kWritable, pass());
}

TEST_F(FileEventTest, F18_RegisteringIsForEmulatedEdgeOnly) {
  const FdPair pair = FdPair::sockets();
  const FileEventPtr edge = recorded(pair.far(), FileTriggerType::Edge, kRead);
  pair.write("x");
  EXPECT_EQ(kReadable, pass());
  EXPECT_EQ("x", pair.readAll());
  edge->registerEventIfEmulatedEdge(kRead | kWrite);
  EXPECT_EQ(kNothing, pass());
  const FileEventPtr level = recorded(pair.far(), FileTriggerType::Level, kWrite, "level ");
  level->unregisterEventIfEmulatedEdge(kWrite);
  EXPECT_EQ((Journal{"level 2"}), pass());
}

// There are no flags of a socket that can be read on Windows.
#ifndef _WIN32
TEST_F(FileEventTest, F19_TheDescriptorStaysAsItWas) {
  int fds[2];
  ASSERT_EQ(0, pipe(fds));
  const int flags = fcntl(fds[0], F_GETFL);
  dispatcher_
      .createFileEvent(
          fds[0], [](uint32_t) {}, FileTriggerType::Edge, kRead)
      .reset();
  EXPECT_EQ(flags, fcntl(fds[0], F_GETFL));
  close(fds[0]);
  close(fds[1]);
}
#endif

TEST_F(FileEventTest, P12_AnEmptyCallbackIsRefused) {
  const FdPair pair = FdPair::pipe();
  EXPECT_THROW(dispatcher_.createFileEvent(pair.far(), nullptr, FileTriggerType::Edge, kRead),
               std::invalid_argument);
}

TEST_F(FileEventTest, H1_CreatedAndChangedFromAnotherThread) {
  LoopThread loop(dispatcher_);
  for (int i = 0; i < 50; ++i) {
    const FdPair pair = FdPair::pipe();
    Event ready;
    const FileEventPtr event = dispatcher_.createFileEvent(
        pair.far(), [&](uint32_t) { ready.set(); }, FileTriggerType::Edge, 0);
    pair.write("x");
    event->setEnabled(kRead);
    ready.wait();
    event->setEnabled(0);
  }
}

TEST_F(FileEventTest, H2_InertAfterItsDispatcher) {
  const FdPair pair = FdPair::pipe();
  auto dispatcher = std::make_unique<LibeventDispatcher>("gone");
  const FileEventPtr event = dispatcher->createFileEvent(
      pair.far(), [](uint32_t) { ADD_FAILURE() << "its loop is gone"; }, FileTriggerType::Edge, kRead);
  dispatcher.reset();
  pair.write("x");
  event->setEnabled(kRead);
  event->activate(kRead);
  event->setEnabled(0);
}

TEST_F(FileEventTest, R2_ALevelEventIsDeliveredOnceACall) {
  const FdPair pair = FdPair::pipe();
  pair.write("x");
  int posts = 5;
  const std::function<void()> again = [&] {
    if (--posts > 0) {
      dispatcher_.post(again);
    }
  };
  const FileEventPtr event = recorded(pair.far(), FileTriggerType::Level, kRead);
  dispatcher_.post(again);
  EXPECT_EQ(kReadable, pass());
  EXPECT_EQ(0, posts);
}

}  // namespace
}  // namespace mcp_event_test
