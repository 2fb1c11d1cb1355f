// A dispatcher that waits in a loop of another library, here poll(2).
#include "mcp/event/foreign_loop.h"

#include <poll.h>

#include <stdexcept>

#include "support.h"

namespace mcp_event_test {
namespace {

class PollLoop : public ForeignLoop {
 public:
  ~PollLoop() override {
    if (at_end) {
      at_end();
    }
  }

  std::string name() const override { return own_name; }

  ForeignTurn turn(os_fd_t fd, nanoseconds timeout) override {
    pollfd watched = {fd, POLLIN, 0};
    const auto limit = std::chrono::duration_cast<milliseconds>(timeout).count();
    ::poll(&watched, 1, timeout < timeout.zero() ? -1 : static_cast<int>(std::min<long long>(limit, 1000)));
    return handler ? handler() : ForeignTurn::Over;
  }

  std::string own_name = "poll";
  std::function<ForeignTurn()> handler;
  std::function<void()> at_end;
};

TEST(ForeignLoop, ADispatcherRunsInIt) {
  bool ended = false;
  {
    auto loop = std::make_unique<PollLoop>();
    PollLoop* const raw = loop.get();
    raw->at_end = [&] { ended = true; };
    const DispatcherPtr dispatcher = createDispatcher("foreign", std::move(loop));
    EXPECT_EQ("poll", backendName(*dispatcher));
    EXPECT_EQ(raw, foreignLoop(*dispatcher));
    const TimerPtr timer = dispatcher->createTimer([&] { dispatcher->exit(); });
    std::thread other([&] { dispatcher->post([&] { timer->enableTimer(milliseconds(1)); }); });
    runUntilExit(*dispatcher);
    other.join();
    EXPECT_FALSE(ended);
  }
  EXPECT_TRUE(ended);
}

TEST(ForeignLoop, ItsHandlersMayThrowAndStop) {
  auto loop = std::make_unique<PollLoop>();
  PollLoop& handlers = *loop;
  const DispatcherPtr dispatcher = createDispatcher("foreign", std::move(loop));
  handlers.handler = []() -> ForeignTurn { throw std::out_of_range("from a handler"); };
  EXPECT_THROW(dispatcher->run(RunType::NonBlock), std::out_of_range);
  bool ran = false;
  handlers.handler = [&] {
    dispatcher->post([&] { ran = true; });
    return ForeignTurn::Stopped;
  };
  runUntilExit(*dispatcher);
  EXPECT_TRUE(ran);
}

TEST(ForeignLoop, H3_WhatMakesNoSenseIsRefused) {
  EXPECT_THROW(createDispatcher("none", std::unique_ptr<ForeignLoop>()), std::invalid_argument);
  bool ended = false;
  auto nameless = std::make_unique<PollLoop>();
  nameless->own_name = "";
  nameless->at_end = [&] { ended = true; };
  EXPECT_THROW(createDispatcher("nameless", std::move(nameless)), std::invalid_argument);
  EXPECT_TRUE(ended) << "it was given away";
}

}  // namespace
}  // namespace mcp_event_test
