// Requests to MCP servers: what comes of them comes once, whatever it is.

#include <signal.h>
#include <string.h>

#include "server_support.h"
#include "suites.h"

static void a_result_and_an_error(void) {
  watcher told;
  outcome sum, unknown;
  make_outcome(&sum);
  make_outcome(&unknown);
  mcp_event_server_manager* const manager = start_examples("it", &told);
  call(manager, "it", "tools/call", "{\"name\": \"add\", \"arguments\": {\"a\": 40, \"b\": 2}}", NULL, &sum);
  await_outcome(&sum, MCP_EVENT_CALL_RESULT);
  CHECK(strstr(sum.text, "42") != NULL);
  call(manager, "it", "no/such/method", NULL, NULL, &unknown);
  await_outcome(&unknown, MCP_EVENT_CALL_RPC_ERROR);
  CHECK(unknown.code == -32601);

  mcp_event_server_answer* answer = call_wait(manager, "it", "tools/list", NULL);
  CHECK(answer->outcome == MCP_EVENT_CALL_RESULT && strstr(answer->result, "countdown") != NULL);
  CHECK_OK(mcp_event_server_answer_destroy(answer));
  answer = call_wait(manager, "it", "no/such/method", NULL);
  CHECK(answer->outcome == MCP_EVENT_CALL_RPC_ERROR && answer->code == -32601 && answer->message != NULL);
  CHECK_OK(mcp_event_server_answer_destroy(answer));
  CHECK_OK(mcp_event_server_manager_notify(manager, "it", "notifications/of/mine", "{}"));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void what_is_no_request_is_told_so(void) {
  watcher told;
  outcome unknown, number, down;
  make_outcome(&unknown);
  make_outcome(&number);
  make_outcome(&down);
  mcp_event_server_manager* const manager = start_examples("it", &told);
  call(manager, "nobody", "ping", NULL, NULL, &unknown);
  await_outcome(&unknown, MCP_EVENT_CALL_UNKNOWN_SERVER);
  call(manager, "it", "ping", "7", NULL, &number);
  await_outcome(&number, MCP_EVENT_CALL_INVALID_REQUEST);
  CHECK_OK(mcp_event_server_manager_stop_server(manager, "it"));
  const mcp_event_call_options options = {.size = sizeof options, .when_down = MCP_EVENT_FAIL_WHEN_DOWN};
  call(manager, "it", "ping", NULL, &options, &down);
  await_outcome(&down, MCP_EVENT_CALL_DOWN);
  CHECK(down.status == MCP_EVENT_SERVER_STOPPED);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void a_request_waits_for_its_server(void) {
  watcher told;
  outcome waiting;
  make_watcher(&told);
  make_outcome(&waiting);
  mcp_event_server_manager* const manager = start_manager(new_example_config("it", ""), NULL, &told);
  const mcp_event_call_options options = {.size = sizeof options, .when_down = MCP_EVENT_WAIT_WHEN_DOWN};
  call(manager, "it", "ping", NULL, &options, &waiting);
  await_outcome(&waiting, MCP_EVENT_CALL_RESULT);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void progress_comes_before_the_answer(void) {
  watcher told;
  outcome counted;
  make_outcome(&counted);
  mcp_event_server_manager* const manager = start_examples("it", &told);
  const mcp_event_call_options options = {.size = sizeof options,
                                          .on_progress = recording_progress(&counted)};
  call(manager, "it", "tools/call", short_countdown, &options, &counted);
  await_outcome(&counted, MCP_EVENT_CALL_RESULT);
  CHECK(counted.progress.calls == 3);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
  CHECK(counted.progress.drops == 1);
}

static void a_timeout_and_a_cancellation(void) {
  watcher told;
  outcome late, cancelled;
  make_outcome(&late);
  make_outcome(&cancelled);
  mcp_event_server_manager* const manager = start_examples("it", &told);
  const mcp_event_call_options options = {.size = sizeof options, .timeout_us = 1000};
  call(manager, "it", "tools/call", countdown, &options, &late);
  await_outcome(&late, MCP_EVENT_CALL_TIMED_OUT);
  const uint64_t number = call(manager, "it", "tools/call", countdown, NULL, &cancelled);
  CHECK_OK(mcp_event_server_manager_cancel(manager, "it", number));
  await_outcome(&cancelled, MCP_EVENT_CALL_CANCELLED);
  // Its outcome is known, and no other request has this number.
  CHECK_OK(mcp_event_server_manager_cancel(manager, "it", number));
  CHECK_OK(mcp_event_server_manager_cancel(manager, "it", UINT64_MAX));
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_server_manager_cancel(manager, "nobody", number));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void a_killed_server_is_lost(void) {
  watcher told;
  outcome lost;
  make_outcome(&lost);
  mcp_event_server_manager* const manager = start_examples("it", &told);
  call(manager, "it", "tools/call", countdown, NULL, &lost);
  // Calls go out in their order, so with this answer the server has both.
  mcp_event_server_answer* const answer = call_wait(manager, "it", "ping", NULL);
  CHECK(answer->outcome == MCP_EVENT_CALL_RESULT);
  CHECK_OK(mcp_event_server_answer_destroy(answer));
  CHECK(kill((pid_t)await_pid(manager, "it"), SIGKILL) == 0);
  await_outcome(&lost, MCP_EVENT_CALL_CONNECTION_LOST);
  await_status(&told, "it", MCP_EVENT_SERVER_RUNNING);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void what_is_in_flight_comes_to_its_end_with_the_manager(void) {
  enum { REQUESTS = 20 };
  watcher told;
  static outcome in_flight[REQUESTS];
  mcp_event_server_manager* const manager = start_examples("it,other", &told);
  for (size_t i = 0; i < REQUESTS; ++i) {
    make_outcome(&in_flight[i]);
    call(manager, i % 2 == 0 ? "it" : "other", "tools/call", countdown, NULL, &in_flight[i]);
  }
  CHECK_OK(mcp_event_server_manager_destroy(manager));
  for (size_t i = 0; i < REQUESTS; ++i) {
    // All that happened before destroy() returned.
    CHECK(in_flight[i].counts.calls == 1 && in_flight[i].counts.drops == 1);
    await_outcome(&in_flight[i], MCP_EVENT_CALL_CONNECTION_LOST);
  }
}

static void after_the_stop_there_is_an_answer_too(void) {
  watcher told;
  outcome after;
  make_outcome(&after);
  mcp_event_server_manager* const manager = start_examples("it", &told);
  CHECK_OK(mcp_event_server_manager_stop(manager));
  CHECK_OK(mcp_event_server_manager_stop(manager));
  call(manager, "it", "ping", NULL, NULL, &after);
  await_outcome(&after, MCP_EVENT_CALL_MANAGER_STOPPED);
  mcp_event_server_answer* const answer = call_wait(manager, "it", "ping", NULL);
  CHECK(answer->outcome == MCP_EVENT_CALL_MANAGER_STOPPED);
  CHECK_OK(mcp_event_server_answer_destroy(answer));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_server_manager_start_server(manager, "it"));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_server_manager_stop_server(manager, "it"));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_server_manager_restart_server(manager, "it"));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_server_manager_notify(manager, "it", "notifications/x", NULL));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_server_manager_cancel(manager, "it", 1));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void an_answer_comes_to_the_dispatcher_that_was_named(void) {
  watcher told;
  outcome here;
  make_outcome(&here);
  here.dispatcher = new_dispatcher();
  mcp_event_server_manager* const manager = start_examples("it", &told);
  const mcp_event_call_options options = {
      .size = sizeof options, .dispatcher = here.dispatcher, .on_progress = recording_progress(&here)};
  call(manager, "it", "tools/call", short_countdown, &options, &here);
  while (here.counts.drops == 0) {
    run_now(here.dispatcher);
  }
  await_outcome(&here, MCP_EVENT_CALL_RESULT);
  CHECK(here.on_its_thread && here.progress.calls == 3);
  CHECK_OK(mcp_event_server_manager_destroy(manager));

  // One that is shut down takes nothing: the closure is dropped.
  mcp_event_server_manager* const second = start_examples("it", &told);
  outcome dropped;
  make_outcome(&dropped);
  CHECK_OK(mcp_event_dispatcher_shutdown(here.dispatcher));
  call(second, "it", "ping", NULL, &options, &dropped);
  await_event(&dropped.done);
  CHECK(dropped.counts.calls == 0 && dropped.counts.drops == 1);
  CHECK_OK(mcp_event_server_manager_destroy(second));
  CHECK_OK(mcp_event_dispatcher_destroy(here.dispatcher));
}

