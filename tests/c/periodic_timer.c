#include <string.h>

#include "suites.h"
#include "support.h"

typedef struct fixture {
  mcp_event_clock* clock;
  mcp_event_dispatcher* dispatcher;
  mcp_event_periodic_timer* timer;
  tally counts;
} fixture;

static void set_up(fixture* self) {
  memset(self, 0, sizeof *self);
  self->dispatcher = new_simulated(&self->clock);
  CHECK_OK(mcp_event_periodic_timer_create(self->dispatcher, counting(&self->counts), &self->timer));
}

static void tear_down(fixture* self) {
  CHECK_OK(mcp_event_periodic_timer_destroy(self->timer));
  CHECK(self->counts.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(self->dispatcher));
  CHECK_OK(mcp_event_clock_destroy(self->clock));
}

static bool ticks(const mcp_event_periodic_timer* timer) {
  bool enabled = false;
  CHECK_OK(mcp_event_periodic_timer_enabled(timer, &enabled));
  return enabled;
}

static void advance_and_run(fixture* self, int64_t microseconds) {
  advance_us(self->clock, microseconds);
  run_now(self->dispatcher);
}

static void t10_at_every_multiple_of_the_interval(void) {
  fixture self;
  set_up(&self);
  CHECK(!ticks(self.timer));
  CHECK_OK(mcp_event_periodic_timer_enable_us(self.timer, 10));
  CHECK(ticks(self.timer));
  advance_and_run(&self, 9);
  CHECK(self.counts.calls == 0);
  advance_and_run(&self, 1);
  CHECK(self.counts.calls == 1);
  // Late by three; the next tick is not.
  advance_and_run(&self, 13);
  CHECK(self.counts.calls == 2);
  advance_and_run(&self, 7);
  CHECK(self.counts.calls == 3);
  CHECK(ticks(self.timer));
  tear_down(&self);
}

static void t10_missed_ticks_are_skipped(void) {
  fixture self;
  set_up(&self);
  CHECK_OK(mcp_event_periodic_timer_enable_us(self.timer, 10));
  advance_and_run(&self, 105);
  CHECK(self.counts.calls == 1);
  advance_and_run(&self, 4);
  CHECK(self.counts.calls == 1);
  advance_and_run(&self, 1);
  CHECK(self.counts.calls == 2);
  tear_down(&self);
}

static void it_can_be_stopped_and_started_anew(void) {
  fixture self;
  set_up(&self);
  CHECK_OK(mcp_event_periodic_timer_enable_us(self.timer, 10));
  CHECK_OK(mcp_event_periodic_timer_disable(self.timer));
  CHECK(!ticks(self.timer));
  advance_and_run(&self, 100);
  CHECK(self.counts.calls == 0);
  CHECK_OK(mcp_event_periodic_timer_enable_us(self.timer, 10));
  CHECK_OK(mcp_event_periodic_timer_enable_us(self.timer, 20));
  advance_and_run(&self, 10);
  CHECK(self.counts.calls == 0);
  advance_and_run(&self, 10);
  CHECK(self.counts.calls == 1);
  tear_down(&self);
}

static void an_interval_is_positive(void) {
  fixture self;
  set_up(&self);
  const int64_t wrong[] = {0, -1, INT64_MIN};
  for (size_t i = 0; i < COUNT_OF(wrong); ++i) {
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_periodic_timer_enable_us(self.timer, wrong[i]));
  }
  CHECK(!ticks(self.timer));
  CHECK_OK(mcp_event_periodic_timer_enable_us(self.timer, INT64_MAX));
  advance_and_run(&self, 1000000);
  CHECK(self.counts.calls == 0 && ticks(self.timer));
  tear_down(&self);
}

static void stop(void* data) {
  mcp_event_periodic_timer** const timer = data;
  CHECK(ticks(*timer));
  CHECK_OK(mcp_event_periodic_timer_disable(*timer));
}

static void a_callback_may_stop_it(void) {
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  mcp_event_periodic_timer* timer = NULL;
  CHECK_OK(mcp_event_periodic_timer_create(dispatcher, calling(stop, &timer), &timer));
  CHECK_OK(mcp_event_periodic_timer_enable_us(timer, 10));
  for (int i = 0; i < 3; ++i) {
    advance_us(clock, 10);
    run_now(dispatcher);
  }
  CHECK(!ticks(timer));
  CHECK(stats_of(dispatcher).timers_fired == 1);
  CHECK_OK(mcp_event_periodic_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

void periodic_timer_suite(void) {
  t10_at_every_multiple_of_the_interval();
  t10_missed_ticks_are_skipped();
  it_can_be_stopped_and_started_anew();
  an_interval_is_positive();
  a_callback_may_stop_it();
}
