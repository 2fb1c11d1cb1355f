#include <string.h>

#include "suites.h"
#include "support.h"

static bool is_scheduled(const mcp_event_schedulable* callback) {
  bool enabled = false;
  CHECK_OK(mcp_event_schedulable_enabled(callback, &enabled));
  return enabled;
}

static void s1_s2_current_and_next(void) {
  tally counts = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_schedulable* callback = NULL;
  CHECK_OK(mcp_event_schedulable_create(dispatcher, counting(&counts), &callback));
  CHECK(!is_scheduled(callback));
  CHECK_OK(mcp_event_schedulable_schedule_current_iteration(callback));
  CHECK(is_scheduled(callback) && counts.calls == 0);
  run_now(dispatcher);
  CHECK(!is_scheduled(callback) && counts.calls == 1);
  CHECK_OK(mcp_event_schedulable_schedule_next_iteration(callback));
  CHECK(is_scheduled(callback) && counts.calls == 1);
  run_now(dispatcher);
  CHECK(!is_scheduled(callback) && counts.calls == 2);
  CHECK_OK(mcp_event_schedulable_destroy(callback));
  CHECK(counts.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void s3_the_first_schedule_wins(void) {
  tally counts = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_schedulable* callback = NULL;
  CHECK_OK(mcp_event_schedulable_create(dispatcher, counting(&counts), &callback));
  CHECK_OK(mcp_event_schedulable_schedule_next_iteration(callback));
  CHECK_OK(mcp_event_schedulable_schedule_current_iteration(callback));
  CHECK_OK(mcp_event_schedulable_schedule_current_iteration(callback));
  run_now(dispatcher);
  CHECK(counts.calls == 1);
  CHECK_OK(mcp_event_schedulable_destroy(callback));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void s5_cancel_and_destroy_take_effect(void) {
  tally counts = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_schedulable* callback = NULL;
  CHECK_OK(mcp_event_schedulable_create(dispatcher, counting(&counts), &callback));
  CHECK_OK(mcp_event_schedulable_schedule_current_iteration(callback));
  CHECK_OK(mcp_event_schedulable_cancel(callback));
  CHECK_OK(mcp_event_schedulable_cancel(callback));
  CHECK(!is_scheduled(callback));
  run_now(dispatcher);
  CHECK_OK(mcp_event_schedulable_schedule_next_iteration(callback));
  CHECK_OK(mcp_event_schedulable_destroy(callback));
  run_now(dispatcher);
  CHECK(counts.calls == 0 && counts.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

typedef struct repeating {
  mcp_event_schedulable* callback;
  int left;
} repeating;

static void schedule_again(void* data) {
  repeating* const self = data;
  CHECK(!is_scheduled(self->callback));
  if (--self->left > 0) {
    CHECK_OK(mcp_event_schedulable_schedule_current_iteration(self->callback));
  }
}

static void s4_a_callback_may_schedule_itself(void) {
  repeating self = {.left = 50};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_schedulable_create(dispatcher, calling(schedule_again, &self), &self.callback));
  CHECK_OK(mcp_event_schedulable_schedule_current_iteration(self.callback));
  run_now(dispatcher);
  CHECK(self.left == 0);
  CHECK_OK(mcp_event_schedulable_destroy(self.callback));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static char story[8];

static void tell(void* letter) { strncat(story, letter, 1); }

static void s7_before_the_run_after_earlier_posts(void) {
  static char letters[] = "sp";
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_schedulable* callback = NULL;
  CHECK_OK(mcp_event_schedulable_create(dispatcher, calling(tell, &letters[0]), &callback));
  CHECK_OK(mcp_event_schedulable_schedule_current_iteration(callback));
  post(dispatcher, tell, &letters[1]);
  run_now(dispatcher);
  CHECK(strcmp(story, "ps") == 0);
  CHECK_OK(mcp_event_schedulable_destroy(callback));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

void schedulable_suite(void) {
  s1_s2_current_and_next();
  s3_the_first_schedule_wins();
  s5_cancel_and_destroy_take_effect();
  s4_a_callback_may_schedule_itself();
  s7_before_the_run_after_earlier_posts();
}
