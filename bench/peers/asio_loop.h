// Standalone asio: an io_context, its steady_timer, and a stream_descriptor that is waited for again and
// again.
#ifndef MCP_EVENT_BENCH_ASIO_LOOP_H
#define MCP_EVENT_BENCH_ASIO_LOOP_H

#include <chrono>
#include <cstdint>
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

  class FileEvent {
   public:
    FileEvent(AsioLoop& loop, int fd, std::function<void(std::uint32_t)> closure);
    FileEvent(FileEvent&&) noexcept;
    ~FileEvent();

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
