#include <string.h>

#include "suites.h"
#include "support.h"

static void the_library_is_the_headers(void) { CHECK(mcp_event_version() == MCP_EVENT_VERSION); }

static void every_status_has_a_name(void) {
  static const struct {
    int status;
    const char* name;
  } names[] = {
      {MCP_EVENT_OK, "ok"},
      {MCP_EVENT_NULL_ARGUMENT, "null argument"},
      {MCP_EVENT_INVALID_ARGUMENT, "invalid argument"},
      {MCP_EVENT_INVALID_STATE, "invalid state"},
      {MCP_EVENT_CLOSED, "closed"},
      {MCP_EVENT_QUEUE_FULL, "queue full"},
      {MCP_EVENT_OS_ERROR, "os error"},
      {MCP_EVENT_CALLBACK_FAILED, "callback failed"},
      {MCP_EVENT_FORKED, "forked"},
      {MCP_EVENT_OUT_OF_RANGE, "out of range"},
      {MCP_EVENT_UNAVAILABLE, "unavailable"},
      {MCP_EVENT_INTERNAL, "internal"},
      {MCP_EVENT_NOT_FOUND, "not found"},
      {MCP_EVENT_NAME_TAKEN, "name taken"},
      {MCP_EVENT_NO_REPLY, "no reply"},
      {MCP_EVENT_TIMED_OUT, "timed out"},
      {MCP_EVENT_TIMED_OUT + 1, "unknown status"},
      {-1, "unknown status"},
      {INT32_MAX, "unknown status"},
      {INT32_MIN, "unknown status"},
  };
  for (size_t i = 0; i < COUNT_OF(names); ++i) {
    CHECK(strcmp(mcp_event_status_name(names[i].status), names[i].name) == 0);
  }
}

static void check_nothing_failed_here(void* unused) {
  (void)unused;
  CHECK(strcmp(mcp_event_last_error(), "") == 0);
  CHECK(mcp_event_last_os_error() == 0);
}

static void the_last_error_is_the_threads_own(void) {
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_clock_destroy(NULL));
  wait_for(start_thread(check_nothing_failed_here, NULL));
  CHECK(strcmp(mcp_event_last_error(), "the clock is null") == 0);
}

static void a_success_leaves_the_last_error(void) {
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_destroy(NULL));
  CHECK_OK(mcp_event_dispatcher_destroy(new_dispatcher()));
  CHECK(strcmp(mcp_event_last_error(), "the pool is null") == 0);
}

void status_suite(void) {
  the_library_is_the_headers();
  every_status_has_a_name();
  the_last_error_is_the_threads_own();
  a_success_leaves_the_last_error();
}
