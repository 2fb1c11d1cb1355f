// A loop behind the `mcp::event::Dispatcher` interface, ours or the stock one: one code drives both.
//
// This is also the shape of every other peer in this directory (libevent_loop.h, libuv_loop.h, ...), as far
// as the peer has it, so that a workload is a template over the loop:
//   post(closure)   from any thread
//   run()           until stop(), which is called on the loop's thread; a loop can run again
//   Timer           one-shot: enable(delay) replaces the deadline, disable()
//   FileEvent       calls its closure while, or whenever, its fd is readable; watch_writes(true): or writable
#ifndef MCP_EVENT_BENCH_DISPATCHER_LOOP_H
#define MCP_EVENT_BENCH_DISPATCHER_LOOP_H

#include <mcp/event/dispatcher_extras.h>
#include <mcp/event/event_loop.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "../harness.h"
#include "stock_loop.h"

namespace bench {

class DispatcherLoop {
 public:
  mcp::event::Dispatcher& dispatcher() { return *dispatcher_; }

  template <class Closure>
  void post(Closure&& closure) {
    dispatcher_->post(std::forward<Closure>(closure));
  }
  void run() { dispatcher_->run(mcp::event::RunType::RunUntilExit); }
  void stop() { dispatcher_->exit(); }

  class Timer {
   public:
    Timer(DispatcherLoop& loop, mcp::event::TimerCb closure)
        : timer_(loop.dispatcher().createTimer(std::move(closure))) {}
    void enable(std::chrono::microseconds delay) { timer_->enableHRTimer(delay); }
    void disable() { timer_->disableTimer(); }

   private:
    mcp::event::TimerPtr timer_;
  };

  class FileEvent {
   public:
    FileEvent(DispatcherLoop& loop, int fd, mcp::event::FileReadyCb closure)
        : event_(loop.dispatcher().createFileEvent(fd, std::move(closure),
                                                   mcp::event::PlatformDefaultTriggerType, kRead)) {}
    void watch_writes(bool too) { event_->setEnabled(too ? kRead | kWrite : kRead); }

   private:
    static constexpr auto kRead = static_cast<std::uint32_t>(mcp::event::FileReadyType::Read);
    static constexpr auto kWrite = static_cast<std::uint32_t>(mcp::event::FileReadyType::Write);

    mcp::event::FileEventPtr event_;
  };

 protected:
  explicit DispatcherLoop(mcp::event::DispatcherPtr dispatcher) : dispatcher_(std::move(dispatcher)) {}

 private:
  mcp::event::DispatcherPtr dispatcher_;
};

class OurLoop : public DispatcherLoop {
 public:
  static constexpr const char* kName = kOurs;
  OurLoop()
      : DispatcherLoop(mcp::event::createPlatformDefaultDispatcherFactory()->createDispatcher("bench")) {}
};

// Ours, spinning before it sleeps.
class BusyLoop : public OurLoop {
 public:
  static constexpr const char* kName = "mcp::event, busy polling";
  BusyLoop() { mcp::event::setBusyPoll(dispatcher(), std::chrono::microseconds(200)); }
};

class StockLoop : public DispatcherLoop {
 public:
  static constexpr const char* kName = "stock (libevent)";
  StockLoop() : DispatcherLoop(std::make_unique<StockDispatcher>("bench")) {}
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_DISPATCHER_LOOP_H
