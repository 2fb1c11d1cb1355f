#include <math.h>
#include <string.h>

#include "suites.h"
#include "support.h"

// What a source of pressure says, and how often it was asked and dropped.
typedef struct dial {
  double value;
  int calls;
  int drops;
} dial;

static double read_dial(void* data) {
  dial* const self = data;
  ++self->calls;
  return self->value;
}

static void drop_dial(void* data) { ++((dial*)data)->drops; }

static mcp_event_pressure_source source_of(dial* self) {
  return (mcp_event_pressure_source){.call = read_dial, .data = self, .drop = drop_dial};
}

// A driver in simulated time that shows each measurement as it is, every 100 us.
typedef struct fixture {
  mcp_event_clock* clock;
  mcp_event_dispatcher* dispatcher;
  mcp_event_pressure_driver* driver;
} fixture;

static mcp_event_pressure_options plain(void) {
  mcp_event_pressure_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.loop_lag_us = (mcp_event_thresholds){.low = 10, .high = 110};
  options.queue_depth = (mcp_event_thresholds){.low = 2, .high = 6};
  options.smoothing_us = 1;
  options.hysteresis = 1e-9;
  options.interval_us = 100;
  return options;
}

static void set_up(fixture* self) {
  memset(self, 0, sizeof *self);
  self->dispatcher = new_simulated(&self->clock);
  const mcp_event_pressure_options options = plain();
  CHECK_OK(mcp_event_pressure_driver_create(self->dispatcher, &options, &self->driver));
}

static void tear_down(fixture* self) {
  CHECK_OK(mcp_event_pressure_driver_destroy(self->driver));
  CHECK_OK(mcp_event_dispatcher_destroy(self->dispatcher));
  CHECK_OK(mcp_event_clock_destroy(self->clock));
}

static void pass_us(fixture* self, int64_t microseconds) {
  advance_us(self->clock, microseconds);
  run_now(self->dispatcher);
}

static void check_pressure(fixture* self, double expected) {
  double pressure = -1;
  double factor = -1;
  CHECK_OK(mcp_event_pressure_driver_pressure(self->driver, &pressure));
  CHECK_OK(mcp_event_dispatcher_timer_scale_factor(self->dispatcher, &factor));
  CHECK(fabs(pressure - expected) < 1e-6);
  CHECK(fabs(factor - (1 - expected)) < 1e-6);
}

static void k5_lateness_is_pressure(void) {
  fixture self;
  set_up(&self);
  check_pressure(&self, 0);
  pass_us(&self, 100);
  check_pressure(&self, 0);
  pass_us(&self, 160);
  check_pressure(&self, 0.5);
  tear_down(&self);
}

static void k5_sources_of_the_program_are_pressure(void) {
  fixture self;
  set_up(&self);
  dial dials[2];
  memset(dials, 0, sizeof dials);
  for (size_t i = 0; i < COUNT_OF(dials); ++i) {
    CHECK_OK(mcp_event_pressure_driver_add_source(self.driver, source_of(&dials[i])));
  }
  const struct {
    double first, second, expected;
  } cases[] = {{0.25, 0.5, 0.5}, {NAN, 0.25, 0.25}, {-3, NAN, 0}, {INFINITY, 0, 1}};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    dials[0].value = cases[i].first;
    dials[1].value = cases[i].second;
    pass_us(&self, 100);
    check_pressure(&self, cases[i].expected);
  }
  CHECK(dials[0].calls == (int)COUNT_OF(cases) && dials[0].drops == 0);
  CHECK_OK(mcp_event_pressure_driver_destroy(self.driver));
  CHECK(dials[0].drops == 1 && dials[1].drops == 1);
  double factor = -1;
  CHECK_OK(mcp_event_dispatcher_timer_scale_factor(self.dispatcher, &factor));
  CHECK(factor == 1);
  // With the default options.
  CHECK_OK(mcp_event_pressure_driver_create(self.dispatcher, NULL, &self.driver));
  tear_down(&self);
}

