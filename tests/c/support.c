#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_failed(const char* file, int line, const char* what) {
  fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
  // The check may have failed in a forked child, which must not run its parent's exit handlers.
  _Exit(EXIT_FAILURE);
}

void check_status(const char* file, int line, const char* call, mcp_event_status expected,
                  mcp_event_status actual) {
  if (actual != expected) {
    fprintf(stderr, "%s:%d: %s: %s, not %s; the last error is \"%s\"\n", file, line, call,
            mcp_event_status_name(actual), mcp_event_status_name(expected), mcp_event_last_error());
    _Exit(EXIT_FAILURE);
  }
  if (actual != MCP_EVENT_OK) {
    CHECK(mcp_event_last_error()[0] != '\0');
    CHECK((mcp_event_last_os_error() != 0) == (actual == MCP_EVENT_OS_ERROR));
  }
}

static void count_call(void* counts) { ++((tally*)counts)->calls; }

static void count_file_call(void* counts, uint32_t events) {
  tally* const self = counts;
  self->events = events;
  ++self->calls;
}

void count_drop(void* counts) { ++((tally*)counts)->drops; }

mcp_event_closure counting(tally* counts) {
  return (mcp_event_closure){.call = count_call, .data = counts, .drop = count_drop};
}

mcp_event_file_closure counting_file(tally* counts) {
  return (mcp_event_file_closure){.call = count_file_call, .data = counts, .drop = count_drop};
}

mcp_event_closure calling(void (*call)(void* data), void* data) {
  return (mcp_event_closure){.call = call, .data = data, .drop = NULL};
}

void exit_loop(void* dispatcher) { CHECK_OK(mcp_event_dispatcher_exit(dispatcher)); }

mcp_event_dispatcher* new_dispatcher(void) {
  mcp_event_dispatcher* dispatcher = NULL;
  CHECK_OK(mcp_event_dispatcher_create("test", NULL, &dispatcher));
  CHECK(dispatcher != NULL);
  return dispatcher;
}

mcp_event_dispatcher* new_simulated(mcp_event_clock** clock) {
  mcp_event_dispatcher* dispatcher = NULL;
  CHECK_OK(mcp_event_clock_create(clock));
  const mcp_event_dispatcher_options options = {.size = sizeof options, .clock = *clock};
  CHECK_OK(mcp_event_dispatcher_create("simulated", &options, &dispatcher));
  return dispatcher;
}

void post(mcp_event_dispatcher* dispatcher, void (*call)(void* data), void* data) {
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, calling(call, data)));
}

void run_now(mcp_event_dispatcher* dispatcher) {
  CHECK_OK(mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_NON_BLOCK));
}

void run_until_exit(mcp_event_dispatcher* dispatcher) {
  CHECK_OK(mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_UNTIL_EXIT));
}

void advance_us(mcp_event_clock* clock, int64_t microseconds) {
  CHECK_OK(mcp_event_clock_advance_ns(clock, microseconds * 1000));
}

mcp_event_stats stats_of(const mcp_event_dispatcher* dispatcher) {
  mcp_event_stats stats = {.size = sizeof stats};
  CHECK_OK(mcp_event_dispatcher_stats(dispatcher, &stats));
  return stats;
}

void set_environment(const char* variable, const char* value) {
#ifdef _WIN32
  CHECK(_putenv_s(variable, value == NULL ? "" : value) == 0);
#else
  CHECK((value == NULL ? unsetenv(variable) : setenv(variable, value, 1)) == 0);
#endif
}

struct thread {
  pthread_t id;
  void (*body)(void* data);
  void* data;
};

static void* thread_main(void* started) {
  thread* const self = started;
  self->body(self->data);
  return NULL;
}

thread* start_thread(void (*body)(void* data), void* data) {
  thread* const started = malloc(sizeof *started);
  CHECK(started != NULL);
  started->body = body;
  started->data = data;
  CHECK(pthread_create(&started->id, NULL, thread_main, started) == 0);
  return started;
}

void wait_for(thread* started) {
  CHECK(pthread_join(started->id, NULL) == 0);
  free(started);
}
