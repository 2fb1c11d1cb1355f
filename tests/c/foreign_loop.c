// A dispatcher and another event loop, here poll(2): inside it, watched by its poll fd and bounded by its
// next timeout; and as the one that runs, waiting in it.

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "suites.h"
#include "support.h"

static int poll_fd_of(mcp_event_dispatcher* dispatcher) {
  int fd = -1;
  CHECK_OK(mcp_event_dispatcher_poll_fd(dispatcher, &fd));
  CHECK(fd >= 0);
  return fd;
}

static int64_t next_timeout_of(mcp_event_dispatcher* dispatcher) {
  int64_t timeout = INT64_MIN;
  CHECK_OK(mcp_event_dispatcher_next_timeout_ns(dispatcher, &timeout));
  CHECK(timeout >= -1);
  return timeout;
}

static bool is_readable(int fd) {
  struct pollfd watched = {.fd = fd, .events = POLLIN};
  const int ready = poll(&watched, 1, 0);
  CHECK(ready >= 0);
  return ready == 1;
}

// One iteration of a loop that knows nothing of ours: poll() counts in milliseconds, and must not be early.
static void foreign_iteration(mcp_event_dispatcher* dispatcher) {
  struct pollfd watched = {.fd = poll_fd_of(dispatcher), .events = POLLIN};
  const int64_t timeout = next_timeout_of(dispatcher);
  CHECK(poll(&watched, 1, timeout < 0 ? -1 : (int)((timeout + 999999) / 1000000)) >= 0);
  run_now(dispatcher);
}

static void the_fd_stays_the_same(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  const int fd = poll_fd_of(dispatcher);
  run_now(dispatcher);
  CHECK(poll_fd_of(dispatcher) == fd);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void nothing_to_do_is_an_endless_timeout(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  run_now(dispatcher);
  CHECK(next_timeout_of(dispatcher) == -1);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void timers_bound_the_timeout(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  tally counts = {0};
  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, counting(&counts), &timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, 3600 * INT64_C(1000000)));
  const int64_t timeout = next_timeout_of(dispatcher);
  CHECK(timeout >= 0 && timeout <= 3600 * INT64_C(1000000000));
  CHECK_OK(mcp_event_timer_enable_us(timer, INT64_MAX));
  run_now(dispatcher);
  CHECK(next_timeout_of(dispatcher) == -1);
  CHECK_OK(mcp_event_timer_enable_us(timer, 0));
  CHECK(next_timeout_of(dispatcher) == 0);
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void in_simulated_time_only_what_is_due_bounds_it(void) {
  tally counts = {0};
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, counting(&counts), &timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, 5));
  run_now(dispatcher);
  CHECK(next_timeout_of(dispatcher) == -1);
  CHECK(!is_readable(poll_fd_of(dispatcher)));
  advance_us(clock, 5);
  CHECK(next_timeout_of(dispatcher) == 0);
  CHECK(is_readable(poll_fd_of(dispatcher)));
  run_now(dispatcher);
  CHECK(counts.calls == 1);
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void p7_posts_timers_and_activations_show_on_the_fd(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  tally counts = {0};
  fd_pair pipe = new_pipe();
  mcp_event_schedulable* callback = NULL;
  mcp_event_file_event* event = NULL;
  const int fd = poll_fd_of(dispatcher);
  CHECK_OK(mcp_event_schedulable_create(dispatcher, counting(&counts), &callback));
  CHECK_OK(mcp_event_file_event_create(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ,
                                       counting_file(&counts), &event));
  run_now(dispatcher);
  CHECK(!is_readable(fd));
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, counting(&counts)));
  CHECK(is_readable(fd) && next_timeout_of(dispatcher) == 0);
  run_now(dispatcher);
  CHECK(!is_readable(fd));
  CHECK_OK(mcp_event_schedulable_schedule_next_iteration(callback));
  CHECK(is_readable(fd) && next_timeout_of(dispatcher) == 0);
  run_now(dispatcher);
  CHECK_OK(mcp_event_file_event_activate(event, MCP_EVENT_WRITE));
  CHECK(is_readable(fd) && next_timeout_of(dispatcher) == 0);
  run_now(dispatcher);
  write_byte(pipe.theirs);
  CHECK(is_readable(fd));
  run_now(dispatcher);
  CHECK(counts.calls == 4);
  CHECK_OK(mcp_event_file_event_destroy(event));
  CHECK_OK(mcp_event_schedulable_destroy(callback));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  close_both(&pipe);
}

typedef struct poster {
  mcp_event_dispatcher* dispatcher;
  atomic_bool posted;
} poster;

static void note_posted(void* data) { ((poster*)data)->posted = true; }

