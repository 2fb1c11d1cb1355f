#include "mcp/event/crash_dump.h"

#ifndef _WIN32
#include <sys/resource.h>
#include <sys/wait.h>
#endif

#include <csignal>
#include <cstdlib>
#include <ostream>
#include <stdexcept>
#include <system_error>

#include "mcp/event/label.h"
#include "support.h"

namespace mcp_event_test {
namespace {

#ifdef _WIN32

TEST(CrashDump, NoneAreWrittenOnWindows) {
  EXPECT_THROW(installCrashDump(), std::runtime_error);
  uninstallCrashDump();
}

#else

// How a child ended, and what it wrote.
struct End {
  int status;
  std::string dump;

  bool diedOf(int signal_number) const { return WIFSIGNALED(status) && WTERMSIG(status) == signal_number; }
  bool has(const std::string& text) const { return dump.find(text) != std::string::npos; }
};

// Runs `body` in a child that writes crash dumps.
End inChild(const std::function<void()>& body) {
  int fds[2];
  EXPECT_EQ(0, ::pipe(fds));
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit none = {0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    CrashDumpOptions options;
    options.fd = fds[1];
    installCrashDump(options);
    body();
    ::_exit(EXIT_SUCCESS);
  }
  ::close(fds[1]);
  End end;
  char buffer[512];
  ssize_t got = 0;
  while ((got = ::read(fds[0], buffer, sizeof(buffer))) > 0) {
    end.dump.append(buffer, static_cast<size_t>(got));
  }
  ::close(fds[0]);
  EXPECT_EQ(pid, ::waitpid(pid, &end.status, 0));
  return end;
}

class Connection : public ScopeTrackedObject {
 public:
  Connection(int fd, double load) : fd_(fd), load_(load) {}

  void dumpState(std::ostream& os, int indent_level) const override {
    for (int i = 0; i < indent_level; ++i) {
      os << "  ";
    }
    os << "connection " << fd_ << ", load " << load_ << std::endl;
  }

 private:
  const int fd_;
  const double load_;
};

// Throws while it describes itself.
class Throwing : public ScopeTrackedObject {
 public:
  void dumpState(std::ostream&, int) const override { throw std::runtime_error("no state"); }
};

// Crashes while it describes itself.
class Crashing : public ScopeTrackedObject {
 public:
  void dumpState(std::ostream& os, int) const override {
    os << "half";
    std::abort();
  }
};

void writeToNull() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

int recurse(const volatile int& depth) {
  volatile int room[64];
  if (depth < 0) {
    return 0;
  }
  room[0] = depth + 1;
  return recurse(room[0]) + room[0];
}

void overflowStack() {
  volatile int depth = 0;
  recurse(depth);
}

// Tracks objects and crashes, in a labelled post of the loop "doomed" on a thread of its own.
void crashOnLoop(const std::function<void()>& crash) {
  LibeventDispatcher dispatcher("doomed");
  postLabelled(dispatcher, "tools/call", [&] {
    const Connection outer(7, 0.5);
    const Throwing throwing;
    const Crashing crashing;
    const Connection inner(42, 1.5);
    dispatcher.pushTrackedObject(&outer);
    dispatcher.pushTrackedObject(&throwing);
    dispatcher.pushTrackedObject(&crashing);
    dispatcher.pushTrackedObject(&inner);
    crash();
  });
  std::thread([&] { dispatcher.run(RunType::NonBlock); }).join();
}

TEST(CrashDump, X2_ObjectsDescribeThemselvesInnermostFirst) {
  const End end = inChild([] { crashOnLoop(writeToNull); });
  EXPECT_TRUE(end.diedOf(SIGSEGV));
  EXPECT_EQ(0u, end.dump.find("mcp_event crash: signal 11 (SIGSEGV) at 0x0 on thread ")) << end.dump;
  EXPECT_TRUE(
      end.has("  dispatcher doomed: post (tools/call)\n"
              "  tracked objects, innermost first:\n"
              "    connection 42, load 1.5\n"
              "    half\n"
              "    (this crashed: signal 6 (SIGABRT) sent by process "))
      << end.dump;
  EXPECT_TRUE(
      end.has(")\n"
              "    (its dumpState() threw)\n"
              "          connection 7, load 0.5\n"
              "mcp_event crash: end of dump\n"))
      << end.dump;
}

TEST(CrashDump, X2_AStackOverflowIsShown) {
  const End end = inChild([] { crashOnLoop(overflowStack); });
  EXPECT_TRUE(end.diedOf(SIGSEGV));
  EXPECT_TRUE(end.has("  dispatcher doomed: post (tools/call)\n")) << end.dump;
  EXPECT_TRUE(end.has("    connection 42, load 1.5\n")) << end.dump;
  EXPECT_TRUE(end.has("end of dump\n")) << end.dump;
}

TEST(CrashDump, X2_AnUncaughtExceptionShowsItsWorker) {
  const End end = inChild([] {
    const WorkerPtr worker =
        createDefaultWorkerFactory()->createWorker(5, *createPlatformDefaultDispatcherFactory());
    worker->start();
    worker->dispatcher().post([] { throw std::runtime_error("on purpose"); });
    for (;;) {
      ::pause();
    }
  });
  EXPECT_TRUE(end.diedOf(SIGABRT));
  EXPECT_EQ(0u, end.dump.find("mcp_event crash: signal 6 (SIGABRT) ")) << end.dump;
  EXPECT_TRUE(end.has(" on thread worker_5 (tid ")) << end.dump;
}

TEST(CrashDump, X2_NoneAfterUninstalling) {
  const End end = inChild([] {
    uninstallCrashDump();
    uninstallCrashDump();
    crashOnLoop(writeToNull);
  });
  EXPECT_TRUE(end.diedOf(SIGSEGV));
  EXPECT_EQ("", end.dump);
}

TEST(CrashDump, X2_OptionsThatMakeNoSenseAreRefused) {
  CrashDumpOptions options;
  options.signals.clear();
  EXPECT_THROW(installCrashDump(options), std::invalid_argument);
  options.signals = {SIGTERM};
  EXPECT_THROW(installCrashDump(options), std::invalid_argument);
  options.signals = {SIGSEGV};
  options.fd = 0;
  EXPECT_THROW(installCrashDump(options), std::invalid_argument);
  options.fd = -1;
  EXPECT_THROW(installCrashDump(options), std::system_error);
  FdPair pipe = FdPair::pipe();
  options.fd = pipe.far();
  EXPECT_THROW(installCrashDump(options), std::invalid_argument);
}

#endif  // _WIN32

}  // namespace
}  // namespace mcp_event_test
