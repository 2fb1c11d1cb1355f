#include <sched.h>
#include <semaphore.h>

#include "suites.h"
#include "support.h"

static void wrong_run_types_are_refused(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  const int wrong[] = {-1, 3, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < COUNT_OF(wrong); ++i) {
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_run(dispatcher, wrong[i]));
  }
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void r1_both_blocking_types_run_until_exit(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  post(dispatcher, exit_loop, dispatcher);
  CHECK_OK(mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_BLOCK));
  post(dispatcher, exit_loop, dispatcher);
  CHECK_OK(mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_UNTIL_EXIT));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void r4_an_early_exit_is_remembered_once(void) {
  tally before = {0};
  tally after = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, counting(&before)));
  CHECK_OK(mcp_event_dispatcher_exit(dispatcher));
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, counting(&after)));
  CHECK_OK(mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_BLOCK));
  CHECK(before.calls == 1);
  // P8: it waits for the next run, which this is.
  CHECK(after.calls == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void post_exit(void* data) { post(data, exit_loop, data); }

static void an_early_exit_can_be_taken_back(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_dispatcher_exit(dispatcher));
  CHECK_OK(mcp_event_dispatcher_clear_exit(dispatcher));
  // The second post, made in the run, would stay queued if the exit were still there.
  post(dispatcher, post_exit, dispatcher);
  run_until_exit(dispatcher);
  mcp_event_stats stats = {.size = sizeof(stats)};
  CHECK_OK(mcp_event_dispatcher_stats(dispatcher, &stats));
  CHECK(stats.queue_depth == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void run_nested(void* data) {
  for (int type = MCP_EVENT_RUN_BLOCK; type <= MCP_EVENT_RUN_UNTIL_EXIT; ++type) {
    CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_dispatcher_run(data, type));
  }
}

static void r6_a_nested_run_is_refused(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  post(dispatcher, run_nested, dispatcher);
  run_now(dispatcher);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

// A loop on a thread of its own.
typedef struct remote_loop {
  mcp_event_dispatcher* dispatcher;
  sem_t entered;
  thread* runner;
} remote_loop;

static void signal_entered(void* data) { CHECK(sem_post(&((remote_loop*)data)->entered) == 0); }

static void run_remote(void* data) { run_until_exit(((remote_loop*)data)->dispatcher); }

static void start_remote(remote_loop* loop, void (*body)(void* loop)) {
  loop->dispatcher = new_dispatcher();
  CHECK(sem_init(&loop->entered, 0, 0) == 0);
  post(loop->dispatcher, signal_entered, loop);
  loop->runner = start_thread(body, loop);
  CHECK(sem_wait(&loop->entered) == 0);
}

static void check_thread_safe(void* data) {
  bool thread_safe = false;
  CHECK_OK(mcp_event_dispatcher_is_thread_safe(data, &thread_safe));
  CHECK(thread_safe);
}

static void sink_nothing(void* sink_data, const char* text, size_t length) {
  (void)sink_data, (void)text, (void)length;
}

static void run_remote_then_exit(void* data) {
  run_remote(data);
  exit_loop(((remote_loop*)data)->dispatcher);
}

static void r6_another_threads_loop(void) {
  remote_loop loop;
  bool flag = true;
  int64_t timeout = -1;
  start_remote(&loop, run_remote_then_exit);
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_dispatcher_run(loop.dispatcher, MCP_EVENT_RUN_NON_BLOCK));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE,
               mcp_event_dispatcher_dump_tracked(loop.dispatcher, sink_nothing, NULL));
  CHECK_OK(mcp_event_dispatcher_is_running(loop.dispatcher, &flag));
  CHECK(flag);
  CHECK_OK(mcp_event_dispatcher_is_thread_safe(loop.dispatcher, &flag));
  CHECK(!flag);
  CHECK_OK(mcp_event_dispatcher_next_timeout_ns(loop.dispatcher, &timeout));
  CHECK(timeout == 0);
  post(loop.dispatcher, check_thread_safe, loop.dispatcher);
  CHECK_OK(mcp_event_dispatcher_clear_deferred_delete_list(loop.dispatcher));

  post(loop.dispatcher, exit_loop, loop.dispatcher);
  // Waits for the loop to be left; should it be left already, the thread's second exit ends this run.
  run_until_exit(loop.dispatcher);
  wait_for(loop.runner);
  CHECK_OK(mcp_event_dispatcher_is_running(loop.dispatcher, &flag));
  CHECK(!flag);
  CHECK_OK(mcp_event_dispatcher_destroy(loop.dispatcher));
  CHECK(sem_destroy(&loop.entered) == 0);
}

