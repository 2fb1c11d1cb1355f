// What the suites of MCP servers share: managers of the example server, and what they are told.
#ifndef MCP_EVENT_TESTS_C_SERVER_SUPPORT_H
#define MCP_EVENT_TESTS_C_SERVER_SUPPORT_H

#include <pthread.h>

#include "actor_support.h"

mcp_event_server_config* new_config(const char* json);
// Of servers of the example program, with these names, a comma between them, and these further keys each.
mcp_event_server_config* new_example_config(const char* names, const char* keys);

// Whom a manager tells of its servers.
typedef struct watcher {
  pthread_mutex_t mutex;
  pthread_cond_t told;
  // The last change of each server that there was one of.
  struct {
    char name[32];
    mcp_event_server_status status;
  } servers[8];
  tally counts;
} watcher;

void make_watcher(watcher* made);
mcp_event_server_info_closure telling(watcher* told);
// Waits until it was told that the server has this status.
void await_status(watcher* told, const char* server, mcp_event_server_status status);

// A manager that was started; it tells `told`.
mcp_event_server_manager* start_manager(mcp_event_server_config* config,
                                        const mcp_event_server_manager_options* options, watcher* told);
// One of servers of these names, all of them ready.
mcp_event_server_manager* start_examples(const char* names, watcher* told);

mcp_event_server_list* list_of(const mcp_event_server_manager* manager);
// Its strings live as long as the list.
mcp_event_server_info info_in(const mcp_event_server_list* list, const char* server);
// The number of its process; 0: it has none.
uint32_t pid_of(const mcp_event_server_manager* manager, const char* server);
// Waits for it: it comes by another way than the server's first answer, perhaps a moment later.
uint32_t await_pid(const mcp_event_server_manager* manager, const char* server);

// What came of a request.
typedef struct outcome {
  event done;
  tally counts;
  // The news of it, which come before.
  tally progress;
  // What the thread of the callback is to be, unless null.
  mcp_event_dispatcher* dispatcher;
  bool on_its_thread;
  mcp_event_call_outcome outcome;
  int64_t code;
  mcp_event_server_status status;
  char text[256];
} outcome;

void make_outcome(outcome* made);
mcp_event_answer_closure recording(outcome* record);
mcp_event_progress_closure recording_progress(outcome* record);
// Sends a request; options may be null.
uint64_t call(mcp_event_server_manager* manager, const char* server, const char* method, const char* params,
              const mcp_event_call_options* options, outcome* record);
// Waits for what comes of it: that it came once, and that all was dropped.
void await_outcome(outcome* awaited, mcp_event_call_outcome expected);
mcp_event_server_answer* call_wait(mcp_event_server_manager* manager, const char* server, const char* method,
                                   const char* params);

// Parameters of a request that takes for ever, and of one that tells how far it is.
extern const char countdown[];
extern const char short_countdown[];

#endif  // MCP_EVENT_TESTS_C_SERVER_SUPPORT_H