static void k5_one_driver_at_a_time(void) {
  fixture self;
  set_up(&self);
  mcp_event_pressure_driver* second = NULL;
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_pressure_driver_create(self.dispatcher, NULL, &second));
  CHECK(second == NULL);
  tear_down(&self);
}

static void refuse(mcp_event_dispatcher* dispatcher, mcp_event_pressure_options options) {
  mcp_event_pressure_driver* driver = NULL;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_pressure_driver_create(dispatcher, &options, &driver));
  CHECK(driver == NULL);
}

static void senseless_options_are_refused(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_pressure_options options = plain();
  options.size = sizeof options - 1;
  refuse(dispatcher, options);
  options = plain();
  options.loop_lag_us = (mcp_event_thresholds){.low = 5, .high = 5};
  refuse(dispatcher, options);
  options = plain();
  options.poll_delay_us = (mcp_event_thresholds){.low = -1, .high = 5};
  refuse(dispatcher, options);
  options = plain();
  options.queue_depth = (mcp_event_thresholds){.low = 7, .high = 6};
  refuse(dispatcher, options);
  options.queue_depth = (mcp_event_thresholds){.low = -7, .high = 6};
  refuse(dispatcher, options);
  options = plain();
  options.smoothing_us = -1;
  refuse(dispatcher, options);
  options = plain();
  options.interval_us = -1;
  refuse(dispatcher, options);
  const double hysteresis[] = {1, -0.5, NAN};
  for (size_t i = 0; i < COUNT_OF(hysteresis); ++i) {
    options = plain();
    options.hysteresis = hysteresis[i];
    refuse(dispatcher, options);
  }
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void a_source_needs_a_function(void) {
  fixture self;
  set_up(&self);
  dial untouched = {0};
  mcp_event_pressure_source source = source_of(&untouched);
  source.call = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pressure_driver_add_source(self.driver, source));
  tear_down(&self);
  CHECK(untouched.calls == 0 && untouched.drops == 0);
}

typedef struct late_callback {
  mcp_event_clock* clock;
  mcp_event_dispatcher* dispatcher;
  mcp_event_load load;
} late_callback;

static mcp_event_load load_of(const mcp_event_dispatcher* dispatcher) {
  mcp_event_load load = {.size = sizeof load};
  CHECK_OK(mcp_event_dispatcher_load(dispatcher, &load));
  CHECK(load.size == sizeof load);
  return load;
}

static void do_nothing(void* unused) { (void)unused; }

static void take_long(void* data) {
  late_callback* const self = data;
  advance_us(self->clock, 70);
  post(self->dispatcher, do_nothing, NULL);
  self->load = load_of(self->dispatcher);
}

static void k5_load_is_what_a_loop_is_late(void) {
  late_callback self = {0};
  self.dispatcher = new_simulated(&self.clock);
  mcp_event_load load = {.size = sizeof load - 1};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_load(self.dispatcher, &load));
  post(self.dispatcher, take_long, &self);
  CHECK(load_of(self.dispatcher).loop_lag_us == 0 && load_of(self.dispatcher).queue_depth == 1);
  run_now(self.dispatcher);
  CHECK(self.load.loop_lag_us == 70 && self.load.poll_delay_us == 0 && self.load.queue_depth == 1);
  CHECK(load_of(self.dispatcher).loop_lag_us == 0 && load_of(self.dispatcher).queue_depth == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(self.dispatcher));
  CHECK_OK(mcp_event_clock_destroy(self.clock));
}

void pressure_suite(void) {
  k5_lateness_is_pressure();
  k5_sources_of_the_program_are_pressure();
  k5_one_driver_at_a_time();
  senseless_options_are_refused();
  a_source_needs_a_function();
  k5_load_is_what_a_loop_is_late();
}
