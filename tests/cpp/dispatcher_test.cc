#ifndef _WIN32
#include <dirent.h>
#include <sys/resource.h>
#include <sys/wait.h>
#endif

#include <csignal>
#include <cstdlib>
#include <system_error>

#include "support.h"

namespace mcp_event_test {
namespace {

TEST(DispatcherTest, KeepsItsNameWhateverItIs) {
  const std::string names[] = {
      "", "main", std::string(10000, 'n'), std::string("with\0NUL", 8), "not \xff\xfe UTF-8", "caf\xc3\xa9"};
  for (const std::string& name : names) {
    LibeventDispatcher dispatcher(name);
    EXPECT_EQ(name, dispatcher.name());
    dispatcher.run(RunType::NonBlock);
  }
}

TEST(DispatcherTest, HandsOutAWatermarkFactory) {
  LibeventDispatcher dispatcher("watermarks");
  WatermarkFactory& factory = dispatcher.getWatermarkFactory();
  EXPECT_EQ(&factory, &dispatcher.getWatermarkFactory());
}

TEST(DispatcherTest, ExtrasRefuseADispatcherThatIsNotOurs) {
  ForeignDispatcher foreign("foreign");
  EXPECT_THROW(tryPost(foreign, [] {}), std::invalid_argument);
  EXPECT_THROW(backendName(foreign), std::invalid_argument);
  EXPECT_THROW(pollFd(foreign), std::invalid_argument);
  EXPECT_THROW(nextTimeout(foreign), std::invalid_argument);
  EXPECT_THROW(loopStats(foreign), std::invalid_argument);
  EXPECT_THROW(setBusyPoll(foreign, microseconds(1)), std::invalid_argument);
}

TEST(Factories, TellWhatTheyRunOn) {
  const DispatcherFactoryPtr platform = createPlatformDefaultDispatcherFactory();
  EXPECT_EQ(backendName(*platform->createDispatcher("platform")), platform->backendName());
  const DispatcherFactoryPtr libevent = createLibeventDispatcherFactory();
  EXPECT_EQ("libevent", libevent->backendName());
  EXPECT_EQ(platform->backendName(), backendName(*libevent->createDispatcher("libevent")));
  EXPECT_EQ("libevent", LibeventDispatcherFactory().backendName());
}

TEST(Factories, NamedOnes) {
  const std::string backend = createPlatformDefaultDispatcherFactory()->backendName();
  const DispatcherFactoryPtr factory = createDispatcherFactory(backend);
  EXPECT_EQ(backend, factory->backendName());
  const DispatcherPtr dispatcher = factory->createDispatcher("named");
  EXPECT_EQ("named", dispatcher->name());
  EXPECT_EQ(backend, backendName(*dispatcher));

  EXPECT_THROW(createDispatcherFactory("no such poller"), std::invalid_argument);
  EXPECT_THROW(createDispatcherFactory(""), std::invalid_argument);
  EXPECT_THROW(createDispatcherFactory(backend + std::string("\0", 1)), std::invalid_argument);
}

TEST(Factories, AKnownPollerThatIsNotThereIsARuntimeError) {
  for (const char* backend : {"io_uring", "mio", "libevent", "asio"}) {
    try {
      EXPECT_EQ(backend, createDispatcherFactory(backend)->backendName());
    } catch (const std::runtime_error& e) {
      EXPECT_NE(std::string::npos, std::string(e.what()).find(backend)) << e.what();
    }
  }
}

// A value of null removes the variable.
void setEnvironment(const char* variable, const char* value) {
#ifdef _WIN32
  ASSERT_EQ(0, _putenv_s(variable, value == nullptr ? "" : value));
#else
  ASSERT_EQ(0, value == nullptr ? unsetenv(variable) : setenv(variable, value, 1));
#endif
}

TEST(Factories, TheEnvironmentNamesThePoller) {
  const char* const variable = "MCP_EVENT_BACKEND";
  const char* const before = std::getenv(variable);
  const std::string former = before == nullptr ? "" : before;
  const std::string backend = createPlatformDefaultDispatcherFactory()->backendName();

  setEnvironment(variable, nullptr);
  const std::string best = createPlatformDefaultDispatcherFactory()->backendName();
  setEnvironment(variable, backend.c_str());
  EXPECT_EQ(backend, backendName(LibeventDispatcher("named by the environment")));
  setEnvironment(variable, "no such poller");
  EXPECT_EQ(best, backendName(LibeventDispatcher("the name is ignored, with a warning in the log")));
  EXPECT_EQ(best, createPlatformDefaultDispatcherFactory()->backendName());

  setEnvironment(variable, before == nullptr ? nullptr : former.c_str());
}

TEST(Factories, AsioIsThereOrNamedAsMissing) {
  try {
    EXPECT_EQ("asio", createAsioDispatcherFactory()->backendName());
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string::npos, std::string(e.what()).find("\"asio\" is not built in")) << e.what();
  }
}

// Windows has neither a limit that a process can lower, nor fork().
#ifndef _WIN32
size_t openDescriptors() {
  size_t count = 0;
  DIR* const directory = opendir("/proc/self/fd");
  while (readdir(directory) != nullptr) {
    ++count;
  }
  closedir(directory);
  return count;
}

TEST(DispatcherTest, OutOfDescriptorsAtCreation) {
  const size_t before = openDescriptors();
  rlimit limit = {};
  ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
  const rlimit original = limit;
  int refused = 0;
  bool created = false;
  for (rlim_t room = 0; !created && room < 64; ++room) {
    limit.rlim_cur = room;
    ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
    try {
      LibeventDispatcher dispatcher("out of descriptors");
      created = true;
    } catch (const std::system_error& e) {
      EXPECT_EQ(EMFILE, e.code().value());
      ++refused;
    }
  }
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &original));
  EXPECT_TRUE(created);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(before, openDescriptors());
}

