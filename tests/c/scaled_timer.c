#include <math.h>
#include <string.h>

#include "suites.h"
#include "support.h"

// A scaled timer in simulated time: between 4 and 10 us when it is enabled for 10.
typedef struct fixture {
  mcp_event_clock* clock;
  mcp_event_dispatcher* dispatcher;
  mcp_event_scaled_timer* timer;
  tally counts;
} fixture;

static void set_up(fixture* self) {
  memset(self, 0, sizeof *self);
  self->dispatcher = new_simulated(&self->clock);
  const mcp_event_scaled_timer_minimum minimum = {.absolute_us = 4};
  CHECK_OK(mcp_event_scaled_timer_create_with_minimum(self->dispatcher, minimum, INT64_MAX,
                                                      counting(&self->counts), &self->timer));
}

static void tear_down(fixture* self) {
  CHECK_OK(mcp_event_scaled_timer_destroy(self->timer));
  CHECK(self->counts.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(self->dispatcher));
  CHECK_OK(mcp_event_clock_destroy(self->clock));
}

static bool is_enabled(const mcp_event_scaled_timer* timer) {
  bool enabled = false;
  CHECK_OK(mcp_event_scaled_timer_enabled(timer, &enabled));
  return enabled;
}

static double factor_of(const mcp_event_dispatcher* dispatcher) {
  double factor = -1;
  CHECK_OK(mcp_event_dispatcher_timer_scale_factor(dispatcher, &factor));
  return factor;
}

static void scale(fixture* self, double factor) {
  CHECK_OK(mcp_event_dispatcher_set_timer_scale_factor(self->dispatcher, factor));
  CHECK(factor_of(self->dispatcher) == factor);
}

// Checks that the enabled timer fires after so many microseconds, not earlier.
static void check_fires_after(fixture* self, mcp_event_scaled_timer* timer, int64_t microseconds) {
  const int before = self->counts.calls;
  if (microseconds > 0) {
    CHECK_OK(mcp_event_clock_advance_ns(self->clock, microseconds * 1000 - 1));
    run_now(self->dispatcher);
    CHECK(self->counts.calls == before);
    CHECK(is_enabled(timer));
    CHECK_OK(mcp_event_clock_advance_ns(self->clock, 1));
  }
  run_now(self->dispatcher);
  CHECK(self->counts.calls == before + 1);
  CHECK(!is_enabled(timer));
}

static void k1_fires_between_minimum_and_maximum(void) {
  fixture self;
  set_up(&self);
  CHECK(factor_of(self.dispatcher) == 1);
  CHECK(!is_enabled(self.timer));
  const struct {
    double factor;
    int64_t after;
  } cases[] = {{1, 10}, {0.5, 7}, {0, 4}};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    scale(&self, cases[i].factor);
    CHECK_OK(mcp_event_scaled_timer_enable_us(self.timer, 10));
    check_fires_after(&self, self.timer, cases[i].after);
  }
  tear_down(&self);
}

static void k3_a_change_counts_at_once(void) {
  fixture self;
  set_up(&self);
  CHECK_OK(mcp_event_scaled_timer_enable_us(self.timer, 10));
  advance_us(self.clock, 8);
  run_now(self.dispatcher);
  CHECK(self.counts.calls == 0);
  scale(&self, 0.5);
  check_fires_after(&self, self.timer, 0);
  tear_down(&self);
}

static void k2_minimums_are_capped(void) {
  fixture self;
  set_up(&self);
  scale(&self, 0);
  CHECK_OK(mcp_event_scaled_timer_enable_us(self.timer, 3));
  check_fires_after(&self, self.timer, 3);
  const struct {
    mcp_event_scaled_timer_minimum minimum;
    int64_t max;
    int64_t after;
  } cases[] = {
      {{.absolute_us = 4}, 6, 4},   {{.absolute_us = 8}, 6, 6},         {{.share = 0.5}, 6, 3},
      {{.share = 0.5}, 100, 10},    {{.share = 1}, INT64_MAX, 20},      {{0}, 6, 0},
      {{.absolute_us = -5}, 20, 0}, {{.absolute_us = INT64_MAX}, 6, 6}, {{.absolute_us = 4}, -1, 0},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    mcp_event_scaled_timer* timer = NULL;
    mcp_event_closure closure = counting(&self.counts);
    closure.drop = NULL;
    CHECK_OK(mcp_event_scaled_timer_create_with_minimum(self.dispatcher, cases[i].minimum, cases[i].max,
                                                        closure, &timer));
    CHECK_OK(mcp_event_scaled_timer_enable_us(timer, 20));
    check_fires_after(&self, timer, cases[i].after);
    CHECK_OK(mcp_event_scaled_timer_destroy(timer));
  }
  tear_down(&self);
}

