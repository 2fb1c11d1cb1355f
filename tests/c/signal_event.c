#include <signal.h>

#include "suites.h"
#include "support.h"

static void n6_what_is_no_signal_is_refused(void) {
  tally counts = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  // 9 and 19 are SIGKILL and SIGSTOP.
  const int wrong[] = {0, -1, 65, 4096, INT32_MAX, INT32_MIN, 9, 19, SIGSEGV, SIGFPE, SIGILL};
  for (size_t i = 0; i < COUNT_OF(wrong); ++i) {
    mcp_event_signal_event* event = NULL;
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
                 mcp_event_signal_event_create(dispatcher, wrong[i], counting(&counts), &event));
    CHECK(event == NULL);
  }
  CHECK(counts.calls == 0 && counts.drops == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static volatile sig_atomic_t handled;

static void handle(int number) {
  (void)number;
  ++handled;
}

static void n2_n5_every_listener_and_the_handler_before_them(void) {
  tally first_counts = {0};
  tally second_counts = {0};
  CHECK(signal(TEST_SIGNAL, handle) != SIG_ERR);

  mcp_event_dispatcher* const first_loop = new_dispatcher();
  mcp_event_dispatcher* const second_loop = new_dispatcher();
  mcp_event_signal_event* first = NULL;
  mcp_event_signal_event* second = NULL;
  CHECK_OK(mcp_event_signal_event_create(first_loop, TEST_SIGNAL, counting(&first_counts), &first));
  CHECK_OK(mcp_event_signal_event_create(second_loop, TEST_SIGNAL, counting(&second_counts), &second));
  CHECK(raise(TEST_SIGNAL) == 0);
  CHECK(handled == 1);
  // N1: on the loop's thread, so not before it runs.
  CHECK(first_counts.calls == 0 && second_counts.calls == 0);
  run_now(first_loop);
  run_now(second_loop);
  CHECK(first_counts.calls == 1 && second_counts.calls == 1);

  CHECK_OK(mcp_event_signal_event_destroy(first));
  CHECK(raise(TEST_SIGNAL) == 0);
  run_now(first_loop);
  run_now(second_loop);
  CHECK(first_counts.calls == 1 && second_counts.calls == 2 && handled == 2);
  CHECK(stats_of(second_loop).signals == 2);

  CHECK_OK(mcp_event_signal_event_destroy(second));
  CHECK(signal(TEST_SIGNAL, SIG_DFL) == handle);
  CHECK(first_counts.drops == 1 && second_counts.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(first_loop));
  CHECK_OK(mcp_event_dispatcher_destroy(second_loop));
}

typedef struct once {
  mcp_event_dispatcher* dispatcher;
  mcp_event_signal_event* event;
} once;

static void destroy_own_and_exit(void* data) {
  once* const self = data;
  CHECK_OK(mcp_event_signal_event_destroy(self->event));
  exit_loop(self->dispatcher);
}

static void raise_signal(void* unused) {
  (void)unused;
  CHECK(raise(TEST_SIGNAL) == 0);
}

static void n4_a_listener_may_destroy_itself(void) {
  once self = {.dispatcher = new_dispatcher()};
  CHECK_OK(mcp_event_signal_event_create(self.dispatcher, TEST_SIGNAL, calling(destroy_own_and_exit, &self),
                                         &self.event));
  thread* const raiser = start_thread(raise_signal, NULL);
  run_until_exit(self.dispatcher);
  wait_for(raiser);
  CHECK_OK(mcp_event_dispatcher_destroy(self.dispatcher));
}

void signal_event_suite(void) {
  n6_what_is_no_signal_is_refused();
  n2_n5_every_listener_and_the_handler_before_them();
  n4_a_listener_may_destroy_itself();
}
