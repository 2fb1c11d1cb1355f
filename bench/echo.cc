// What a TCP echo server costs: the CPU time of its thread, the kernel's included, for each message it
// echoes.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "clock.h"
#include "echo_clients.h"
#include "file_limit.h"
#include "harness.h"
#include "loop_thread.h"
#include "peers/asio_loop.h"
#include "peers/backend_loops.h"
#include "peers/dispatcher_loop.h"
#include "peers/epoll_floor.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"

namespace {

// Every contender's handler: a message is one read and one write.
void echo_one(int fd) {
  char message[4096];
  const auto size = read(fd, message, sizeof message);
  if (size != static_cast<ssize_t>(bench::EchoClients::kMessageBytes) || write(fd, message, size) != size) {
    std::perror("echo server");
    std::exit(1);
  }
}

template <class Loop>
double cpu_ns_per_message(std::size_t connections, std::size_t messages) {
  bench::EchoClients clients(connections, messages);
  Loop loop;
  std::size_t left = messages;
  std::vector<typename Loop::FileEvent> events;
  events.reserve(connections);
  for (const int fd : clients.server_fds()) {
    events.emplace_back(loop, fd, [&loop, &left, fd](std::uint32_t) {
      echo_one(fd);
      if (--left == 0) {
        loop.stop();
      }
    });
  }
  clients.start();
  const auto start = bench::thread_cpu_ns();
  loop.run();
  return static_cast<double>(bench::thread_cpu_ns() - start) / static_cast<double>(messages);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bench;
  Program program(argc, argv, "echo");
  raise_file_limit();
  take_turns_on_one_cpu();
  const auto messages = program.count(16'000);
  const std::vector<Goal> near_floor{{1.02, EpollFloor::kName}};

  program.run(
      {"CPU time a message",
       2 * messages,
       {{"64 connections", "ns", near_floor}, {"4000 connections", "ns", near_floor}},
       ours_and<StockLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop, EpollFloor>([messages](auto loop) {
         std::vector<double> costs;
         for (const std::size_t connections : {64, 4000}) {
           costs.push_back(cpu_ns_per_message<typename decltype(loop)::type>(connections, messages));
         }
         return costs;
       }),
       3});
  return program.finish();
}
