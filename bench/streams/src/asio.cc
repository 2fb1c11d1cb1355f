// Servers on asio, as its own examples have them. Compiled once for each of its ways to wait, as ECHO_SERVER
// and ACCEPT_SERVER.
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

class Acceptor {
 public:
  Acceptor(asio::io_context& context, int fd, std::size_t connections)
      : context_(context), acceptor_(context, tcp::v4(), fd), left_(connections) {
    accept();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](const asio::error_code& error, tcp::socket) {
      if (error) {
        std::abort();
      }
      if (--left_ == 0) {
        context_.stop();
      } else {
        accept();
      }
    });
  }

  asio::io_context& context_;
  tcp::acceptor acceptor_;
  std::size_t left_;
};

std::uint64_t thread_cpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

// The CPU time of all that there is to do, once `start` has had the clients begin.
std::uint64_t run(asio::io_context& context, void (*start)(void* data), void* data) {
  // The first reads, or the first accept, are part of the making.
  context.poll();
  start(data);
  const auto before = thread_cpu();
  context.run();
  return thread_cpu() - before;
}

}  // namespace

// The CPU time that it takes to echo so many messages on these connections, which it closes.
extern "C" std::uint64_t ECHO_SERVER(const int* fds, std::size_t connections, std::size_t messages,
                                     void (*start)(void* data), void* data) {
  asio::io_context context(1);
  std::size_t left = messages;
  std::vector<std::unique_ptr<Session>> sessions;
  for (std::size_t i = 0; i < connections; ++i) {
    sessions.push_back(std::make_unique<Session>(context, fds[i], left));
  }
  return run(context, start, data);
}

// The CPU time that it takes to accept so many connections, each of which it closes, and the listener with
// the last.
extern "C" std::uint64_t ACCEPT_SERVER(int listener, std::size_t connections, void (*start)(void* data),
                                       void* data) {
  asio::io_context context(1);
  const Acceptor acceptor(context, listener, connections);
  return run(context, start, data);
}
