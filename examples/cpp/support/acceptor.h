// A listening socket on a loop.
#ifndef EXAMPLES_SUPPORT_ACCEPTOR_H
#define EXAMPLES_SUPPORT_ACCEPTOR_H

#include <cstdint>
#include <functional>

#include "mcp/event/event_loop.h"
#include "support/socket.h"

namespace support {

class Acceptor {
 public:
  using ConnectionCb = std::function<void(Fd connection)>;

  Acceptor(mcp::event::Dispatcher& dispatcher, uint16_t port, ConnectionCb on_connection);

  uint16_t port() const { return portOf(listener_); }

 private:
  void acceptAll();

  Fd listener_;
  const ConnectionCb on_connection_;
  // Wakes us to try again after the process ran out of descriptors: the connections that wait already will
  // not raise another edge.
  const mcp::event::TimerPtr retry_;
  const mcp::event::FileEventPtr readable_;
};

}  // namespace support

#endif  // EXAMPLES_SUPPORT_ACCEPTOR_H
