#include <string.h>

#include "suites.h"
#include "support.h"

// An object that tells of its destruction.
typedef struct object {
  char letter;
  mcp_event_dispatcher* dispatcher;
  // Deferred by its destruction, if not null.
  struct object* next;
} object;

static char destroyed[8];

static void destroy(void* data) {
  object* const self = data;
  strncat(destroyed, &self->letter, 1);
  if (self->next != NULL) {
    CHECK_OK(mcp_event_dispatcher_deferred_delete(self->dispatcher, self->next, destroy));
  }
}

static void defer(void* data) {
  object* const self = data;
  CHECK_OK(mcp_event_dispatcher_deferred_delete(self->dispatcher, self, destroy));
  // D1
  CHECK(strchr(destroyed, self->letter) == NULL);
}

static void d1_d2_later_and_in_order(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  object first = {.letter = 'a', .dispatcher = dispatcher};
  object second = {.letter = 'b', .dispatcher = dispatcher};
  destroyed[0] = '\0';
  post(dispatcher, defer, &first);
  post(dispatcher, defer, &second);
  run_now(dispatcher);
  CHECK(strcmp(destroyed, "ab") == 0);
  CHECK(stats_of(dispatcher).deferred_deletes == 2);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void d4_deferred_by_a_destruction(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  object inner = {.letter = 'c', .dispatcher = dispatcher};
  object outer = {.letter = 'a', .dispatcher = dispatcher, .next = &inner};
  object beside = {.letter = 'b', .dispatcher = dispatcher};
  destroyed[0] = '\0';
  defer(&outer);
  defer(&beside);
  run_now(dispatcher);
  CHECK(strcmp(destroyed, "abc") == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void d5_cleared_at_once(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  object deferred = {.letter = 'a', .dispatcher = dispatcher};
  destroyed[0] = '\0';
  CHECK_OK(mcp_event_dispatcher_clear_deferred_delete_list(dispatcher));
  defer(&deferred);
  CHECK_OK(mcp_event_dispatcher_clear_deferred_delete_list(dispatcher));
  CHECK(strcmp(destroyed, "a") == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void d7_null_is_ignored(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_dispatcher_deferred_delete(dispatcher, NULL, destroy));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_deferred_delete(dispatcher, destroyed, NULL));
  run_now(dispatcher);
  CHECK(stats_of(dispatcher).deferred_deletes == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void d9_destruction_and_shutdown_flush(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  object inner = {.letter = 'b', .dispatcher = dispatcher};
  object outer = {.letter = 'a', .dispatcher = dispatcher, .next = &inner};
  object late = {.letter = 'c', .dispatcher = dispatcher};
  destroyed[0] = '\0';
  defer(&outer);
  CHECK_OK(mcp_event_dispatcher_shutdown(dispatcher));
  CHECK(strcmp(destroyed, "ab") == 0);
  // P10: still accepted after it.
  defer(&late);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK(strcmp(destroyed, "abc") == 0);
}

void deferred_delete_suite(void) {
  d1_d2_later_and_in_order();
  d4_deferred_by_a_destruction();
  d5_cleared_at_once();
  d7_null_is_ignored();
  d9_destruction_and_shutdown_flush();
}
