// A loop of any kind that runs on a thread of its own, and the ways to run code on a loop.
#ifndef MCP_EVENT_BENCH_LOOP_THREAD_H
#define MCP_EVENT_BENCH_LOOP_THREAD_H

#include <sched.h>

#include <atomic>
#include <thread>

namespace bench {

// Where threads wake each other, a figure depends on who sits where; elsewhere the kernel may choose.
inline void pin_this_thread(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu % static_cast<int>(std::thread::hardware_concurrency()), &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus);
}

// Puts whoever calls this on one processor, where each runs until it has nothing to do: what one finds ready
// does not depend on how fast another was just then.
inline void take_turns_on_one_cpu() {
  pin_this_thread(0);
  const sched_param no_priority{};
  sched_setscheduler(0, SCHED_BATCH, &no_priority);
}

inline constexpr int kAnyCpu = -1;

template <class Loop>
class LoopThread {
 public:
  explicit LoopThread(int cpu = kAnyCpu)
      : thread_([this, cpu] {
          if (cpu != kAnyCpu) {
            pin_this_thread(cpu);
          }
          loop.run();
        }) {
    std::atomic<bool> running{false};
    loop.post([&running] { running = true; });
    while (!running) {
      std::this_thread::yield();
    }
  }
  ~LoopThread() { join(); }

  // Waits for loop.stop(), which code on the loop calls.
  void join() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  Loop loop;

 private:
  std::thread thread_;
};

// Runs `work` in a callback of `loop` on this thread.
template <class Loop, class Work>
void run_inside(Loop& loop, Work&& work) {
  loop.post([&loop, &work] {
    work();
    loop.stop();
  });
  loop.run();
}

}  // namespace bench

#endif  // MCP_EVENT_BENCH_LOOP_THREAD_H
