#include "mcp/event/metrics.h"

#include <stdexcept>
#include <string>
#include <system_error>

#include "mcp/event/worker_pool.h"
#include "support.h"

namespace mcp_event_test {
namespace {

class Metrics : public testing::Test {
 protected:
  bool shows(const std::string& text) const { return registry_.prometheus().find(text) != std::string::npos; }

  LibeventDispatcher dispatcher_{"main"};
  MetricsRegistry registry_;
};

TEST_F(Metrics, TheFiguresOfDispatchersAreShownUntilTheyAreRemoved) {
  dispatcher_.post([] {});
  dispatcher_.run(RunType::NonBlock);
  registry_.addDispatcher(dispatcher_);
  EXPECT_TRUE(shows("mcp_event_loop_posts_run_total{dispatcher=\"main\"} 1\n"));
  EXPECT_THROW(registry_.addDispatcher(dispatcher_), std::invalid_argument);
  EXPECT_TRUE(registry_.remove("main"));
  EXPECT_FALSE(registry_.remove("main"));
  EXPECT_EQ("", registry_.prometheus());
}

TEST_F(Metrics, TheFiguresOfPoolsAreShownAlsoWhenTheyAreGone) {
  {
    WorkerPool pool(2);
    pool.dispatcher(1).post([] {});
    pool.dispatcher(1).run(RunType::NonBlock);
    registry_.addPool("io", pool);
    EXPECT_THROW(registry_.addPool("io", pool), std::invalid_argument);
    EXPECT_THROW(registry_.addPool(std::string("i\0o", 3), pool), std::invalid_argument);
    EXPECT_TRUE(shows("mcp_event_pool_workers{pool=\"io\"} 2\n"));
    EXPECT_TRUE(shows("mcp_event_loop_posts_run_total{pool=\"io\",dispatcher=\"worker_1\"} 1\n"));
  }
  EXPECT_TRUE(shows("mcp_event_pool_posts_run_total{pool=\"io\"} 1\n"));
  EXPECT_TRUE(registry_.remove("io"));
  EXPECT_EQ("", registry_.prometheus());
}

TEST_F(Metrics, SourcesOfTheProgramAreShown) {
  registry_.addSource("users", [] { return std::string("users 3"); });
  registry_.addSource("failing", []() -> std::string { throw std::runtime_error("not now"); });
  EXPECT_EQ("users 3\n", registry_.prometheus());
  EXPECT_THROW(registry_.addSource("users", [] { return std::string(); }), std::invalid_argument);
  EXPECT_THROW(registry_.addSource("empty", nullptr), std::invalid_argument);
  EXPECT_THROW(registry_.addSource(std::string("a\0b", 3), [] { return std::string(); }),
               std::invalid_argument);
}

// What is sent back to a client who asks for the figures, up to the size of a page without many of them.
std::string fetch(Dispatcher& dispatcher, const std::string& address) {
  const unsigned long port = std::stoul(address.substr(address.rfind(':') + 1));
  const os_fd_t client = connectTo(static_cast<uint16_t>(port));
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  EXPECT_EQ(static_cast<io_size_t>(request.size()), writeFd(client, request.data(), request.size()));
  for (int i = 0; i < 3; ++i) {
    dispatcher.run(RunType::NonBlock);
  }
  std::string response;
  char buffer[4096];
  io_size_t length = 0;
  while ((length = readFd(client, buffer, sizeof buffer)) > 0) {
    response.append(buffer, static_cast<size_t>(length));
  }
  EXPECT_EQ(0, length);
  closeFd(client);
  return response;
}

TEST_F(Metrics, AnEndpointServesThem) {
  registry_.addDispatcher(dispatcher_);
  EXPECT_THROW(MetricsEndpoint(dispatcher_, "nowhere", registry_), std::invalid_argument);
  MetricsEndpointOptions options;
  options.timeout = milliseconds(-1);
  EXPECT_THROW(MetricsEndpoint(dispatcher_, "127.0.0.1:0", registry_, options), std::invalid_argument);
  std::unique_ptr<MetricsEndpoint> endpoint;
  try {
    endpoint = std::make_unique<MetricsEndpoint>(dispatcher_, "127.0.0.1:0", registry_);
  } catch (const std::system_error&) {
    throw;
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << error.what();
  }
  const std::string response = fetch(dispatcher_, endpoint->address());
  EXPECT_EQ(0u, response.find("HTTP/1.1 200 OK\r\n"));
  EXPECT_NE(std::string::npos, response.find("mcp_event_loop_iterations_total{dispatcher=\"main\"} "));
  EXPECT_THROW(MetricsEndpoint(dispatcher_, endpoint->address(), registry_), std::system_error);
}

TEST(SlowCallbacks, AreCountedByTheDispatchersClock) {
  SimulatedClock clock;
  const DispatcherPtr dispatcher = createDispatcher("slow", clock);
  const auto after = [&](milliseconds duration) {
    dispatcher->post([&, duration] { clock.advance(duration); });
    dispatcher->run(RunType::NonBlock);
    return loopStats(*dispatcher).slow_callbacks;
  };
  EXPECT_EQ(0u, after(milliseconds(100)));
  setSlowCallbackThreshold(*dispatcher, milliseconds(10));
  EXPECT_EQ(0u, after(milliseconds(10)));
  EXPECT_EQ(1u, after(milliseconds(11)));
  setSlowCallbackThreshold(*dispatcher, milliseconds(-1));
  EXPECT_EQ(1u, after(milliseconds(100)));
}

}  // namespace
}  // namespace mcp_event_test
