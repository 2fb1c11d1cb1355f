#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "suites.h"
#include "support.h"

// What a stream's callbacks were told.
typedef struct story {
  char text[64];
  int failures;
  int os_error;
  atomic_int drops;
  mcp_event_stream* stream;
} story;

static void count_story_drop(void* data) { atomic_fetch_add(&((story*)data)->drops, 1); }

static void tell_received(void* data, int what, const void* bytes, size_t length) {
  story* const self = data;
  switch (what) {
    case MCP_EVENT_RECEIVED_DATA:
      strncat(self->text, bytes, length);
      break;
    case MCP_EVENT_RECEIVED_END:
      CHECK(length == 0);
      strcat(self->text, "|");
      break;
    default:
      CHECK(what == MCP_EVENT_RECEIVED_FAILURE);
      CHECK(strlen(mcp_event_last_error()) > 0);
      self->os_error = mcp_event_last_os_error();
      ++self->failures;
  }
}

static mcp_event_receive_closure receiving(story* self) {
  const mcp_event_receive_closure closure = {tell_received, self, count_story_drop};
  return closure;
}

static void tell_sent(void* data, mcp_event_status status) {
  story* const self = data;
  strcat(self->text, status == MCP_EVENT_OK ? "sent" : "lost");
}

static mcp_event_sent_closure sending(story* self) {
  const mcp_event_sent_closure closure = {tell_sent, self, count_story_drop};
  return closure;
}

static void tell_stream(void* data, mcp_event_status status, mcp_event_stream* stream) {
  story* const self = data;
  CHECK((status == MCP_EVENT_OK) == (stream != NULL));
  self->stream = stream;
  self->os_error = status == MCP_EVENT_OK ? 0 : mcp_event_last_os_error();
}

static mcp_event_stream_closure awaiting(story* self) {
  const mcp_event_stream_closure closure = {tell_stream, self, count_story_drop};
  return closure;
}

static mcp_event_stream* new_stream(mcp_event_dispatcher* dispatcher, fd_pair* pair) {
  mcp_event_stream* stream = NULL;
  *pair = new_socket_pair();
  CHECK_OK(mcp_event_stream_create(dispatcher, pair->mine, &stream));
  pair->mine = -1;
  return stream;
}

static void run_until_told(mcp_event_dispatcher* dispatcher, const story* self, const char* text) {
  while (strcmp(self->text, text) != 0) {
    run_now(dispatcher);
  }
}

static void data_goes_both_ways(void) {
  story in = {{0}};
  story out = {{0}};
  fd_pair pair;
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_stream* const stream = new_stream(dispatcher, &pair);
  CHECK_OK(mcp_event_stream_set_label(stream, "a stream"));
  CHECK_OK(mcp_event_stream_receive(stream, receiving(&in)));
  CHECK_OK(mcp_event_stream_send(stream, "he", 2));
  CHECK_OK(mcp_event_stream_send(stream, NULL, 0));
  CHECK_OK(mcp_event_stream_send_then(stream, "llo", 3, sending(&out)));
  CHECK(strcmp(out.text, "") == 0);
  run_until_told(dispatcher, &out, "sent");
  CHECK(out.drops == 1);
  char bytes[6] = {0};
  CHECK(read(pair.theirs, bytes, 5) == 5 && strcmp(bytes, "hello") == 0);
  CHECK(write(pair.theirs, "hi", 2) == 2);
  run_until_told(dispatcher, &in, "hi");
  CHECK_OK(mcp_event_stream_pause(stream));
  CHECK(write(pair.theirs, "!", 1) == 1);
  run_now(dispatcher);
  CHECK(strcmp(in.text, "hi") == 0);
  CHECK_OK(mcp_event_stream_resume(stream));
  run_until_told(dispatcher, &in, "hi!");
  CHECK_OK(mcp_event_stream_shutdown(stream));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_stream_send(stream, "x", 1));
  run_now(dispatcher);
  CHECK(read(pair.theirs, bytes, 1) == 0);
  close_theirs(&pair);
  run_until_told(dispatcher, &in, "hi!|");
  story never = {{0}};
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_stream_receive(stream, receiving(&never)));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_stream_send_then(stream, "x", 1, sending(&never)));
  CHECK(never.drops == 0);
  CHECK_OK(mcp_event_stream_destroy(stream));
  CHECK(in.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void the_limit_of_the_queue_refuses(void) {
  static const char kMuch[1 << 22];
  fd_pair pair;
  size_t queued = 0;
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_stream* const stream = new_stream(dispatcher, &pair);
  CHECK_OK(mcp_event_stream_set_send_limit(stream, 1000));
  CHECK_OK(mcp_event_stream_send(stream, kMuch, sizeof kMuch));
  run_now(dispatcher);
  CHECK_OK(mcp_event_stream_queued(stream, &queued));
  CHECK(queued > 1000);
  CHECK_STATUS(MCP_EVENT_QUEUE_FULL, mcp_event_stream_send(stream, "x", 1));
  CHECK_OK(mcp_event_stream_set_send_limit(stream, 0));
  CHECK_OK(mcp_event_stream_send(stream, "x", 1));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_stream_send(stream, "x", 1));
  CHECK_OK(mcp_event_stream_destroy(stream));
  close_both(&pair);
}

