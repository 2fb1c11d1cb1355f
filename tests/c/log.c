#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suites.h"
#include "support.h"

// The last line that the library said, and how many there were.
typedef struct heard {
  tally counts;
  int level;
  char line[256];
} heard;

static void hear(void* data, int level, const char* message) {
  heard* const self = data;
  ++self->counts.calls;
  self->level = level;
  self->line[0] = '\0';
  strncat(self->line, message, sizeof self->line - 1);
}

static void drop_heard(void* data) { ++((heard*)data)->counts.drops; }

// Has the library say something at the level of a warning, which it does once in a process.
static void make_a_warning(void) {
  set_environment("MCP_EVENT_BACKEND", "no such poller");
  CHECK_OK(mcp_event_dispatcher_destroy(new_dispatcher()));
  set_environment("MCP_EVENT_BACKEND", NULL);
}

typedef struct closed_too_early {
  fd_pair pipe;
  mcp_event_file_event* event;
  uint32_t told;
} closed_too_early;

static void close_and_change(void* data, uint32_t events) {
  closed_too_early* const self = data;
  if (events & MCP_EVENT_ERROR) {
    self->told = events;
    return;
  }
  close_mine(&self->pipe);
  // F16: the change is made after this callback, and what it meets then is delivered.
  CHECK_OK(mcp_event_file_event_set_enabled(self->event, MCP_EVENT_READ | MCP_EVENT_ERROR));
}

// Has the library log an error.
static void make_an_error(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  closed_too_early self = {.pipe = new_pipe()};
  const mcp_event_file_closure closure = {.call = close_and_change, .data = &self};
  CHECK_OK(mcp_event_file_event_create(dispatcher, self.pipe.mine, MCP_EVENT_TRIGGER_EDGE, MCP_EVENT_READ,
                                       closure, &self.event));
  write_byte(self.pipe.theirs);
  run_now(dispatcher);
  run_now(dispatcher);
  CHECK(self.told == (MCP_EVENT_READ | MCP_EVENT_ERROR));
  CHECK(stats_of(dispatcher).registration_errors == 1);
  CHECK_OK(mcp_event_file_event_destroy(self.event));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  close_both(&self.pipe);
}

// F14: has the library find a registration that it can no longer name, of which it speaks when debugged.
static void make_a_debug_message(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  tally counts = {0};
  fd_pair pipe = new_pipe();
  mcp_event_file_event* event = NULL;
  CHECK_OK(mcp_event_file_event_create(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ,
                                       counting_file(&counts), &event));
  const int copy = dup(pipe.mine);
  CHECK(copy >= 0);
  close_mine(&pipe);
  CHECK_OK(mcp_event_file_event_destroy(event));
  write_byte(pipe.theirs);
  run_now(dispatcher);
  run_now(dispatcher);
  CHECK(counts.calls == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  close_theirs(&pipe);
  CHECK(close(copy) == 0);
}

static void listen_up_to(int level, heard* data) {
  CHECK_OK(mcp_event_set_log(hear, level, data, drop_heard));
}

static void wrong_levels_are_refused(void) {
  heard data = {.level = 0};
  const int wrong[] = {0, -1, 6, INT32_MAX};
  for (size_t i = 0; i < COUNT_OF(wrong); ++i) {
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_set_log(hear, wrong[i], &data, drop_heard));
  }
  CHECK(data.counts.drops == 0);
}

static void messages_up_to_the_level(void) {
  heard errors = {.level = 0};
  heard warnings = {.level = 0};
  heard all = {.level = 0};
  listen_up_to(MCP_EVENT_LOG_ERROR, &errors);
  make_a_debug_message();
  CHECK(errors.counts.calls == 0);
  make_an_error();
  CHECK(errors.counts.calls == 1 && errors.level == MCP_EVENT_LOG_ERROR);
  CHECK(strstr(errors.line, "fd=") != NULL && strchr(errors.line, '\n') == NULL);

  listen_up_to(MCP_EVENT_LOG_WARN, &warnings);
  CHECK(errors.counts.drops == 1);
  make_a_warning();
  CHECK(warnings.counts.calls == 1 && warnings.level == MCP_EVENT_LOG_WARN);
  CHECK(strstr(warnings.line, "MCP_EVENT_BACKEND") != NULL);
  make_an_error();
  CHECK(warnings.counts.calls == 2);

  listen_up_to(MCP_EVENT_LOG_INFO, &all);
  make_a_debug_message();
  CHECK(all.counts.calls == 0);
  listen_up_to(MCP_EVENT_LOG_TRACE, &all);
  make_a_debug_message();
  CHECK(all.counts.calls > 0 && all.level >= MCP_EVENT_LOG_DEBUG);
  CHECK(errors.counts.calls == 1 && warnings.counts.calls == 2);

  CHECK_OK(mcp_event_set_log(NULL, 0, NULL, NULL));
  CHECK(all.counts.drops == 2);
  const int before = all.counts.calls;
  make_an_error();
  CHECK(all.counts.calls == before);
  CHECK_OK(mcp_event_set_log(NULL, 0, NULL, NULL));
}

static void a_function_of_the_type(void) {
  const mcp_event_log log = hear;
  heard data = {.level = 0};
  CHECK_OK(mcp_event_set_log(log, MCP_EVENT_LOG_DEBUG, &data, NULL));
  make_a_debug_message();
  CHECK(data.counts.calls == 1 && data.level == MCP_EVENT_LOG_DEBUG);
  CHECK_OK(mcp_event_set_log(NULL, 0, NULL, NULL));
}

void log_suite(void) {
  wrong_levels_are_refused();
  messages_up_to_the_level();
  a_function_of_the_type();
}
