#include <errno.h>
#include <stdio.h>
#ifdef _WIN32
#include <winsock2.h>
#endif

#include "suites.h"
#include "support.h"

enum { READ_CLOSED = MCP_EVENT_READ | MCP_EVENT_CLOSED_BY_PEER };

static mcp_event_file_event* watch(mcp_event_dispatcher* dispatcher, mcp_event_os_fd fd, int trigger,
                                   uint32_t events, tally* counts) {
  mcp_event_file_event* event = NULL;
  CHECK_OK(mcp_event_file_event_create(dispatcher, fd, trigger, events, counting_file(counts), &event));
  return event;
}

static void end(mcp_event_file_event* event, mcp_event_dispatcher* dispatcher, fd_pair* pair) {
  CHECK_OK(mcp_event_file_event_destroy(event));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  close_both(pair);
}

static void refused(mcp_event_dispatcher* dispatcher, mcp_event_os_fd fd, int trigger, uint32_t events,
                    mcp_event_status expected) {
  tally counts = {0};
  mcp_event_file_event* event = NULL;
  CHECK_STATUS(expected,
               mcp_event_file_event_create(dispatcher, fd, trigger, events, counting_file(&counts), &event));
  CHECK(event == NULL && counts.calls == 0 && counts.drops == 0);
}

static void wrong_triggers_and_bits_are_refused(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  fd_pair pipe = new_pipe();
  const int triggers[] = {-1, 3, INT32_MAX};
  for (size_t i = 0; i < COUNT_OF(triggers); ++i) {
    refused(dispatcher, pipe.mine, triggers[i], MCP_EVENT_READ, MCP_EVENT_INVALID_ARGUMENT);
  }
  const uint32_t bits[] = {16, MCP_EVENT_READ | 16, UINT32_MAX};
  tally counts = {0};
  mcp_event_file_event* const event =
      watch(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_EMULATED_EDGE, MCP_EVENT_READ, &counts);
  for (size_t i = 0; i < COUNT_OF(bits); ++i) {
    refused(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_LEVEL, bits[i], MCP_EVENT_INVALID_ARGUMENT);
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_file_event_set_enabled(event, bits[i]));
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_file_event_activate(event, bits[i]));
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_file_event_register_if_emulated_edge(event, bits[i]));
    CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
                 mcp_event_file_event_unregister_if_emulated_edge(event, bits[i]));
  }
  // F7
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_file_event_activate(event, 0));
  end(event, dispatcher, &pipe);
}

#ifdef _WIN32
enum { NOT_OPEN = WSAENOTSOCK, TOLD_AGAIN = 1 };
#else
enum { NOT_OPEN = EBADF, TOLD_AGAIN = 0 };
#endif

