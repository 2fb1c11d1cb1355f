#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <sys/resource.h>
#endif

#include "suites.h"
#include "support.h"

static void names_are_utf8_of_any_length(void) {
  mcp_event_dispatcher* dispatcher = NULL;
  char long_name[10 * 1024 + 1];
  memset(long_name, 'n', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  const char* const good[] = {"", "main",
                              "d\xc3\xa9p\xc3\xaa"
                              "che",
                              long_name};
  for (size_t i = 0; i < COUNT_OF(good); ++i) {
    CHECK_OK(mcp_event_dispatcher_create(good[i], NULL, &dispatcher));
    run_now(dispatcher);
    CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  }

  dispatcher = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_create(NULL, NULL, &dispatcher));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_create("\xff", NULL, &dispatcher));
  CHECK(dispatcher == NULL);
}

// Options of a later version of the library, as its callers know them.
typedef struct later_options {
  mcp_event_dispatcher_options known;
  uint64_t unknown[4];
} later_options;

static void options_begin_with_their_size(void) {
  mcp_event_dispatcher* dispatcher = NULL;
  mcp_event_dispatcher_options options = {.size = 0};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_create("test", &options, &dispatcher));
  options.size = sizeof options.size;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_create("test", &options, &dispatcher));
  options.size = sizeof options - 1;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_create("test", &options, &dispatcher));
  CHECK(dispatcher == NULL);

  options.size = sizeof options;
  CHECK_OK(mcp_event_dispatcher_create("test", &options, &dispatcher));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  const later_options later = {.known = {.size = sizeof later}};
  CHECK_OK(mcp_event_dispatcher_create("test", &later.known, &dispatcher));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static mcp_event_status create_on(const char* backend, mcp_event_dispatcher** out) {
  const mcp_event_dispatcher_options options = {.size = sizeof options, .backend = backend};
  return mcp_event_dispatcher_create("test", &options, out);
}

static void backends_are_known_by_name(void) {
  const char* standard = NULL;
  CHECK_OK(mcp_event_default_backend(&standard));
  CHECK_OK(mcp_event_backend_check(standard));

  const char* found = NULL;
  mcp_event_dispatcher* dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_dispatcher_backend(dispatcher, &found));
  CHECK(strcmp(found, standard) == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));

  CHECK_OK(create_on(standard, &dispatcher));
  CHECK_OK(mcp_event_dispatcher_backend(dispatcher, &found));
  CHECK(strcmp(found, standard) == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));

  dispatcher = NULL;
  const char* const unknown[] = {"", "EPOLL", "no such poller", "\xff"};
  for (size_t i = 0; i < COUNT_OF(unknown); ++i) {
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_backend_check(unknown[i]));
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, create_on(unknown[i], &dispatcher));
  }
  // Which of them can be used depends on the build and the system; what is told must then be so.
  const char* name = NULL;
  size_t known = 0;
  while (mcp_event_backend_name(known, &name) == MCP_EVENT_OK) {
    ++known;
    const mcp_event_status status = mcp_event_backend_check(name);
    CHECK(status == MCP_EVENT_OK || strstr(mcp_event_last_error(), name) != NULL);
    CHECK(status == MCP_EVENT_OK || status == MCP_EVENT_UNAVAILABLE);
    CHECK_STATUS(status, create_on(name, &dispatcher));
    if (dispatcher != NULL) {
      CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
      dispatcher = NULL;
    }
  }
  CHECK(known > 0);
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_backend_name(known, &name));
}

static void the_environment_names_the_default(void) {
  const char* before = NULL;
  const char* after = NULL;
  CHECK_OK(mcp_event_default_backend(&before));
  set_environment("MCP_EVENT_BACKEND", before);
  CHECK_OK(mcp_event_default_backend(&after));
  CHECK(strcmp(before, after) == 0);
  set_environment("MCP_EVENT_BACKEND", NULL);
}

// Windows has no limit that a process can lower.
#ifndef _WIN32
static void no_file_descriptor_left(void) {
  struct rlimit before;
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  mcp_event_dispatcher* dispatcher = NULL;
  mcp_event_pool* pool = NULL;
  const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const mcp_event_status created = mcp_event_dispatcher_create("test", NULL, &dispatcher);
  const int error = mcp_event_last_os_error();
  const mcp_event_status pooled = mcp_event_pool_create(2, &pool);
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_STATUS(MCP_EVENT_OS_ERROR, created);
  CHECK(error == EMFILE);
  CHECK_STATUS(MCP_EVENT_OS_ERROR, pooled);
  CHECK(dispatcher == NULL && pool == NULL);
}
#endif

