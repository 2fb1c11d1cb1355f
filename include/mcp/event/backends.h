// Which backends there are: what a dispatcher can wait in. createDispatcherFactory() in dispatcher_extras.h
// makes dispatchers on one of them.
#ifndef MCP_EVENT_BACKENDS_H
#define MCP_EVENT_BACKENDS_H

#include <string>
#include <vector>

namespace mcp {
namespace event {

// One that this version of the library knows.
struct Backend {
  // What createDispatcherFactory() and the environment variable MCP_EVENT_BACKEND call it.
  std::string name;
  // Whether a dispatcher can run on it in this build, on this system.
  bool works;
  // Why not; empty if it works.
  std::string reason;
};

// All of them. Each that is built in is tried.
std::vector<Backend> backends();

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_BACKENDS_H