static void f16_what_is_not_open_is_refused(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  refused(dispatcher, NO_FD, MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ, MCP_EVENT_OS_ERROR);
  CHECK(mcp_event_last_os_error() == NOT_OPEN);

  fd_pair pipe = new_pipe();
  const mcp_event_os_fd closed = pipe.mine;
  close_both(&pipe);
  refused(dispatcher, closed, MCP_EVENT_TRIGGER_EDGE, MCP_EVENT_READ, MCP_EVENT_OS_ERROR);
  CHECK(mcp_event_last_os_error() == NOT_OPEN);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

// On Windows, a file is not even of the type.
#ifndef _WIN32
static void f16_a_regular_file_is_refused(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  FILE* const file = tmpfile();
  CHECK(file != NULL);
  refused(dispatcher, fileno(file), MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ, MCP_EVENT_OS_ERROR);
  CHECK(mcp_event_last_os_error() == EPERM);

  // With nothing to watch at first, the first mask is what fails.
  tally counts = {0};
  mcp_event_file_event* const event = watch(dispatcher, fileno(file), MCP_EVENT_TRIGGER_LEVEL, 0, &counts);
  CHECK_STATUS(MCP_EVENT_OS_ERROR, mcp_event_file_event_set_enabled(event, MCP_EVENT_READ));
  CHECK(mcp_event_last_os_error() == EPERM);
  CHECK_OK(mcp_event_file_event_set_enabled(event, 0));
  CHECK_OK(mcp_event_file_event_destroy(event));
  CHECK(fclose(file) == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}
#endif

static void f1_level_while_it_lasts(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  fd_pair pipe = new_pipe();
  tally counts = {0};
  mcp_event_file_event* const event =
      watch(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ, &counts);
  run_now(dispatcher);
  CHECK(counts.calls == 0);
  write_byte(pipe.theirs);
  run_now(dispatcher);
  run_now(dispatcher);
  CHECK(counts.calls == 2 && counts.events == MCP_EVENT_READ);
  read_byte(pipe.mine);
  run_now(dispatcher);
  CHECK(counts.calls == 2);
  end(event, dispatcher, &pipe);
}

static void f2_edge_once_a_transition(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  fd_pair pipe = new_pipe();
  tally counts = {0};
  write_byte(pipe.theirs);
  mcp_event_file_event* const event =
      watch(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_EDGE, MCP_EVENT_READ, &counts);
  run_now(dispatcher);
  CHECK(counts.calls == 1);
  run_now(dispatcher);
  // On Windows, whose kernel has no edges, it is told again of data that it has left unread.
  CHECK(counts.calls == 1 + TOLD_AGAIN);
  read_byte(pipe.mine);
  counts.calls = 0;
  run_now(dispatcher);
  CHECK(counts.calls == 0);
  write_byte(pipe.theirs);
  run_now(dispatcher);
  CHECK(counts.calls == 1);
  // F3: set_enabled delivers again what is there.
  CHECK_OK(mcp_event_file_event_set_enabled(event, MCP_EVENT_READ));
  run_now(dispatcher);
  CHECK(counts.calls == 2);
  end(event, dispatcher, &pipe);
}

static void f17_emulated_edge_until_registered_again(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  fd_pair pipe = new_pipe();
  tally counts = {0};
  write_byte(pipe.theirs);
  mcp_event_file_event* const event =
      watch(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_EMULATED_EDGE, MCP_EVENT_READ, &counts);
  run_now(dispatcher);
  write_byte(pipe.theirs);
  run_now(dispatcher);
  CHECK(counts.calls == 1);
  CHECK_OK(mcp_event_file_event_register_if_emulated_edge(event, MCP_EVENT_READ));
  run_now(dispatcher);
  CHECK(counts.calls == 2);
  CHECK_OK(mcp_event_file_event_register_if_emulated_edge(event, MCP_EVENT_READ));
  CHECK_OK(mcp_event_file_event_unregister_if_emulated_edge(event, MCP_EVENT_READ));
  run_now(dispatcher);
  CHECK(counts.calls == 2);
  end(event, dispatcher, &pipe);
}

static void f18_both_do_nothing_for_other_triggers(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  fd_pair pipe = new_pipe();
  tally counts = {0};
  write_byte(pipe.theirs);
  mcp_event_file_event* const event =
      watch(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ, &counts);
  CHECK_OK(mcp_event_file_event_unregister_if_emulated_edge(event, MCP_EVENT_READ));
  run_now(dispatcher);
  CHECK(counts.calls == 1);
  CHECK_OK(mcp_event_file_event_set_enabled(event, 0));
  CHECK_OK(mcp_event_file_event_register_if_emulated_edge(event, MCP_EVENT_READ));
  run_now(dispatcher);
  CHECK(counts.calls == 1);
  end(event, dispatcher, &pipe);
}

static void f5_nothing_while_disabled(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  fd_pair sockets = new_socket_pair();
  tally counts = {0};
  mcp_event_file_event* const event =
      watch(dispatcher, sockets.mine, MCP_EVENT_TRIGGER_LEVEL, READ_CLOSED, &counts);
  CHECK_OK(mcp_event_file_event_set_enabled(event, 0));
  close_theirs(&sockets);
  run_now(dispatcher);
  CHECK(counts.calls == 0);
  CHECK_OK(mcp_event_file_event_set_enabled(event, READ_CLOSED));
  run_now(dispatcher);
  CHECK(counts.calls == 1 && counts.events == READ_CLOSED);
  end(event, dispatcher, &sockets);
}

static void f6_activations_are_merged_and_need_no_mask(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  fd_pair pipe = new_pipe();
  tally counts = {0};
  mcp_event_file_event* const event = watch(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_LEVEL, 0, &counts);
  CHECK_OK(mcp_event_file_event_activate(event, MCP_EVENT_WRITE));
  CHECK_OK(mcp_event_file_event_activate(event, MCP_EVENT_ERROR));
  CHECK(counts.calls == 0);
  run_now(dispatcher);
  CHECK(counts.calls == 1 && counts.events == (MCP_EVENT_WRITE | MCP_EVENT_ERROR));
  // F4
  CHECK_OK(mcp_event_file_event_activate(event, MCP_EVENT_WRITE));
  CHECK_OK(mcp_event_file_event_set_enabled(event, MCP_EVENT_READ));
  run_now(dispatcher);
  CHECK(counts.calls == 1);
  end(event, dispatcher, &pipe);
}

static void f10_an_error_raises_write(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  fd_pair pipe = new_pipe();
  tally counts = {0};
  // A connection is reset when it is closed with something unread.
  write_byte(pipe.theirs);
  close_mine(&pipe);
  mcp_event_file_event* const event =
      watch(dispatcher, pipe.theirs, MCP_EVENT_TRIGGER_EDGE, MCP_EVENT_WRITE | MCP_EVENT_ERROR, &counts);
  run_now(dispatcher);
  CHECK(counts.calls == 1 && counts.events == (MCP_EVENT_WRITE | MCP_EVENT_ERROR));
  end(event, dispatcher, &pipe);
}

static void f13_two_events_on_one_fd(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  fd_pair sockets = new_socket_pair();
  tally reads = {0};
  tally writes = {0};
  mcp_event_file_event* const reader =
      watch(dispatcher, sockets.mine, MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ, &reads);
  mcp_event_file_event* const writer =
      watch(dispatcher, sockets.mine, MCP_EVENT_TRIGGER_EDGE, MCP_EVENT_WRITE, &writes);
  run_now(dispatcher);
  CHECK(reads.calls == 0 && writes.calls == 1 && writes.events == MCP_EVENT_WRITE);
  write_byte(sockets.theirs);
  run_now(dispatcher);
  CHECK(reads.calls == 1 && reads.events == MCP_EVENT_READ);
  CHECK_OK(mcp_event_file_event_destroy(writer));
  end(reader, dispatcher, &sockets);
}

typedef struct self_destroying {
  mcp_event_file_event* event;
  bool dropped;
} self_destroying;

static void destroy_own(void* data, uint32_t events) {
  self_destroying* const self = data;
  CHECK(events == MCP_EVENT_READ);
  CHECK_OK(mcp_event_file_event_destroy(self->event));
  CHECK(!self->dropped);
}

static void note_drop(void* data) { ((self_destroying*)data)->dropped = true; }

static void f9_a_callback_may_destroy_its_event(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  fd_pair pipe = new_pipe();
  self_destroying self = {.dropped = false};
  const mcp_event_file_closure closure = {.call = destroy_own, .data = &self, .drop = note_drop};
  write_byte(pipe.theirs);
  CHECK_OK(mcp_event_file_event_create(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ,
                                       closure, &self.event));
  run_now(dispatcher);
  CHECK(self.dropped);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  close_both(&pipe);
}

void file_event_suite(void) {
  wrong_triggers_and_bits_are_refused();
  f16_what_is_not_open_is_refused();
#ifndef _WIN32
  f16_a_regular_file_is_refused();
#endif
  f1_level_while_it_lasts();
  f2_edge_once_a_transition();
  f17_emulated_edge_until_registered_again();
  f18_both_do_nothing_for_other_triggers();
  f5_nothing_while_disabled();
  f6_activations_are_merged_and_need_no_mask();
  f10_an_error_raises_write();
  f13_two_events_on_one_fd();
  f9_a_callback_may_destroy_its_event();
}
