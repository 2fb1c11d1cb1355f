// The load of the echo benchmark: a process that talks to the server over loopback, on raw epoll.
#ifndef MCP_EVENT_BENCH_ECHO_CLIENTS_H
#define MCP_EVENT_BENCH_ECHO_CLIENTS_H

#include <sys/types.h>

#include <cstddef>
#include <vector>

namespace bench {

// A forked child holds one end of each connection; the other ends are for the server under test. Each client
// has one message under way: it sends the next when the echo of the last is complete, until all of them
// together have had `messages` echoes.
class EchoClients {
 public:
  static constexpr std::size_t kMessageBytes = 64;

  EchoClients(std::size_t connections, std::size_t messages);
  EchoClients(const EchoClients&) = delete;
  // Closes the server's ends and waits for the child.
  ~EchoClients();

  // Non-blocking, with TCP_NODELAY.
  const std::vector<int>& server_fds() const { return server_fds_; }

  // The child begins to send.
  void start();

 private:
  std::vector<int> server_fds_;
  int start_pipe_ = -1;
  pid_t child_ = -1;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_ECHO_CLIENTS_H
