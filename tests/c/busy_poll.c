#include "suites.h"
#include "support.h"

// A timer that ends one wait after the other.
typedef struct waits {
  mcp_event_dispatcher* dispatcher;
  mcp_event_timer* timer;
  int left;
} waits;

static void next_wait(void* data) {
  waits* const w = data;
  if (w->left-- > 0) {
    CHECK_OK(mcp_event_timer_enable_us(w->timer, 1000));
  } else {
    exit_loop(w->dispatcher);
  }
}

enum { WAITS = 20 };

// How many of some waits that only a timer ends were spun; no wait is one that begins when the timer is due.
static uint64_t spins(mcp_event_dispatcher* dispatcher) {
  const uint64_t before = stats_of(dispatcher).spins;
  waits w = {.dispatcher = dispatcher, .left = WAITS};
  CHECK_OK(mcp_event_timer_create(dispatcher, calling(next_wait, &w), &w.timer));
  next_wait(&w);
  run_until_exit(dispatcher);
  CHECK_OK(mcp_event_timer_destroy(w.timer));
  return stats_of(dispatcher).spins - before;
}

static void spins_as_long_as_told(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK(spins(dispatcher) == 0);

  CHECK_OK(mcp_event_dispatcher_set_busy_poll(dispatcher, 1, false));
  const uint64_t always = spins(dispatcher);
  // None where there is only one processor.
  CHECK(always == 0 || (always > 4 && always <= WAITS));
  CHECK((stats_of(dispatcher).time_spun_us > 0) == (always > 0));

  CHECK_OK(mcp_event_dispatcher_set_busy_poll(dispatcher, 1, true));
  CHECK(spins(dispatcher) <= 4);
  CHECK(spins(dispatcher) == 0);

  CHECK_OK(mcp_event_dispatcher_set_busy_poll(dispatcher, 1000000, false));
  CHECK((spins(dispatcher) > 4) == (always > 0));
  CHECK(stats_of(dispatcher).spins_paid == 0);

  CHECK_OK(mcp_event_dispatcher_set_busy_poll(dispatcher, 0, false));
  CHECK(spins(dispatcher) == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void a_budget_that_makes_no_sense_changes_nothing(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  const int64_t budgets[] = {-1, INT64_MIN, 1000001, INT64_MAX};
  for (size_t i = 0; i < COUNT_OF(budgets); ++i) {
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
                 mcp_event_dispatcher_set_busy_poll(dispatcher, budgets[i], true));
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
                 mcp_event_dispatcher_set_busy_poll(dispatcher, budgets[i], false));
  }
  CHECK(spins(dispatcher) == 0);
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_set_busy_poll(NULL, 1, true));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void do_nothing(void* unused) { (void)unused; }

static void run(void* dispatcher) { run_until_exit(dispatcher); }

static void set_while_another_thread_runs_it(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  thread* const runner = start_thread(run, dispatcher);
  for (int i = 0; i < 100; ++i) {
    CHECK_OK(mcp_event_dispatcher_set_busy_poll(dispatcher, i % 2 == 0 ? 1000 : 0, i % 4 == 0));
    post(dispatcher, do_nothing, NULL);
  }
  post(dispatcher, exit_loop, dispatcher);
  wait_for(runner);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

void busy_poll_suite(void) {
  spins_as_long_as_told();
  a_budget_that_makes_no_sense_changes_nothing();
  set_while_another_thread_runs_it();
}
