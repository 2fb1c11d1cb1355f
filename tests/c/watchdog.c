#include "suites.h"
#include "support.h"

static void touch(void* counts) { ++((tally*)counts)->calls; }

static void do_nothing(void* unused) { (void)unused; }

static void w1_touched_before_every_callback(void) {
  tally dog = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_dispatcher_register_watchdog(dispatcher, touch, &dog, count_drop, 0));
  run_now(dispatcher);
  CHECK(dog.calls == 0);
  post(dispatcher, do_nothing, NULL);
  post(dispatcher, do_nothing, NULL);
  run_now(dispatcher);
  CHECK(dog.calls == 2);
  CHECK(dog.drops == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK(dog.drops == 1);
}

static void w1_and_from_a_timer(void) {
  tally dog = {0};
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  CHECK_OK(mcp_event_dispatcher_register_watchdog(dispatcher, touch, &dog, count_drop, 1000));
  for (int i = 1; i <= 3; ++i) {
    advance_us(clock, 1000);
    run_now(dispatcher);
    CHECK(dog.calls == i);
  }
  CHECK_OK(mcp_event_dispatcher_register_watchdog(dispatcher, touch, &dog, count_drop, -1));
  CHECK(dog.drops == 1);
  advance_us(clock, 1000);
  run_now(dispatcher);
  CHECK(dog.calls == 3);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
  CHECK(dog.drops == 2);
}

static void one_replaces_another_and_null_ends_it(void) {
  tally former = {0};
  tally latter = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_dispatcher_register_watchdog(dispatcher, touch, &former, count_drop, 0));
  CHECK_OK(mcp_event_dispatcher_register_watchdog(dispatcher, touch, &latter, count_drop, 0));
  CHECK(former.drops == 1 && latter.drops == 0);
  CHECK_OK(mcp_event_dispatcher_register_watchdog(dispatcher, NULL, NULL, NULL, 0));
  CHECK(latter.drops == 1);
  post(dispatcher, do_nothing, NULL);
  run_now(dispatcher);
  CHECK(former.calls == 0 && latter.calls == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void p10_shutdown_lets_it_go(void) {
  tally dog = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_dispatcher_register_watchdog(dispatcher, touch, &dog, count_drop, 0));
  CHECK_OK(mcp_event_dispatcher_shutdown(dispatcher));
  CHECK(dog.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK(dog.drops == 1);
}

void watchdog_suite(void) {
  w1_touched_before_every_callback();
  w1_and_from_a_timer();
  one_replaces_another_and_null_ends_it();
  p10_shutdown_lets_it_go();
}