static void look_at_the_time(void* data) {
  mcp_event_dispatcher* const dispatcher = data;
  uint64_t first = 0;
  uint64_t second = 0;
  CHECK_OK(mcp_event_dispatcher_approximate_time_ns(dispatcher, &first));
  CHECK_OK(mcp_event_dispatcher_approximate_time_ns(dispatcher, &second));
  CHECK(first == second);
}

static void a1_the_time_is_the_iterations(void) {
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  uint64_t before = 0;
  uint64_t time = 0;
  CHECK_OK(mcp_event_dispatcher_approximate_time_ns(dispatcher, &before));
  advance_us(clock, 5);
  CHECK_OK(mcp_event_dispatcher_approximate_time_ns(dispatcher, &time));
  CHECK(time == before);
  CHECK_OK(mcp_event_dispatcher_update_approximate_time(dispatcher));
  CHECK_OK(mcp_event_dispatcher_approximate_time_ns(dispatcher, &time));
  CHECK(time == before + 5000);
  advance_us(clock, 1);
  post(dispatcher, look_at_the_time, dispatcher);
  run_now(dispatcher);
  CHECK_OK(mcp_event_dispatcher_approximate_time_ns(dispatcher, &time));
  CHECK(time == before + 6000);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void destroy(void* dispatcher) { CHECK_OK(mcp_event_dispatcher_destroy(dispatcher)); }

static void a_callback_may_destroy_its_dispatcher(void) {
  tally behind = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  post(dispatcher, destroy, dispatcher);
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, counting(&behind)));
  run_until_exit(dispatcher);
  CHECK(behind.calls == 0 && behind.drops == 1);
}

static void h2_handles_outlive_their_dispatcher(void) {
  tally counts = {0};
  bool flag = true;
  fd_pair pipe = new_pipe();
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_timer* timer = NULL;
  mcp_event_periodic_timer* periodic = NULL;
  mcp_event_file_event* event = NULL;
  mcp_event_schedulable* schedulable = NULL;
  mcp_event_signal_event* signal_event = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, counting(&counts), &timer));
  CHECK_OK(mcp_event_periodic_timer_create(dispatcher, counting(&counts), &periodic));
  CHECK_OK(mcp_event_file_event_create(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_EDGE, MCP_EVENT_READ,
                                       counting_file(&counts), &event));
  CHECK_OK(mcp_event_schedulable_create(dispatcher, counting(&counts), &schedulable));
  CHECK_OK(mcp_event_signal_event_create(dispatcher, TEST_SIGNAL, counting(&counts), &signal_event));
  CHECK_OK(mcp_event_timer_enable_us(timer, 0));
  CHECK_OK(mcp_event_schedulable_schedule_next_iteration(schedulable));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));

  CHECK_OK(mcp_event_timer_disable(timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, 0));
  CHECK_OK(mcp_event_timer_enabled(timer, &flag));
  CHECK_OK(mcp_event_periodic_timer_enable_us(periodic, 1));
  CHECK_OK(mcp_event_file_event_activate(event, MCP_EVENT_READ));
  CHECK_OK(mcp_event_file_event_set_enabled(event, MCP_EVENT_WRITE));
  CHECK_OK(mcp_event_file_event_set_enabled(event, 0));
  CHECK_OK(mcp_event_schedulable_schedule_current_iteration(schedulable));
  CHECK_OK(mcp_event_schedulable_cancel(schedulable));

  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_periodic_timer_destroy(periodic));
  CHECK_OK(mcp_event_file_event_destroy(event));
  CHECK_OK(mcp_event_schedulable_destroy(schedulable));
  CHECK_OK(mcp_event_signal_event_destroy(signal_event));
  close_both(&pipe);
  CHECK(counts.calls == 0 && counts.drops == 5);
}

void dispatcher_suite(void) {
  names_are_utf8_of_any_length();
  options_begin_with_their_size();
  backends_are_known_by_name();
  the_environment_names_the_default();
#ifndef _WIN32
  no_file_descriptor_left();
#endif
  a1_the_time_is_the_iterations();
  a_callback_may_destroy_its_dispatcher();
  h2_handles_outlive_their_dispatcher();
}
