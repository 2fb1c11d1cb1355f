// MCP servers that misbehave, as small programs of the shell: what is known of them, and what comes of
// requests.

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server_support.h"
#include "suites.h"

// The answer to the first request, which is the handshake; and what the client says to that.
#define SHAKE_HANDS                                                                                   \
  "read line; echo '{\"jsonrpc\": \"2.0\", \"id\": 1, \"result\": {\"protocolVersion\": "             \
  "\"2025-11-25\", \"capabilities\": {}, \"serverInfo\": {\"name\": \"sh\", \"version\": \"1\"}}}'; " \
  "read line; "

static const char unchecked[] = "\"healthIntervalMs\": null";

// A manager of the server "it", which runs this script, with these further keys.
static mcp_event_server_manager* start_script(const char* script, const char* keys, watcher* told) {
  char json[2048];
  char escaped[1024] = "";
  size_t length = 0;
  for (const char* c = script; *c != '\0'; ++c) {
    CHECK(length + 3 < sizeof escaped);
    if (*c == '"') {
      escaped[length++] = '\\';
    }
    escaped[length++] = *c;
  }
  CHECK(snprintf(json, sizeof json,
                 "{\"mcpServers\": {\"it\": {\"command\": \"sh\", \"args\": [\"-c\", \"%s\"], "
                 "\"stopTimeoutMs\": 10, %s}}}",
                 escaped, keys) < (int)sizeof json);
  make_watcher(told);
  return start_manager(new_config(json), NULL, told);
}

// Waits until it has written a line to its stderr.
static void await_line(const mcp_event_server_manager* manager) {
  for (size_t size = 0; size == 0;) {
    mcp_event_server_log* log = NULL;
    CHECK_OK(mcp_event_server_manager_log_since(manager, "it", 1, &log));
    CHECK_OK(mcp_event_server_log_size(log, &size));
    CHECK_OK(mcp_event_server_log_destroy(log));
    CHECK(sched_yield() == 0);
  }
}

static void one_that_never_answers_is_starting(void) {
  watcher told;
  mcp_event_server_manager* const manager = start_script("trap '' TERM; exec sleep 60", unchecked, &told);
  await_status(&told, "it", MCP_EVENT_SERVER_STARTING);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
  CHECK(has_been(&told, "it", MCP_EVENT_SERVER_STOPPING));
  await_status(&told, "it", MCP_EVENT_SERVER_STOPPED);
}

static void one_that_dies_is_waited_with(void) {
  watcher told;
  mcp_event_server_manager* const manager = start_script(
      "exit 1",
      "\"restart\": {\"policy\": \"always\", \"backoff\": {\"initialMs\": 600000, \"maxMs\": 600000}}",
      &told);
  await_status(&told, "it", MCP_EVENT_SERVER_BACKOFF);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void one_that_is_mute_is_unhealthy(void) {
  watcher told;
  mcp_event_server_manager* const manager =
      start_script(SHAKE_HANDS "cat >&2",
                   "\"healthIntervalMs\": 1, \"healthTimeoutMs\": 1, \"healthFailureThreshold\": 2", &told);
  while (!has_been(&told, "it", MCP_EVENT_SERVER_UNHEALTHY)) {
    CHECK(sched_yield() == 0);
  }
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void an_answer_that_is_none_is_malformed(void) {
  watcher told;
  outcome malformed;
  make_outcome(&malformed);
  mcp_event_server_manager* const manager = start_script(
      SHAKE_HANDS "read line; echo '{\"jsonrpc\": \"2.0\", \"id\": 2}'; cat >&2", unchecked, &told);
  await_status(&told, "it", MCP_EVENT_SERVER_RUNNING);
  call(manager, "it", "tools/list", NULL, NULL, &malformed);
  await_outcome(&malformed, MCP_EVENT_CALL_MALFORMED);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

// What is written to it raises SIGPIPE, which this program does not expect.
static void one_that_reads_no_more_is_lost(void) {
  watcher told;
  outcome lost;
  make_outcome(&lost);
  mcp_event_server_manager* const manager =
      start_script(SHAKE_HANDS "exec 0<&-; echo closed >&2; exec sleep 60", unchecked, &told);
  await_status(&told, "it", MCP_EVENT_SERVER_RUNNING);
  await_line(manager);
  call(manager, "it", "tools/list", NULL, NULL, &lost);
  await_outcome(&lost, MCP_EVENT_CALL_CONNECTION_LOST);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void one_that_does_not_read_is_sent_only_so_much(void) {
  enum { LENGTH = 17 << 20 };
  watcher told;
  outcome large, refused;
  make_outcome(&large);
  make_outcome(&refused);
  mcp_event_server_manager* const manager = start_script(SHAKE_HANDS "exec sleep 60", unchecked, &told);
  await_status(&told, "it", MCP_EVENT_SERVER_RUNNING);
  char* const params = malloc(LENGTH + 8);
  CHECK(params != NULL);
  memset(params, 'x', LENGTH);
  memcpy(params, "[\"", 2);
  memcpy(params + LENGTH, "\"]", 3);
  call(manager, "it", "tools/list", params, NULL, &large);
  free(params);
  call(manager, "it", "tools/list", NULL, NULL, &refused);
  await_outcome(&refused, MCP_EVENT_CALL_NOT_READING);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
  await_outcome(&large, MCP_EVENT_CALL_CONNECTION_LOST);
}

void server_trouble_suite(void) {
  one_that_never_answers_is_starting();
  one_that_dies_is_waited_with();
  one_that_is_mute_is_unhealthy();
  an_answer_that_is_none_is_malformed();
  one_that_reads_no_more_is_lost();
  one_that_does_not_read_is_sent_only_so_much();
}