// Runs `check` in a forked child; whether it returned true there.
bool inChild(const std::function<bool()>& check) {
  const pid_t child = fork();
  if (child == 0) {
    std::_Exit(check() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(child, waitpid(child, &status, 0));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(DispatcherTest, AForkedChildIsToldSo) {
  LibeventDispatcher dispatcher("forked");
  const FdPair pair = FdPair::pipe();
  const auto ignore = [](uint32_t) {};
  const FileEventPtr event = dispatcher.createFileEvent(pair.far(), ignore, FileTriggerType::Edge, kRead);
  const auto refused = [](const std::function<void()>& call) {
    try {
      call();
      return false;
    } catch (const std::logic_error& e) {
      return std::string(e.what()).find("fork") != std::string::npos;
    }
  };
  EXPECT_TRUE(inChild([&] { return refused([&] { dispatcher.run(RunType::NonBlock); }); }));
  // What would change the parent's loop, whose kernel objects the child shares.
  EXPECT_TRUE(inChild([&] {
    return refused([&] { dispatcher.createFileEvent(pair.near(), ignore, FileTriggerType::Edge, kWrite); });
  }));
  EXPECT_TRUE(inChild([&] { return refused([&] { event->setEnabled(kRead); }); }));
  EXPECT_TRUE(inChild([&] { return refused([&] { dispatcher.listenForSignal(SIGUSR1, [] {}); }); }));
  EXPECT_TRUE(inChild([&] {
    LibeventDispatcher own("of the child");
    bool ran = false;
    own.post([&] { ran = true; });
    own.run(RunType::NonBlock);
    return ran;
  }));
  bool ran = false;
  dispatcher.post([&] { ran = true; });
  dispatcher.run(RunType::NonBlock);
  EXPECT_TRUE(ran);
}
#endif  // _WIN32

}  // namespace
}  // namespace mcp_event_test
