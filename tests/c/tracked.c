#include <string.h>

#include "suites.h"
#include "support.h"

// Collects a dump.
typedef struct text {
  char bytes[256];
  size_t length;
} text;

static void collect(void* sink_data, const char* piece, size_t length) {
  text* const self = sink_data;
  CHECK(self->length + length < sizeof self->bytes);
  memcpy(self->bytes + self->length, piece, length);
  self->length += length;
  self->bytes[self->length] = '\0';
}

static void dump_name(const void* object, int32_t indent, mcp_event_dump_sink sink, void* sink_data) {
  for (int32_t i = 0; i < indent; ++i) {
    sink(sink_data, "  ", 2);
  }
  sink(sink_data, object, strlen(object));
  sink(sink_data, NULL, 0);
  sink(sink_data, "\n", 1);
}

static void check_dump(mcp_event_dispatcher* dispatcher, const char* expected) {
  text dumped = {.length = 0};
  CHECK_OK(mcp_event_dispatcher_dump_tracked(dispatcher, collect, &dumped));
  CHECK(strcmp(dumped.bytes, expected) == 0);
}

static const char connection[] = "connection 7";
static const char request[] = "request 42";

static void x1_last_in_first_out(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  const mcp_event_dump dump = dump_name;
  check_dump(dispatcher, "");
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_dispatcher_pop_tracked(dispatcher, connection));
  CHECK_OK(mcp_event_dispatcher_push_tracked(dispatcher, connection, dump));
  CHECK_OK(mcp_event_dispatcher_push_tracked(dispatcher, request, dump));
  check_dump(dispatcher, "request 42\n  connection 7\n");
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_dispatcher_pop_tracked(dispatcher, connection));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_dispatcher_pop_tracked(dispatcher, NULL));
  check_dump(dispatcher, "request 42\n  connection 7\n");
  CHECK_OK(mcp_event_dispatcher_pop_tracked(dispatcher, request));
  CHECK_OK(mcp_event_dispatcher_pop_tracked(dispatcher, connection));
  check_dump(dispatcher, "");

  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_push_tracked(dispatcher, NULL, dump));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_push_tracked(dispatcher, request, NULL));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void dump_in_pieces(const void* object, int32_t indent, mcp_event_dump_sink sink, void* sink_data) {
  (void)indent;
  for (const char* byte = object; *byte != '\0'; ++byte) {
    sink(sink_data, byte, 1);
  }
}

static void text_may_come_in_pieces(void) {
  static const char cafe[] = "caf\xc3\xa9";
  static const char not_utf8[] = "\xff";
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_dispatcher_push_tracked(dispatcher, cafe, dump_in_pieces));
  check_dump(dispatcher, cafe);
  CHECK_OK(mcp_event_dispatcher_push_tracked(dispatcher, not_utf8, dump_in_pieces));
  check_dump(dispatcher,
             "\xef\xbf\xbd"
             "caf\xc3\xa9");
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void work(void* dispatcher) {
  CHECK_OK(mcp_event_dispatcher_push_tracked(dispatcher, request, dump_name));
  check_dump(dispatcher, "request 42\n");
  CHECK_OK(mcp_event_dispatcher_pop_tracked(dispatcher, request));
}

static void inside_a_callback(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  post(dispatcher, work, dispatcher);
  run_now(dispatcher);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

void tracked_suite(void) {
  x1_last_in_first_out();
  text_may_come_in_pieces();
  inside_a_callback();
}