typedef struct inside {
  mcp_event_server_manager* manager;
  event done;
} inside;

static void try_to_wait(void* data, const mcp_event_server_answer* ignored) {
  inside* const self = data;
  (void)ignored;
  mcp_event_server_answer* const answer = call_wait(self->manager, "it", "ping", NULL);
  CHECK(answer->outcome == MCP_EVENT_CALL_ON_LOOP);
  CHECK_OK(mcp_event_server_answer_destroy(answer));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_server_manager_stop(self->manager));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_server_manager_stop_server(self->manager, "it"));
  CHECK_OK(mcp_event_server_manager_destroy(self->manager));
}

static void end_inside(void* data) { set_event(&((inside*)data)->done); }

static void callbacks_do_not_wait_but_may_destroy(void) {
  watcher told;
  outcome in_flight;
  make_outcome(&in_flight);
  inside self = {.manager = start_examples("it", &told)};
  make_event(&self.done);
  uint64_t number = 0;
  call(self.manager, "it", "tools/call", countdown, NULL, &in_flight);
  const mcp_event_answer_closure closure = {.call = try_to_wait, .data = &self, .drop = end_inside};
  CHECK_OK(mcp_event_server_manager_call(self.manager, "it", "ping", NULL, NULL, closure, &number));
  await_event(&self.done);
  await_outcome(&in_flight, MCP_EVENT_CALL_CONNECTION_LOST);
  await_status(&told, "it", MCP_EVENT_SERVER_STOPPED);
}

void server_call_suite(void) {
  a_result_and_an_error();
  what_is_no_request_is_told_so();
  a_request_waits_for_its_server();
  progress_comes_before_the_answer();
  a_timeout_and_a_cancellation();
  a_killed_server_is_lost();
  what_is_in_flight_comes_to_its_end_with_the_manager();
  after_the_stop_there_is_an_answer_too();
  an_answer_comes_to_the_dispatcher_that_was_named();
  callbacks_do_not_wait_but_may_destroy();
}
