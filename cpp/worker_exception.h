// The handler of exceptions on worker threads.
#ifndef MCP_EVENT_CPP_WORKER_EXCEPTION_H
#define MCP_EVENT_CPP_WORKER_EXCEPTION_H

#include <exception>
#include <string>

#include "cpp/hidden.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

// Gives `exception` to the user's handler. Without one, logs it and rethrows it; `where` is the core's
// account of what failed, for the log.
void handleWorkerException(const std::string& worker, const std::string& where, std::exception_ptr exception);

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_WORKER_EXCEPTION_H
