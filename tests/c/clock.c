#include "suites.h"
#include "support.h"

static void a3_time_moves_forward_by_hand_alone(void) {
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  uint64_t before = 0;
  uint64_t after = 0;
  CHECK_OK(mcp_event_dispatcher_approximate_time_ns(dispatcher, &before));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_clock_advance_ns(clock, -1));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_clock_advance_ns(clock, INT64_MIN));
  CHECK_OK(mcp_event_clock_advance_ns(clock, 0));
  run_now(dispatcher);
  CHECK_OK(mcp_event_dispatcher_approximate_time_ns(dispatcher, &after));
  CHECK(after == before);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void a_clock_at_its_end_stays_there(void) {
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  tally counts = {0};
  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, counting(&counts), &timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, INT64_MAX));
  for (int i = 0; i < 3; ++i) {
    CHECK_OK(mcp_event_clock_advance_ns(clock, INT64_MAX));
    run_now(dispatcher);
  }
  CHECK(counts.calls == 0);
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void a_dispatcher_keeps_its_clock(void) {
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  CHECK_OK(mcp_event_clock_destroy(clock));
  run_now(dispatcher);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void advance_to_the_timer(void* clock) { advance_us(clock, 3600 * INT64_C(1000000)); }

static void moving_it_wakes_the_loops_on_it(void) {
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, calling(exit_loop, dispatcher), &timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, 3600 * INT64_C(1000000)));
  thread* const mover = start_thread(advance_to_the_timer, clock);
  run_until_exit(dispatcher);
  wait_for(mover);
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

void clock_suite(void) {
  a3_time_moves_forward_by_hand_alone();
  a_clock_at_its_end_stays_there();
  a_dispatcher_keeps_its_clock();
  moving_it_wakes_the_loops_on_it();
}
