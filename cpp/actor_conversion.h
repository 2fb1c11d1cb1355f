// Between the plain types of the actor headers and those of the C ABI.
#ifndef MCP_EVENT_CPP_ACTOR_CONVERSION_H
#define MCP_EVENT_CPP_ACTOR_CONVERSION_H

#include "cpp/bridge.h"
#include "cpp/hidden.h"
#include "mcp/event/actor.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

mcp_event_intensity toCIntensity(const mcp::event::Intensity& intensity);
mcp_event_backoff toCBackoff(const mcp::event::Backoff& backoff);

// Points into `options`, and at `message_type`.
mcp_event_actor_options toCOptions(const mcp::event::ActorOptions& options, const char* message_type);

mcp::event::ActorEvent toActorEvent(const mcp_event_actor_event& event);
mcp::event::ActorInfo toActorInfo(const mcp_event_actor_info& info);

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_ACTOR_CONVERSION_H
