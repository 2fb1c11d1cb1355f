// An MCP server that a client starts as its child: requests come in on stdin, answers go out on stdout.

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "mcp/event/event_loop.h"
#include "mcp_server/connection.h"
#include "support/loop_report.h"
#include "support/socket.h"

namespace {

// Keeps a descriptor from blocking, for a while: others may share it, such as the shell that shares its
// terminal with us.
class NonBlocking {
 public:
  explicit NonBlocking(int fd) : fd_(fd), flags_(::fcntl(fd, F_GETFL)) { support::setNonBlocking(fd); }
  ~NonBlocking() { ::fcntl(fd_, F_SETFL, flags_); }
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;

 private:
  const int fd_;
  const int flags_;
};

}  // namespace

int main() {
  // A client that went away is told by write().
  std::signal(SIGPIPE, SIG_IGN);
  const auto factory = mcp::event::createPlatformDefaultDispatcherFactory();
  const auto dispatcher = factory->createDispatcher("main");
  support::recordLoop(*dispatcher);

  int status = EXIT_SUCCESS;
  {
    const NonBlocking in(STDIN_FILENO);
    const NonBlocking out(STDOUT_FILENO);
    mcp_server::Connection client(*dispatcher, STDIN_FILENO, STDOUT_FILENO, [&](const std::string& failure) {
      if (!failure.empty()) {
        std::cerr << "conversation broken off: " << failure << '\n';
        status = EXIT_FAILURE;
      }
      dispatcher->exit();
    });
    const auto stop_on_term = dispatcher->listenForSignal(SIGTERM, [&] { client.stop(); });
    const auto stop_on_int = dispatcher->listenForSignal(SIGINT, [&] { client.stop(); });
    dispatcher->run(mcp::event::RunType::RunUntilExit);
  }
  support::reportLoop(std::cerr, *dispatcher);
  return status;
}
