// Who owns a closure's data: the library after a success, and then it drops it exactly once; the caller after
// a failure, and then nobody drops it.

#include <signal.h>
#include <unistd.h>

#include "suites.h"
#include "support.h"

static tally kept;

static mcp_event_closure without_call(void) { return (mcp_event_closure){.data = &kept, .drop = count_drop}; }

static mcp_event_file_closure file_without_call(void) {
  return (mcp_event_file_closure){.data = &kept, .drop = count_drop};
}

static void say_nothing(void* data, int level, const char* message) {
  (void)data, (void)level, (void)message;
}

static void failures_leave_the_data_with_the_caller(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_timer* timer = NULL;
  mcp_event_periodic_timer* periodic = NULL;
  mcp_event_file_event* event = NULL;
  mcp_event_schedulable* schedulable = NULL;
  mcp_event_signal_event* signal_event = NULL;
  fd_pair pipe = new_pipe();
  const int level = MCP_EVENT_TRIGGER_LEVEL;

  // P12: an empty callback is refused at the call.
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_post(dispatcher, without_call()));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_timer_create(dispatcher, without_call(), &timer));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_periodic_timer_create(dispatcher, without_call(), &periodic));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_file_event_create(dispatcher, pipe.mine, level, 1, file_without_call(), &event));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_schedulable_create(dispatcher, without_call(), &schedulable));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_signal_event_create(dispatcher, TEST_SIGNAL, without_call(), &signal_event));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_deferred_delete(dispatcher, &kept, NULL));

  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_timer_create(dispatcher, counting(&kept), NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_periodic_timer_create(dispatcher, counting(&kept), NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_file_event_create(dispatcher, pipe.mine, level, 1, counting_file(&kept), NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_schedulable_create(dispatcher, counting(&kept), NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_signal_event_create(dispatcher, TEST_SIGNAL, counting(&kept), NULL));

  CHECK_STATUS(MCP_EVENT_OS_ERROR,
               mcp_event_file_event_create(dispatcher, -1, level, 1, counting_file(&kept), &event));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_file_event_create(dispatcher, pipe.mine, 3, 1, counting_file(&kept), &event));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_file_event_create(dispatcher, pipe.mine, level, 16, counting_file(&kept), &event));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_signal_event_create(dispatcher, 9, counting(&kept), &signal_event));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_set_log(say_nothing, -1, &kept, count_drop));

  CHECK_OK(mcp_event_dispatcher_shutdown(dispatcher));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_dispatcher_post(dispatcher, counting(&kept)));

  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  close_both(&pipe);
  CHECK(timer == NULL && periodic == NULL && event == NULL && schedulable == NULL && signal_event == NULL);
  CHECK(kept.calls == 0 && kept.drops == 0);
}

static void successes_drop_the_data_exactly_once(void) {
  enum { Post, Timer, Periodic, File, Schedulable, Signal, Watchdog, Count };
  tally counts[Count] = {{0}};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_timer* timer = NULL;
  mcp_event_periodic_timer* periodic = NULL;
  mcp_event_file_event* event = NULL;
  mcp_event_schedulable* schedulable = NULL;
  mcp_event_signal_event* signal_event = NULL;
  fd_pair pipe = new_pipe();
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, counting(&counts[Post])));
  CHECK_OK(mcp_event_timer_create(dispatcher, counting(&counts[Timer]), &timer));
  CHECK_OK(mcp_event_periodic_timer_create(dispatcher, counting(&counts[Periodic]), &periodic));
  CHECK_OK(mcp_event_file_event_create(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ,
                                       counting_file(&counts[File]), &event));
  CHECK_OK(mcp_event_schedulable_create(dispatcher, counting(&counts[Schedulable]), &schedulable));
  CHECK_OK(mcp_event_signal_event_create(dispatcher, TEST_SIGNAL, counting(&counts[Signal]), &signal_event));
  CHECK_OK(mcp_event_dispatcher_register_watchdog(dispatcher, count_drop, &kept, NULL, 0));
  CHECK_OK(mcp_event_dispatcher_register_watchdog(dispatcher, counting(&counts[Watchdog]).call,
                                                  &counts[Watchdog], count_drop, 0));
  for (int i = 0; i < Count; ++i) {
    CHECK(counts[i].drops == 0);
  }

  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_periodic_timer_destroy(periodic));
  CHECK_OK(mcp_event_file_event_destroy(event));
  CHECK_OK(mcp_event_schedulable_destroy(schedulable));
  CHECK_OK(mcp_event_signal_event_destroy(signal_event));
  // Destruction drops what is queued, and does not run it (P10).
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  close_both(&pipe);
  for (int i = 0; i < Count; ++i) {
    CHECK(counts[i].calls == 0);
    CHECK(counts[i].drops == 1);
  }
}

void ownership_suite(void) {
  failures_leave_the_data_with_the_caller();
  successes_drop_the_data_exactly_once();
}
