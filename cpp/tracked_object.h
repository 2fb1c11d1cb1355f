// Writes a tracked object's state for the core's crash report.
#ifndef MCP_EVENT_CPP_TRACKED_OBJECT_H
#define MCP_EVENT_CPP_TRACKED_OBJECT_H

#include "cpp/bridge.h"
#include "cpp/hidden.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

// `object` is a const ScopeTrackedObject*. Runs in a signal handler: what it uses itself lives on the stack.
void dumpTrackedObject(const void* object, int32_t indent, mcp_event_dump_sink sink, void* sink_data);

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_TRACKED_OBJECT_H
