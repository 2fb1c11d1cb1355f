#include <string.h>

#include "suites.h"
#include "support.h"

// A timer in simulated time.
typedef struct fixture {
  mcp_event_clock* clock;
  mcp_event_dispatcher* dispatcher;
  mcp_event_timer* timer;
  tally counts;
} fixture;

static void set_up(fixture* self) {
  memset(self, 0, sizeof *self);
  self->dispatcher = new_simulated(&self->clock);
  CHECK_OK(mcp_event_timer_create(self->dispatcher, counting(&self->counts), &self->timer));
}

static void tear_down(fixture* self) {
  CHECK_OK(mcp_event_timer_destroy(self->timer));
  CHECK(self->counts.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(self->dispatcher));
  CHECK_OK(mcp_event_clock_destroy(self->clock));
}

static bool is_enabled(const mcp_event_timer* timer) {
  bool enabled = false;
  CHECK_OK(mcp_event_timer_enabled(timer, &enabled));
  return enabled;
}

static void t6_never_early(void) {
  fixture self;
  set_up(&self);
  CHECK(!is_enabled(self.timer));
  CHECK_OK(mcp_event_timer_enable_us(self.timer, 5));
  CHECK(is_enabled(self.timer));
  CHECK_OK(mcp_event_clock_advance_ns(self.clock, 4999));
  run_now(self.dispatcher);
  CHECK(self.counts.calls == 0);
  CHECK_OK(mcp_event_clock_advance_ns(self.clock, 1));
  run_now(self.dispatcher);
  CHECK(self.counts.calls == 1);
  CHECK(!is_enabled(self.timer));
  advance_us(self.clock, 1000);
  run_now(self.dispatcher);
  CHECK(self.counts.calls == 1);
  tear_down(&self);
}

static void t2_enabling_replaces_the_deadline(void) {
  fixture self;
  set_up(&self);
  CHECK_OK(mcp_event_timer_enable_us(self.timer, 10));
  CHECK_OK(mcp_event_timer_enable_us(self.timer, 20));
  advance_us(self.clock, 10);
  run_now(self.dispatcher);
  CHECK(self.counts.calls == 0);
  CHECK_OK(mcp_event_timer_enable_us(self.timer, 5));
  advance_us(self.clock, 5);
  run_now(self.dispatcher);
  CHECK(self.counts.calls == 1);
  tear_down(&self);
}

static void t9_negative_counts_as_zero(void) {
  fixture self;
  set_up(&self);
  const int64_t delays[] = {0, -1, INT64_MIN};
  for (size_t i = 0; i < COUNT_OF(delays); ++i) {
    CHECK_OK(mcp_event_timer_enable_us(self.timer, delays[i]));
    run_now(self.dispatcher);
    CHECK((size_t)self.counts.calls == i + 1);
  }
  tear_down(&self);
}

static void t8_huge_durations_never_come(void) {
  fixture self;
  set_up(&self);
  const int64_t delays[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 1000};
  for (size_t i = 0; i < COUNT_OF(delays); ++i) {
    CHECK_OK(mcp_event_timer_enable_us(self.timer, delays[i]));
    advance_us(self.clock, 1000000);
    run_now(self.dispatcher);
    CHECK(is_enabled(self.timer));
  }
  CHECK(self.counts.calls == 0);
  tear_down(&self);
}

static void t5_disabling_prevents_firing(void) {
  fixture self;
  set_up(&self);
  CHECK_OK(mcp_event_timer_enable_us(self.timer, 5));
  advance_us(self.clock, 5);
  CHECK_OK(mcp_event_timer_disable(self.timer));
  CHECK_OK(mcp_event_timer_disable(self.timer));
  CHECK(!is_enabled(self.timer));
  run_now(self.dispatcher);
  CHECK(self.counts.calls == 0);
  tear_down(&self);
}

static void disable(void* timer) { CHECK_OK(mcp_event_timer_disable(timer)); }

static void t5_also_in_the_same_iteration(void) {
  fixture self;
  mcp_event_timer* earlier = NULL;
  set_up(&self);
  CHECK_OK(mcp_event_timer_create(self.dispatcher, calling(disable, self.timer), &earlier));
  CHECK_OK(mcp_event_timer_enable_us(self.timer, 5));
  CHECK_OK(mcp_event_timer_enable_us(earlier, 4));
  advance_us(self.clock, 5);
  run_now(self.dispatcher);
  CHECK(self.counts.calls == 0);
  CHECK_OK(mcp_event_timer_destroy(earlier));
  tear_down(&self);
}

typedef struct rearming {
  mcp_event_timer* timer;
  int left;
} rearming;

static void enable_again(void* data) {
  rearming* const self = data;
  CHECK(!is_enabled(self->timer));
  if (--self->left > 0) {
    CHECK_OK(mcp_event_timer_enable_us(self->timer, 5));
    CHECK(is_enabled(self->timer));
  }
}

static void t1_a_callback_may_enable_its_timer(void) {
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  rearming again = {.left = 3};
  CHECK_OK(mcp_event_timer_create(dispatcher, calling(enable_again, &again), &again.timer));
  CHECK_OK(mcp_event_timer_enable_us(again.timer, 5));
  for (int left = 2; left >= 0; --left) {
    advance_us(clock, 5);
    run_now(dispatcher);
    CHECK(again.left == left);
  }
  CHECK_OK(mcp_event_timer_destroy(again.timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void destroy_own(void* data) {
  rearming* const self = data;
  CHECK_OK(mcp_event_timer_destroy(self->timer));
  self->timer = NULL;
}

static void f9_a_callback_may_destroy_its_timer(void) {
  rearming self = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_timer_create(dispatcher, calling(destroy_own, &self), &self.timer));
  CHECK_OK(mcp_event_timer_enable_us(self.timer, 0));
  run_now(dispatcher);
  CHECK(self.timer == NULL);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

// Which timers fired, in order.
static char fired[4];

static void note(void* letter) { strncat(fired, letter, 1); }

static void t3_by_deadline_ties_as_enabled(void) {
  static char letters[] = "abc";
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  mcp_event_timer* timers[3];
  for (int i = 0; i < 3; ++i) {
    CHECK_OK(mcp_event_timer_create(dispatcher, calling(note, &letters[i]), &timers[i]));
  }
  CHECK_OK(mcp_event_timer_enable_us(timers[2], 7));
  CHECK_OK(mcp_event_timer_enable_us(timers[0], 7));
  CHECK_OK(mcp_event_timer_enable_us(timers[1], 6));
  advance_us(clock, 100);
  run_now(dispatcher);
  CHECK(strcmp(fired, "bca") == 0);
  for (int i = 0; i < 3; ++i) {
    CHECK_OK(mcp_event_timer_destroy(timers[i]));
  }
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void the_real_clock_moves_by_itself(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, calling(exit_loop, dispatcher), &timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, 1));
  run_until_exit(dispatcher);
  CHECK(stats_of(dispatcher).timers_fired == 1);
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

void timer_suite(void) {
  t6_never_early();
  t2_enabling_replaces_the_deadline();
  t9_negative_counts_as_zero();
  t8_huge_durations_never_come();
  t5_disabling_prevents_firing();
  t5_also_in_the_same_iteration();
  t1_a_callback_may_enable_its_timer();
  f9_a_callback_may_destroy_its_timer();
  t3_by_deadline_ties_as_enabled();
  the_real_clock_moves_by_itself();
}