static void r7_thread_safe_from_the_first_run_on(void) {
  bool thread_safe = true;
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_dispatcher_is_thread_safe(dispatcher, &thread_safe));
  CHECK(!thread_safe);
  post(dispatcher, check_thread_safe, dispatcher);
  run_now(dispatcher);
  check_thread_safe(dispatcher);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void p10_shutdown_makes_another_threads_loop_leave(void) {
  remote_loop loop;
  tally counts = {0};
  start_remote(&loop, run_remote);
  CHECK_OK(mcp_event_dispatcher_shutdown(loop.dispatcher));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_dispatcher_post(loop.dispatcher, counting(&counts)));
  wait_for(loop.runner);
  CHECK_OK(mcp_event_dispatcher_destroy(loop.dispatcher));
  CHECK(sem_destroy(&loop.entered) == 0);
}

static void p10_so_does_destruction(void) {
  remote_loop loop;
  start_remote(&loop, run_remote);
  CHECK_OK(mcp_event_dispatcher_destroy(loop.dispatcher));
  wait_for(loop.runner);
  CHECK(sem_destroy(&loop.entered) == 0);
}

// A timer whose callback takes its time.
typedef struct slow_timer {
  mcp_event_timer* timer;
  sem_t began;
  atomic_bool ended;
} slow_timer;

static void be_slow(void* data) {
  slow_timer* const self = data;
  CHECK(sem_post(&self->began) == 0);
  for (int i = 0; i < 1000; ++i) {
    sched_yield();
  }
  self->ended = true;
}

static void f8_destroying_waits_for_the_running_callback(void) {
  remote_loop loop;
  slow_timer slow = {.ended = false};
  CHECK(sem_init(&slow.began, 0, 0) == 0);
  start_remote(&loop, run_remote);
  CHECK_OK(mcp_event_timer_create(loop.dispatcher, calling(be_slow, &slow), &slow.timer));
  CHECK_OK(mcp_event_timer_enable_us(slow.timer, 0));
  CHECK(sem_wait(&slow.began) == 0);
  CHECK_OK(mcp_event_timer_destroy(slow.timer));
  CHECK(slow.ended);
  CHECK_OK(mcp_event_dispatcher_exit(loop.dispatcher));
  wait_for(loop.runner);
  CHECK_OK(mcp_event_dispatcher_destroy(loop.dispatcher));
  CHECK(sem_destroy(&slow.began) == 0);
  CHECK(sem_destroy(&loop.entered) == 0);
}

static void h1_handles_from_another_thread(void) {
  remote_loop loop;
  tally counts = {0};
  fd_pair pipe = new_pipe();
  mcp_event_timer* timer = NULL;
  mcp_event_file_event* event = NULL;
  mcp_event_schedulable* schedulable = NULL;
  start_remote(&loop, run_remote);
  CHECK_OK(mcp_event_timer_create(loop.dispatcher, counting(&counts), &timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, INT64_MAX));
  CHECK_OK(mcp_event_timer_disable(timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, INT64_MAX));
  CHECK_OK(mcp_event_schedulable_create(loop.dispatcher, counting(&counts), &schedulable));
  CHECK_OK(mcp_event_schedulable_schedule_next_iteration(schedulable));
  CHECK_OK(mcp_event_schedulable_cancel(schedulable));
  CHECK_OK(mcp_event_schedulable_schedule_current_iteration(schedulable));
  CHECK_OK(mcp_event_file_event_create(loop.dispatcher, pipe.mine, MCP_EVENT_TRIGGER_EDGE, MCP_EVENT_READ,
                                       counting_file(&counts), &event));
  CHECK_OK(mcp_event_file_event_activate(event, MCP_EVENT_WRITE));
  CHECK_OK(mcp_event_file_event_set_enabled(event, 0));
  CHECK_OK(mcp_event_file_event_destroy(event));
  CHECK_OK(mcp_event_schedulable_destroy(schedulable));
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK(counts.drops == 3);
  CHECK_OK(mcp_event_dispatcher_exit(loop.dispatcher));
  wait_for(loop.runner);
  CHECK_OK(mcp_event_dispatcher_destroy(loop.dispatcher));
  close_both(&pipe);
  CHECK(sem_destroy(&loop.entered) == 0);
}

void run_and_exit_suite(void) {
  wrong_run_types_are_refused();
  r1_both_blocking_types_run_until_exit();
  r4_an_early_exit_is_remembered_once();
  an_early_exit_can_be_taken_back();
  r6_a_nested_run_is_refused();
  r6_another_threads_loop();
  r7_thread_safe_from_the_first_run_on();
  p10_shutdown_makes_another_threads_loop_leave();
  p10_so_does_destruction();
  f8_destroying_waits_for_the_running_callback();
  h1_handles_from_another_thread();
}
