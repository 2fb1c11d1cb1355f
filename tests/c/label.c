#include <signal.h>
#include <string.h>

#include "suites.h"
#include "support.h"

static mcp_event_doing doing_of(const mcp_event_dispatcher* dispatcher) {
  mcp_event_doing doing = {.size = sizeof doing};
  CHECK_OK(mcp_event_dispatcher_doing(dispatcher, &doing));
  return doing;
}

// Callbacks that say, in order, what their loop does.
typedef struct story {
  mcp_event_dispatcher* dispatcher;
  mcp_event_doing told[8];
  size_t length;
} story;

static void tell(void* data) {
  story* const self = data;
  CHECK(self->length < COUNT_OF(self->told));
  self->told[self->length++] = doing_of(self->dispatcher);
}

static void tell_ready(void* data, uint32_t events) {
  (void)events;
  tell(data);
}

static void check_told(const mcp_event_doing* told, mcp_event_activity activity, int number,
                       const char* label) {
  CHECK(told->activity == activity && told->number == number);
  CHECK(label == NULL ? told->label == NULL : strcmp(told->label, label) == 0);
}

static void every_kind_of_callback_is_told_with_its_label(void) {
  mcp_event_clock* clock = NULL;
  story told = {.dispatcher = new_simulated(&clock)};
  fd_pair pipe = new_pipe();
  write_byte(pipe.theirs);
  mcp_event_file_event* event = NULL;
  const mcp_event_file_closure when_ready = {.call = tell_ready, .data = &told};
  CHECK_OK(mcp_event_file_event_create(told.dispatcher, pipe.mine, MCP_EVENT_TRIGGER_EDGE, MCP_EVENT_READ,
                                       when_ready, &event));
  CHECK_OK(mcp_event_file_event_set_label(event, "of a file"));
  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(told.dispatcher, calling(tell, &told), &timer));
  CHECK_OK(mcp_event_timer_set_label(timer, "of a timer"));
  CHECK_OK(mcp_event_timer_enable_us(timer, 0));
  mcp_event_periodic_timer* periodic = NULL;
  CHECK_OK(mcp_event_periodic_timer_create(told.dispatcher, calling(tell, &told), &periodic));
  CHECK_OK(mcp_event_periodic_timer_set_label(periodic, "again and again"));
  CHECK_OK(mcp_event_periodic_timer_enable_us(periodic, 1));
  mcp_event_scaled_timer* scaled = NULL;
  CHECK_OK(mcp_event_scaled_timer_create(told.dispatcher, MCP_EVENT_SCALED_TIMER_OVERLOAD_ACTION_STATE,
                                         calling(tell, &told), &scaled));
  CHECK_OK(mcp_event_scaled_timer_set_label(scaled, "of a scaled timer"));
  CHECK_OK(mcp_event_scaled_timer_enable_us(scaled, 1));
  mcp_event_schedulable* scheduled = NULL;
  CHECK_OK(mcp_event_schedulable_create(told.dispatcher, calling(tell, &told), &scheduled));
  CHECK_OK(mcp_event_schedulable_set_label(scheduled, "of a callback"));
  CHECK_OK(mcp_event_schedulable_schedule_next_iteration(scheduled));
  mcp_event_signal_event* signal_event = NULL;
  CHECK_OK(mcp_event_signal_event_create(told.dispatcher, TEST_SIGNAL, calling(tell, &told), &signal_event));
  CHECK_OK(mcp_event_signal_event_set_label(signal_event, "of a signal"));
  CHECK(raise(TEST_SIGNAL) == 0);
  CHECK_OK(mcp_event_dispatcher_post_labelled(told.dispatcher, "of a post", calling(tell, &told)));
  post(told.dispatcher, tell, &told);
  advance_us(clock, 1);

  const mcp_event_doing idle = doing_of(told.dispatcher);
  check_told(&idle, MCP_EVENT_ACTIVITY_NOT_RUNNING, 0, NULL);
  run_now(told.dispatcher);
  CHECK(told.length == 8);
  check_told(&told.told[0], MCP_EVENT_ACTIVITY_POST, 0, "of a post");
  check_told(&told.told[1], MCP_EVENT_ACTIVITY_POST, 0, NULL);
  check_told(&told.told[2], MCP_EVENT_ACTIVITY_SIGNAL, TEST_SIGNAL, "of a signal");
  check_told(&told.told[3], MCP_EVENT_ACTIVITY_FILE_EVENT, pipe.mine, "of a file");
  check_told(&told.told[4], MCP_EVENT_ACTIVITY_TIMER, 0, "of a timer");
  check_told(&told.told[5], MCP_EVENT_ACTIVITY_TIMER, 0, "again and again");
  check_told(&told.told[6], MCP_EVENT_ACTIVITY_TIMER, 0, "of a scaled timer");
  check_told(&told.told[7], MCP_EVENT_ACTIVITY_SCHEDULED, 0, "of a callback");

  CHECK_OK(mcp_event_signal_event_destroy(signal_event));
  CHECK_OK(mcp_event_schedulable_destroy(scheduled));
  CHECK_OK(mcp_event_scaled_timer_destroy(scaled));
  CHECK_OK(mcp_event_periodic_timer_destroy(periodic));
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_file_event_destroy(event));
  close_both(&pipe);
  CHECK_OK(mcp_event_dispatcher_destroy(told.dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void tell_destruction(void* data) { tell(data); }

static void destructions_are_told(void) {
  story told = {.dispatcher = new_dispatcher()};
  CHECK_OK(mcp_event_dispatcher_deferred_delete(told.dispatcher, &told, tell_destruction));
  run_now(told.dispatcher);
  const mcp_event_closure closure = {.call = tell, .data = &told, .drop = tell_destruction};
  CHECK_OK(mcp_event_dispatcher_post(told.dispatcher, closure));
  CHECK_OK(mcp_event_dispatcher_shutdown(told.dispatcher));
  CHECK(told.length == 2);
  check_told(&told.told[0], MCP_EVENT_ACTIVITY_DEFERRED_DELETE, 0, NULL);
  check_told(&told.told[1], MCP_EVENT_ACTIVITY_DESTRUCTOR, 0, NULL);
  CHECK_OK(mcp_event_dispatcher_destroy(told.dispatcher));
}

static void run_it(void* dispatcher) { run_until_exit(dispatcher); }

static void another_thread_sees_that_a_loop_waits(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  thread* const runner = start_thread(run_it, dispatcher);
  mcp_event_activity activity = MCP_EVENT_ACTIVITY_NOT_RUNNING;
  while (activity != MCP_EVENT_ACTIVITY_WAITING) {
    activity = doing_of(dispatcher).activity;
    CHECK(activity == MCP_EVENT_ACTIVITY_NOT_RUNNING || activity == MCP_EVENT_ACTIVITY_DISPATCHING ||
          activity == MCP_EVENT_ACTIVITY_WAITING);
  }
  exit_loop(dispatcher);
  wait_for(runner);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void texts_that_cannot_be_labels_are_refused(void) {
  char too_long[102];
  memset(too_long, 'x', sizeof too_long - 1);
  too_long[sizeof too_long - 1] = '\0';
  const struct {
    const char* text;
    const char* why;
  } rows[] = {
      {"", "is empty"},
      {"two\nlines", "control characters"},
      {"\xff", "not UTF-8"},
      {too_long, "101 bytes; at most 100"},
  };
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  tally counts = {0};
  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, counting(&counts), &timer));
  for (size_t i = 0; i < COUNT_OF(rows); ++i) {
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_timer_set_label(timer, rows[i].text));
    CHECK(strstr(mcp_event_last_error(), rows[i].why) != NULL);
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
                 mcp_event_dispatcher_post_labelled(dispatcher, rows[i].text, counting(&counts)));
    CHECK(counts.drops == 0);
  }
  CHECK_OK(mcp_event_timer_set_label(timer, too_long + 1));
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void null_is_refused(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  tally counts = {0};
  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, counting(&counts), &timer));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_timer_set_label(timer, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_timer_set_label(NULL, "label"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_periodic_timer_set_label(NULL, "label"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_scaled_timer_set_label(NULL, "label"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_file_event_set_label(NULL, "label"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_schedulable_set_label(NULL, "label"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_signal_event_set_label(NULL, "label"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_post_labelled(NULL, "label", counting(&counts)));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_dispatcher_post_labelled(dispatcher, NULL, counting(&counts)));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_dispatcher_post_labelled(dispatcher, "label", calling(NULL, NULL)));
  mcp_event_doing doing = {.size = sizeof doing};
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_doing(NULL, &doing));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_doing(dispatcher, NULL));
  doing.size = sizeof doing - 1;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_doing(dispatcher, &doing));
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void a_refused_post_stays_the_callers(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  tally counts = {0};
  CHECK_OK(mcp_event_dispatcher_shutdown(dispatcher));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_dispatcher_post_labelled(dispatcher, "late", counting(&counts)));
  CHECK(counts.calls == 0 && counts.drops == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

// What a C program cannot make run, it can still meet.
static void activities_have_their_numbers(void) {
  CHECK(MCP_EVENT_ACTIVITY_MESSAGE == 4 && MCP_EVENT_ACTIVITY_TASK == 5);
}

void label_suite(void) {
  every_kind_of_callback_is_told_with_its_label();
  destructions_are_told();
  another_thread_sees_that_a_loop_waits();
  texts_that_cannot_be_labels_are_refused();
  null_is_refused();
  a_refused_post_stays_the_callers();
  activities_have_their_numbers();
}
