// The attribute of our private namespace: its symbols stay inside the library, whatever links it.
#ifndef MCP_EVENT_CPP_HIDDEN_H
#define MCP_EVENT_CPP_HIDDEN_H

#if defined(__GNUC__)
#define MCP_EVENT_HIDDEN __attribute__((visibility("hidden")))
#else
#define MCP_EVENT_HIDDEN
#endif

#endif  // MCP_EVENT_CPP_HIDDEN_H
