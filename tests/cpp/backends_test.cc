#include "mcp/event/backends.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "support.h"

namespace mcp_event_test {
namespace {

TEST(Backends, EachIsListedOnce) {
  std::set<std::string> names;
  for (const Backend& backend : backends()) {
    EXPECT_TRUE(names.insert(backend.name).second) << backend.name;
  }
  for (const char* name : {"epoll", "io_uring", "kqueue", "iocp", "mio", "libevent", "asio"}) {
    EXPECT_EQ(1u, names.count(name)) << name;
  }
}

TEST(Backends, OneThatWorksRunsADispatcher) {
  for (const Backend& backend : backends()) {
    if (!backend.works) {
      continue;
    }
    EXPECT_EQ("", backend.reason);
    const DispatcherPtr dispatcher = createDispatcherFactory(backend.name)->createDispatcher("one of all");
    bool ran = false;
    dispatcher->post([&ran] { ran = true; });
    dispatcher->run(RunType::NonBlock);
    EXPECT_TRUE(ran) << backend.name;
  }
}

TEST(Backends, OneThatDoesNotWorkSaysWhy) {
  for (const Backend& backend : backends()) {
    if (backend.works) {
      continue;
    }
    EXPECT_NE(std::string::npos, backend.reason.find(backend.name)) << backend.reason;
    try {
      createDispatcherFactory(backend.name);
      ADD_FAILURE() << backend.name << " was accepted";
    } catch (const std::exception& e) {
      EXPECT_NE(std::string::npos, std::string(e.what()).find(backend.name)) << e.what();
    }
  }
}

// Without it, suites that are run once for each backend could all run on the default one.
TEST(Backends, TheEnvironmentsIsTheDefault) {
  const char* const named = std::getenv("MCP_EVENT_BACKEND");
  if (named != nullptr) {
    EXPECT_EQ(named, backendName(LibeventDispatcher("named by the environment")));
  }
}

}  // namespace
}  // namespace mcp_event_test
