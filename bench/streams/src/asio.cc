// An echo server on asio, as its own examples have it. Compiled once for each of its ways to wait, as SERVER.
#define ASIO_STANDALONE
#include <asio.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

namespace {

using asio::ip::tcp;

class Session {
 public:
  Session(asio::io_context& context, int fd, std::size_t& left)
      : context_(context), left_(left), socket_(context, tcp::v4(), fd) {
    read();
  }

 private:
  void read() {
    socket_.async_read_some(asio::buffer(message_), [this](const asio::error_code& error, std::size_t size) {
      if (!error) {
        write(size);
      }
    });
  }

  void write(std::size_t size) {
    asio::async_write(socket_, asio::buffer(message_, size),
                      [this](const asio::error_code& error, std::size_t) {
                        if (error) {
                          std::abort();
                        }
                        if (--left_ == 0) {
                          context_.stop();
                        }
                        read();
                      });
  }

  asio::io_context& context_;
  std::size_t& left_;
  tcp::socket socket_;
  char message_[4096];
};

std::uint64_t thread_cpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

// The CPU time that it takes to echo so many messages on these connections, which it closes; `start` has the
// clients begin.
extern "C" std::uint64_t SERVER(const int* fds, std::size_t connections, std::size_t messages,
                                void (*start)(void* data), void* data) {
  asio::io_context context(1);
  std::size_t left = messages;
  std::vector<std::unique_ptr<Session>> sessions;
  for (std::size_t i = 0; i < connections; ++i) {
    sessions.push_back(std::make_unique<Session>(context, fds[i], left));
  }
  // The first reads are part of the making.
  context.poll();
  start(data);
  const auto before = thread_cpu();
  context.run();
  return thread_cpu() - before;
}
