// Standalone asio: an io_context and its steady_timer. No FileEvent: asio's own way is to own the reads.
#ifndef MCP_EVENT_BENCH_ASIO_LOOP_H
#define MCP_EVENT_BENCH_ASIO_LOOP_H

#include <chrono>
#include <functional>
#include <memory>

namespace bench {

class AsioLoop {
 public:
  static constexpr const char* kName = "asio";
  AsioLoop();
  ~AsioLoop();

  void post(std::function<void()> closure);
  void run();
  void stop();

  class Timer {
   public:
    Timer(AsioLoop& loop, std::function<void()> closure);
    Timer(Timer&&) noexcept;
    ~Timer();
    void enable(std::chrono::microseconds delay);
    void disable();

   private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_ASIO_LOOP_H
