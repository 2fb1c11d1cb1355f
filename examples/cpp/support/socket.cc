#include "support/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace support {
namespace {

int check(int result, const char* what) {
  if (result < 0) {
    throw std::system_error(errno, std::generic_category(), what);
  }
  return result;
}

// A child process that somebody starts must not keep our sockets open.
void prepare(const Fd& socket) {
  check(::fcntl(socket.get(), F_SETFD, FD_CLOEXEC), "fcntl");
  setNonBlocking(socket.get());
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (valid()) {
      ::close(fd_);
    }
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (valid()) {
    ::close(fd_);
  }
}

int Fd::release() {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

Fd listenOn(uint16_t port) {
  Fd listener(check(::socket(AF_INET, SOCK_STREAM, 0), "socket"));
  prepare(listener);
  const int on = 1;
  check(::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "setsockopt");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  check(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  check(::listen(listener.get(), SOMAXCONN), "listen");
  return listener;
}

uint16_t portOf(const Fd& listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  check(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return ntohs(address.sin_port);
}

Fd acceptFrom(const Fd& listener) {
  for (;;) {
    Fd connection(::accept(listener.get(), nullptr, nullptr));
    if (connection.valid()) {
      prepare(connection);
      return connection;
    }
    // A client that left while it waited is not our failure: try the next one.
    if (errno == EINTR || errno == ECONNABORTED) {
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return Fd();
    }
    check(-1, "accept");
  }
}

void setNonBlocking(int fd) {
  const int flags = check(::fcntl(fd, F_GETFL), "fcntl");
  check(::fcntl(fd, F_SETFL, flags | O_NONBLOCK), "fcntl");
}

}  // namespace support