static void time_limits_fail_both_sides(void) {
  static const char kMuch[1 << 22];
  story in = {{0}};
  story out = {{0}};
  fd_pair pair;
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  mcp_event_stream* const stream = new_stream(dispatcher, &pair);
  CHECK_OK(mcp_event_stream_set_receive_timeout_us(stream, 1000));
  CHECK_OK(mcp_event_stream_set_send_timeout_us(stream, 2000));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_stream_set_receive_timeout_us(stream, -1));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_stream_set_send_timeout_us(stream, -1));
  CHECK_OK(mcp_event_stream_receive(stream, receiving(&in)));
  CHECK_OK(mcp_event_stream_send_then(stream, kMuch, sizeof kMuch, sending(&out)));
  run_now(dispatcher);
  run_now(dispatcher);
  advance_us(clock, 1000);
  run_now(dispatcher);
  run_now(dispatcher);
  CHECK(in.failures == 1 && in.os_error == ETIMEDOUT && strcmp(out.text, "") == 0);
  advance_us(clock, 1000);
  run_until_told(dispatcher, &out, "lost");
  CHECK_OK(mcp_event_stream_destroy(stream));
  CHECK(in.drops == 1 && out.drops == 1);
  close_both(&pair);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void a_listener_and_a_connect_meet(void) {
  story server = {{0}};
  story client = {{0}};
  story in = {{0}};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_listener* listener = NULL;
  mcp_event_connect* connect = NULL;
  mcp_event_text* address = NULL;
  const char* text = NULL;
  CHECK_OK(mcp_event_listener_create(dispatcher, "127.0.0.1:0", awaiting(&server), &listener));
  CHECK_OK(mcp_event_listener_set_label(listener, "a listener"));
  CHECK_OK(mcp_event_listener_address(listener, &address));
  CHECK_OK(mcp_event_text_data(address, &text));
  CHECK(strncmp(text, "127.0.0.1:", 10) == 0);
  CHECK_OK(mcp_event_connect_create(dispatcher, text, 0, awaiting(&client), &connect));
  CHECK_OK(mcp_event_connect_set_label(connect, "a connect"));
  while (server.stream == NULL || client.stream == NULL) {
    run_now(dispatcher);
  }
  CHECK_OK(mcp_event_connect_destroy(connect));
  CHECK_OK(mcp_event_stream_set_nodelay(client.stream, true));
  int fd = -1;
  CHECK_OK(mcp_event_stream_fd(client.stream, &fd));
  CHECK(fd >= 0);
  CHECK_OK(mcp_event_stream_receive(server.stream, receiving(&in)));
  CHECK_OK(mcp_event_stream_send(client.stream, "over", 4));
  run_until_told(dispatcher, &in, "over");
  CHECK_OK(mcp_event_stream_abort(client.stream));
  run_until_told(dispatcher, &in, "over|");
  CHECK_OK(mcp_event_stream_destroy(client.stream));
  CHECK_OK(mcp_event_stream_destroy(server.stream));
  CHECK_OK(mcp_event_listener_destroy(listener));
  run_now(dispatcher);
  CHECK_OK(mcp_event_connect_create(dispatcher, text, 0, awaiting(&client), &connect));
  while (client.os_error == 0) {
    run_now(dispatcher);
  }
  CHECK(client.os_error == ECONNREFUSED);
  CHECK_OK(mcp_event_connect_destroy(connect));
  CHECK_OK(mcp_event_text_destroy(address));
  CHECK(server.drops == 1 && client.drops == 2 && in.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void what_makes_no_sense_is_refused(void) {
  story none = {{0}};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_stream* stream = NULL;
  mcp_event_listener* listener = NULL;
  mcp_event_connect* connect = NULL;
  CHECK_STATUS(MCP_EVENT_OS_ERROR, mcp_event_stream_create(dispatcher, -1, &stream));
  CHECK(mcp_event_last_os_error() == EBADF);
  fd_pair pair = new_pipe();
  CHECK_STATUS(MCP_EVENT_OS_ERROR, mcp_event_stream_create(dispatcher, pair.mine, &stream));
  write_byte(pair.theirs);
  read_byte(pair.mine);
  close_both(&pair);
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_create(NULL, 0, &stream));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_create(dispatcher, 0, NULL));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_listener_create(dispatcher, "nowhere", awaiting(&none), &listener));
  CHECK_STATUS(MCP_EVENT_OS_ERROR,
               mcp_event_listener_create(dispatcher, "unix:/no/such/place", awaiting(&none), &listener));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_listener_create(dispatcher, NULL, awaiting(&none), &listener));
  CHECK_STATUS(MCP_EVENT_OS_ERROR,
               mcp_event_connect_create(dispatcher, "unix:/no/such/place", 0, awaiting(&none), &connect));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_connect_create(dispatcher, "127.0.0.1:1", -1, awaiting(&none), &connect));
  const mcp_event_stream_closure empty = {NULL, NULL, NULL};
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_listener_create(dispatcher, "127.0.0.1:0", empty, &listener));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_connect_create(dispatcher, "127.0.0.1:1", 0, empty, &connect));
  CHECK(none.drops == 0);

  mcp_event_text* address = NULL;
  int fd = 0;
  size_t queued = 0;
  const mcp_event_receive_closure no_receiver = {NULL, NULL, NULL};
  const mcp_event_sent_closure no_completion = {NULL, NULL, NULL};
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_receive(NULL, receiving(&none)));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_pause(NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_resume(NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_send(NULL, "x", 1));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_send_then(NULL, "x", 1, sending(&none)));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_queued(NULL, &queued));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_set_send_limit(NULL, 1));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_set_receive_timeout_us(NULL, 1));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_set_send_timeout_us(NULL, 1));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_shutdown(NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_abort(NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_set_nodelay(NULL, true));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_fd(NULL, &fd));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_set_label(NULL, "x"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_destroy(NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_listener_address(NULL, &address));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_listener_set_label(NULL, "x"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_listener_destroy(NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_connect_set_label(NULL, "x"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_connect_destroy(NULL));
  stream = new_stream(dispatcher, &pair);
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_receive(stream, no_receiver));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_send(stream, NULL, 1));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_send_then(stream, "x", 1, no_completion));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_stream_queued(stream, NULL));
  CHECK_STATUS(MCP_EVENT_OS_ERROR, mcp_event_stream_set_nodelay(stream, true));
  CHECK_OK(mcp_event_stream_destroy(stream));
  close_both(&pair);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

void stream_suite(void) {
  data_goes_both_ways();
  the_limit_of_the_queue_refuses();
  time_limits_fail_both_sides();
  a_listener_and_a_connect_meet();
  what_makes_no_sense_is_refused();
}
