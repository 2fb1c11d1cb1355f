/* The same in C. */
#include <mcp_event.h>

static void setFlag(void* data) { *(bool*)data = true; }

int runInC(void) {
  mcp_event_dispatcher* dispatcher = NULL;
  bool ran = false;
  mcp_event_closure closure = {setFlag, &ran, NULL};
  if (mcp_event_version() != MCP_EVENT_VERSION) {
    return 2;
  }
  if (mcp_event_dispatcher_create("consumer", NULL, &dispatcher) != MCP_EVENT_OK) {
    return 3;
  }
  mcp_event_dispatcher_post(dispatcher, closure);
  mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_NON_BLOCK);
  mcp_event_dispatcher_destroy(dispatcher);
  return ran ? 0 : 4;
}
