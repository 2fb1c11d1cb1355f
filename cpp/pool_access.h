// What the rest of the library may do with a WorkerPool.
#ifndef MCP_EVENT_CPP_POOL_ACCESS_H
#define MCP_EVENT_CPP_POOL_ACCESS_H

#include "cpp/bridge.h"
#include "cpp/hidden.h"
#include "mcp/event/worker_pool.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

struct PoolAccess {
  static mcp_event_pool* handle(const mcp::event::WorkerPool& pool);
};

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_POOL_ACCESS_H
