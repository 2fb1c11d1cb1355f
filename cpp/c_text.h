// Texts on their way to the core.
#ifndef MCP_EVENT_CPP_C_TEXT_H
#define MCP_EVENT_CPP_C_TEXT_H

#include <string>

#include "cpp/hidden.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

// The text for the C ABI. Throws std::invalid_argument if that would see only a part of it.
const char* toCText(const std::string& text);

// Likewise; null for an empty one, which stands for the default.
inline const char* toCTextOrNull(const std::string& text) { return text.empty() ? nullptr : toCText(text); }

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_C_TEXT_H
