// A dispatcher that waits in a loop of another library, so that one thread serves both. asio.h and
// boost_asio.h have such loops; to put a dispatcher into a loop that somebody else runs, see pollFd() in
// dispatcher_extras.h.
#ifndef MCP_EVENT_FOREIGN_LOOP_H
#define MCP_EVENT_FOREIGN_LOOP_H

#include <chrono>
#include <memory>
#include <string>

#include "mcp/event/event_loop.h"

namespace mcp {
namespace event {

enum class ForeignTurn {
  Over,
  // Somebody stopped the loop: the dispatcher leaves its run() as after exit().
  Stopped,
};

// The other loop, as a dispatcher sees it. The dispatcher's thread calls turn(); the object is destroyed with
// the dispatcher, on any thread.
class ForeignLoop {
 public:
  virtual ~ForeignLoop() = default;

  // What backendName() of a dispatcher in it says. At most 100 bytes, the same at each call.
  virtual std::string name() const = 0;

  // Which class it is, to tell those of the same name apart: foreignLoop() gives no more than the base class.
  virtual std::string type() const { return name(); }

  // Waits until `fd`, the same at each call, is readable, `timeout` is over (a negative one never is), or a
  // handler of the loop's own has run. Runs the handlers that are due, but no endless row of them, and does
  // not go on waiting after one: what it asked of the dispatcher is seen when this returns. To return early
  // is harmless. What it throws comes out of the dispatcher's run().
  virtual ForeignTurn turn(os_fd_t fd, std::chrono::nanoseconds timeout) = 0;
};

// A dispatcher in `loop`, whatever MCP_EVENT_BACKEND says. Throws std::invalid_argument if `loop` is null or
// has no name, and std::system_error when the process is out of file descriptors.
DispatcherPtr createDispatcher(const std::string& name, std::unique_ptr<ForeignLoop> loop);

// The loop that the dispatcher waits in; null if it is none of this class. Throws std::invalid_argument for a
// dispatcher that is not of this library.
ForeignLoop* foreignLoop(const Dispatcher& dispatcher);

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_FOREIGN_LOOP_H
