// Labels on their way to the core.
#ifndef MCP_EVENT_CPP_LABEL_H
#define MCP_EVENT_CPP_LABEL_H

#include <string>

#include "cpp/hidden.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

// The text as the core takes it. Throws std::invalid_argument if that would cut it short.
const char* labelText(const std::string& label);

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_LABEL_H
