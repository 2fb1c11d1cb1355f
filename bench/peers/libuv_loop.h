// libuv, with a std::function beside each handle in one allocation. Its timers count milliseconds.
#ifndef MCP_EVENT_BENCH_LIBUV_LOOP_H
#define MCP_EVENT_BENCH_LIBUV_LOOP_H

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace bench {

class LibuvLoop {
 public:
  static constexpr const char* kName = "libuv";
  LibuvLoop();
  ~LibuvLoop();

  void post(std::function<void()> closure);
  void run();
  void stop();

  class Timer {
   public:
    Timer(LibuvLoop& loop, std::function<void()> closure);
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
    FileEvent(LibuvLoop& loop, int fd, std::function<void(std::uint32_t)> closure);
    FileEvent(FileEvent&&) noexcept;
    ~FileEvent();
    void watch_writes(bool too);

   private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_LIBUV_LOOP_H
