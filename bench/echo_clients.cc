#include "echo_clients.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "loop_thread.h"

namespace bench {
namespace {

int checked(int result, const char* what) {
  if (result < 0) {
    throw std::system_error(errno, std::generic_category(), what);
  }
  return result;
}

void set_option(int fd, int level, int option) {
  const int on = 1;
  checked(setsockopt(fd, level, option, &on, sizeof on), "setsockopt");
}

int connect_to(const sockaddr_in& address) {
  const int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  checked(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  set_option(fd, IPPROTO_TCP, TCP_NODELAY);
  // Closing resets, so that thousands of old connections do not linger into the next round.
  const linger reset{1, 0};
  checked(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "SO_LINGER");
  return fd;
}

// The child's whole life, but for its exit.
void send_and_count(const sockaddr_in& address, int start_pipe, std::size_t connections,
                    std::size_t messages) {
  const int poller = checked(epoll_create1(0), "epoll_create1");
  std::vector<int> fds(connections);
  for (int& fd : fds) {
    fd = connect_to(address);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    checked(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }
  char message[EchoClients::kMessageBytes] = {};
  if (read(start_pipe, message, 1) != 1) {
    return;
  }
  std::size_t unsent = messages;
  const auto send_next = [&](int fd) {
    if (unsent > 0) {
      --unsent;
      checked(static_cast<int>(write(fd, message, sizeof message)), "write");
    }
  };
  for (const int fd : fds) {
    send_next(fd);
  }
  epoll_event ready[1024];
  for (std::size_t echoes = 0; echoes < messages;) {
    const int count = checked(epoll_wait(poller, ready, 1024, -1), "epoll_wait");
    for (int i = 0; i < count; ++i) {
      const int fd = ready[i].data.fd;
      if (read(fd, message, sizeof message) != sizeof message) {
        return;
      }
      ++echoes;
      send_next(fd);
    }
  }
}

}  // namespace

EchoClients::EchoClients(std::size_t connections, std::size_t messages) {
  const int listener = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  checked(bind(listener, reinterpret_cast<const sockaddr*>(&address), size), "bind");
  checked(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  checked(listen(listener, SOMAXCONN), "listen");
  // Should the child fail, accepting fails too, not hangs.
  const timeval patience{10, 0};
  checked(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
  int start_pipe[2];
  checked(pipe2(start_pipe, O_CLOEXEC), "pipe2");

  std::fflush(nullptr);
  child_ = checked(fork(), "fork");
  if (child_ == 0) {
    close(start_pipe[1]);
    close(listener);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    take_turns_on_one_cpu();
    try {
      send_and_count(address, start_pipe[0], connections, messages);
    } catch (const std::system_error& error) {
      std::fprintf(stderr, "echo clients: %s\n", error.what());
    }
    _exit(0);
  }
  close(start_pipe[0]);
  start_pipe_ = start_pipe[1];
  for (std::size_t i = 0; i < connections; ++i) {
    const int fd = checked(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC), "accept4");
    set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    server_fds_.push_back(fd);
  }
  close(listener);
}

EchoClients::~EchoClients() {
  close(start_pipe_);
  waitpid(child_, nullptr, 0);
  for (const int fd : server_fds_) {
    close(fd);
  }
}

void EchoClients::start() {
  const char go = 1;
  checked(static_cast<int>(write(start_pipe_, &go, 1)), "write");
}

}  // namespace bench
