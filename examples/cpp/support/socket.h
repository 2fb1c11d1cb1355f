// The few socket calls that the examples need, over loopback TCP.
#ifndef EXAMPLES_SUPPORT_SOCKET_H
#define EXAMPLES_SUPPORT_SOCKET_H

#include <cstdint>

namespace support {

// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

// All of these report a failure as std::system_error; the descriptors they return never block.

// Listens on 127.0.0.1; port 0 lets the kernel choose one.
Fd listenOn(uint16_t port);

// The port that a listening socket got.
uint16_t portOf(const Fd& listener);

// The next waiting connection; an invalid Fd when none waits.
Fd acceptFrom(const Fd& listener);

void setNonBlocking(int fd);

}  // namespace support

#endif  // EXAMPLES_SUPPORT_SOCKET_H
