// Connected descriptors, and what the tests do with descriptors, on every system.
#ifndef MCP_EVENT_TESTS_CPP_FD_PAIR_H
#define MCP_EVENT_TESTS_CPP_FD_PAIR_H

#include <gtest/gtest.h>
#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
// Leftovers of 16 bits.
#undef far
#undef near
#else
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include <cstdint>
#include <string>

#include "mcp/event/event_loop.h"

namespace mcp_event_test {

using mcp::event::os_fd_t;

#ifdef _WIN32
constexpr os_fd_t kNoFd = INVALID_SOCKET;

using io_size_t = int;
inline int readFd(os_fd_t fd, char* buffer, size_t size) {
  return recv(fd, buffer, static_cast<int>(size), 0);
}
inline int writeFd(os_fd_t fd, const char* text, size_t size) {
  return send(fd, text, static_cast<int>(size), 0);
}
inline void closeFd(os_fd_t fd) { EXPECT_EQ(0, closesocket(fd)); }
inline void setNonBlocking(os_fd_t fd) {
  u_long yes = 1;
  EXPECT_EQ(0, ioctlsocket(fd, FIONBIO, &yes));
}
// They inherit none unless told to.
inline void keepFromChildren(os_fd_t) {}
inline void startSockets() {
  static const int started = [] {
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data);
  }();
  EXPECT_EQ(0, started);
}
#else
constexpr os_fd_t kNoFd = -1;

using io_size_t = ssize_t;
inline ssize_t readFd(os_fd_t fd, char* buffer, size_t size) { return ::read(fd, buffer, size); }
inline ssize_t writeFd(os_fd_t fd, const char* text, size_t size) { return ::write(fd, text, size); }
inline void closeFd(os_fd_t fd) { EXPECT_EQ(0, ::close(fd)); }
inline void setNonBlocking(os_fd_t fd) { EXPECT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK)); }
inline void keepFromChildren(os_fd_t fd) { EXPECT_EQ(0, fcntl(fd, F_SETFD, FD_CLOEXEC)); }
inline void startSockets() {}
#endif

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// A blocking connection to `port` of this machine.
inline os_fd_t connectTo(uint16_t port) {
  startSockets();
  const os_fd_t client = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_NE(kNoFd, client);
  const sockaddr_in address = loopback(port);
  EXPECT_EQ(0, connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  return client;
}

// Two connected descriptors, non-blocking, closed at the end. What is written to `near` is read from `far`,
// and of a socket the other way too.
class FdPair {
 public:
#ifdef _WIN32
  // Only sockets can be watched, and none are local.
  static FdPair pipe() { return connection(); }
  static FdPair sockets() { return connection(); }
#else
  static FdPair pipe() {
    int fds[2];
    EXPECT_EQ(0, ::pipe(fds));
    return FdPair(fds[1], fds[0]);
  }
  static FdPair sockets() {
    int fds[2];
    EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    return FdPair(fds[0], fds[1]);
  }
#endif
  // Over TCP.
  static FdPair connection() {
    startSockets();
    const os_fd_t listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    EXPECT_EQ(0, bind(listener, reinterpret_cast<sockaddr*>(&address), length));
    EXPECT_EQ(0, listen(listener, 1));
    EXPECT_EQ(0, getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length));
    const os_fd_t near = connectTo(ntohs(address.sin_port));
    const os_fd_t far = accept(listener, nullptr, nullptr);
    EXPECT_NE(kNoFd, far);
    closeFd(listener);
    return FdPair(near, far);
  }
  FdPair(FdPair&& other) noexcept : near_(other.near_), far_(other.far_) { other.near_ = other.far_ = kNoFd; }
  FdPair& operator=(FdPair&&) = delete;
  ~FdPair() {
    close(near_);
    close(far_);
  }

  os_fd_t near() const { return near_; }
  os_fd_t far() const { return far_; }
  void closeNear() {
    close(near_);
    awaitArrival(far_);
  }
  void closeFar() {
    close(far_);
    awaitArrival(near_);
  }
  // Closes one side of a connection so that the other one gets an error.
  void resetNear() {
    const linger at_once = {1, 0};
    EXPECT_EQ(
        0, setsockopt(near_, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&at_once), sizeof at_once));
    close(near_);
  }
  // `near`, a socket, writes no more.
  void endNear() const {
#ifdef _WIN32
    EXPECT_EQ(0, shutdown(near_, SD_SEND));
#else
    EXPECT_EQ(0, shutdown(near_, SHUT_WR));
#endif
    awaitArrival(far_);
  }
  void write(const std::string& text) const {
    EXPECT_EQ(static_cast<io_size_t>(text.size()), writeFd(near_, text.data(), text.size()));
    awaitArrival(far_);
  }
  // All that is there to read at `far`.
  std::string readAll() const {
    std::string text;
    char buffer[4096];
    for (io_size_t n; (n = readFd(far_, buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }
  // Fills the way from `near` to `far` until a write would block.
  void fill() const {
    const std::string chunk(65536, 'x');
    while (writeFd(near_, chunk.data(), chunk.size()) > 0) {
    }
    while (writeFd(near_, "x", 1) > 0) {
    }
  }

 private:
  FdPair(os_fd_t near, os_fd_t far) : near_(near), far_(far) {
    for (const os_fd_t fd : {near, far}) {
      setNonBlocking(fd);
      keepFromChildren(fd);
    }
  }
  static void close(os_fd_t& fd) {
    if (fd != kNoFd) {
      closeFd(fd);
      fd = kNoFd;
    }
  }
  // What was sent, or the end, is there to read. A pipe and a local socket are never on the way.
  static void awaitArrival(os_fd_t fd) {
#ifdef _WIN32
    if (fd != kNoFd) {
      fd_set reading;
      FD_ZERO(&reading);
      FD_SET(fd, &reading);
      EXPECT_EQ(1, select(0, &reading, nullptr, nullptr, nullptr));
    }
#else
    static_cast<void>(fd);
#endif
  }

  os_fd_t near_;
  os_fd_t far_;
};

}  // namespace mcp_event_test

#endif  // MCP_EVENT_TESTS_CPP_FD_PAIR_H