static void post_from_here(void* data) {
  poster* const self = data;
  post(self->dispatcher, note_posted, self);
}

static void a_foreign_loop_drives_it(void) {
  poster self = {.dispatcher = new_dispatcher(), .posted = false};
  tally counts = {0};
  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(self.dispatcher, counting(&counts), &timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, 100));
  while (counts.calls == 0) {
    foreign_iteration(self.dispatcher);
  }
  thread* const other = start_thread(post_from_here, &self);
  while (!self.posted) {
    foreign_iteration(self.dispatcher);
  }
  wait_for(other);
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(self.dispatcher));
}

// A loop of another library, and what its turns return.
typedef struct poll_loop {
  atomic_int turns;
  atomic_int drops;
  int result;
} poll_loop;

static int turn(void* data, int fd, int64_t timeout_ns) {
  poll_loop* const self = data;
  ++self->turns;
  // One that was stopped, or failed, does not wait.
  if (self->result == MCP_EVENT_TURN_OVER) {
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    CHECK(poll(&watched, 1, timeout_ns < 0 ? -1 : (int)((timeout_ns + 999999) / 1000000)) >= 0);
  }
  return self->result;
}

static void drop_loop(void* data) { ++((poll_loop*)data)->drops; }

static mcp_event_foreign_loop foreign(poll_loop* self) {
  return (mcp_event_foreign_loop){
      .size = sizeof(mcp_event_foreign_loop), .name = "poll", .turn = turn, .data = self, .drop = drop_loop};
}

static mcp_event_status create_in(const mcp_event_foreign_loop* loop, const char* backend,
                                  mcp_event_dispatcher** out) {
  const mcp_event_dispatcher_options options = {
      .size = sizeof options, .backend = backend, .foreign_loop = loop};
  return mcp_event_dispatcher_create("in a foreign loop", &options, out);
}

static void a_dispatcher_waits_in_a_foreign_loop(void) {
  poll_loop loop = {.result = MCP_EVENT_TURN_OVER};
  mcp_event_foreign_loop table = foreign(&loop);
  mcp_event_dispatcher* dispatcher = NULL;
  CHECK_OK(create_in(&table, NULL, &dispatcher));
  memset(&table, 0, sizeof table);
  const char* name = NULL;
  CHECK_OK(mcp_event_dispatcher_backend(dispatcher, &name));
  CHECK(strcmp(name, "poll") == 0);

  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, calling(exit_loop, dispatcher), &timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, 100));
  run_until_exit(dispatcher);
  poster self = {.dispatcher = dispatcher, .posted = false};
  thread* const other = start_thread(post_from_here, &self);
  while (!self.posted) {
    run_now(dispatcher);
  }
  wait_for(other);
  CHECK(loop.turns > 0);

  loop.result = MCP_EVENT_TURN_STOPPED;
  run_until_exit(dispatcher);
  loop.result = -EIO;
  CHECK_STATUS(MCP_EVENT_OS_ERROR, mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_NON_BLOCK));
  CHECK(mcp_event_last_os_error() == EIO);
  loop.result = 7;
  CHECK(mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_NON_BLOCK) == MCP_EVENT_OS_ERROR);
  CHECK(strstr(mcp_event_last_error(), "returned 7") != NULL);

  CHECK(loop.drops == 0);
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK(loop.drops == 1);
}

static void a_foreign_loop_that_makes_no_sense_stays_the_callers(void) {
  poll_loop loop = {.result = MCP_EVENT_TURN_OVER};
  mcp_event_dispatcher* dispatcher = NULL;
  mcp_event_foreign_loop bad = foreign(&loop);
  bad.size = sizeof bad - 1;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, create_in(&bad, NULL, &dispatcher));
  bad = foreign(&loop);
  bad.name = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, create_in(&bad, NULL, &dispatcher));
  bad.name = "";
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, create_in(&bad, NULL, &dispatcher));
  bad = foreign(&loop);
  bad.turn = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, create_in(&bad, NULL, &dispatcher));
  bad = foreign(&loop);
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, create_in(&bad, "epoll", &dispatcher));
  CHECK(dispatcher == NULL && loop.drops == 0);
}

void foreign_loop_suite(void) {
  the_fd_stays_the_same();
  nothing_to_do_is_an_endless_timeout();
  timers_bound_the_timeout();
  in_simulated_time_only_what_is_due_bounds_it();
  p7_posts_timers_and_activations_show_on_the_fd();
  a_foreign_loop_drives_it();
  a_dispatcher_waits_in_a_foreign_loop();
  a_foreign_loop_that_makes_no_sense_stays_the_callers();
}