static void k5_types_have_minimums(void) {
  fixture self;
  set_up(&self);
  scale(&self, 0);
  const int types[] = {MCP_EVENT_SCALED_TIMER_HTTP_CONNECTION_MANAGER_DECODE_DURATION,
                       MCP_EVENT_SCALED_TIMER_HTTP_CONNECTION_MANAGER_NEW_STREAM,
                       MCP_EVENT_SCALED_TIMER_OVERLOAD_ACTION_STATE};
  const mcp_event_scaled_timer_minimum minimums[] = {{.absolute_us = 2}, {.share = 0.3}, {.share = 1}};
  const int64_t after[] = {2, 3, 10};
  for (size_t i = 0; i < COUNT_OF(types); ++i) {
    mcp_event_scaled_timer* timer = NULL;
    mcp_event_closure closure = counting(&self.counts);
    closure.drop = NULL;
    CHECK_OK(mcp_event_scaled_timer_create(self.dispatcher, types[i], closure, &timer));
    // Not scaled until it is configured.
    CHECK_OK(mcp_event_scaled_timer_enable_us(timer, 10));
    check_fires_after(&self, timer, 10);
    CHECK_OK(mcp_event_dispatcher_set_scaled_timer_minimum(self.dispatcher, types[i], minimums[i]));
    CHECK_OK(mcp_event_scaled_timer_enable_us(timer, 10));
    check_fires_after(&self, timer, after[i]);
    CHECK_OK(mcp_event_scaled_timer_destroy(timer));
  }
  tear_down(&self);
}

static void t5_disabled_it_does_not_fire(void) {
  fixture self;
  set_up(&self);
  const int64_t waits[] = {0, 3, 5, 10};
  for (size_t i = 0; i < COUNT_OF(waits); ++i) {
    CHECK_OK(mcp_event_scaled_timer_enable_us(self.timer, 11));
    advance_us(self.clock, waits[i]);
    run_now(self.dispatcher);
    CHECK_OK(mcp_event_scaled_timer_disable(self.timer));
    CHECK_OK(mcp_event_scaled_timer_disable(self.timer));
    CHECK(!is_enabled(self.timer));
    advance_us(self.clock, 100);
    run_now(self.dispatcher);
  }
  CHECK(self.counts.calls == 0);
  tear_down(&self);
}

static void t8_t9_extremes(void) {
  fixture self;
  set_up(&self);
  CHECK_OK(mcp_event_scaled_timer_enable_us(self.timer, INT64_MAX));
  advance_us(self.clock, 1000000);
  run_now(self.dispatcher);
  CHECK(is_enabled(self.timer));
  CHECK_OK(mcp_event_scaled_timer_enable_us(self.timer, INT64_MIN));
  check_fires_after(&self, self.timer, 0);
  tear_down(&self);
}

static void what_makes_no_sense_is_refused(void) {
  fixture self;
  set_up(&self);
  scale(&self, 0.25);
  const double factors[] = {-0.5, 1.5, NAN, INFINITY};
  tally counts = {0};
  mcp_event_scaled_timer* timer = NULL;
  for (size_t i = 0; i < COUNT_OF(factors); ++i) {
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
                 mcp_event_dispatcher_set_timer_scale_factor(self.dispatcher, factors[i]));
    const mcp_event_scaled_timer_minimum minimum = {.share = factors[i]};
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
                 mcp_event_dispatcher_set_scaled_timer_minimum(self.dispatcher, 0, minimum));
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
                 mcp_event_scaled_timer_create_with_minimum(self.dispatcher, minimum, INT64_MAX,
                                                            counting(&counts), &timer));
  }
  CHECK(factor_of(self.dispatcher) == 0.25);
  const mcp_event_scaled_timer_minimum both = {.absolute_us = 1, .share = 0.5};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_dispatcher_set_scaled_timer_minimum(self.dispatcher, 0, both));
  const int types[] = {-1, 3, INT32_MAX, INT32_MIN};
  const mcp_event_scaled_timer_minimum none = {0};
  for (size_t i = 0; i < COUNT_OF(types); ++i) {
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
                 mcp_event_dispatcher_set_scaled_timer_minimum(self.dispatcher, types[i], none));
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
                 mcp_event_scaled_timer_create(self.dispatcher, types[i], counting(&counts), &timer));
  }
  const mcp_event_closure empty = {0};
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_scaled_timer_create(self.dispatcher, 0, empty, &timer));
  CHECK(timer == NULL && counts.calls == 0 && counts.drops == 0);
  tear_down(&self);
}

void scaled_timer_suite(void) {
  k1_fires_between_minimum_and_maximum();
  k3_a_change_counts_at_once();
  k2_minimums_are_capped();
  k5_types_have_minimums();
  t5_disabled_it_does_not_fire();
  t8_t9_extremes();
  what_makes_no_sense_is_refused();
}
