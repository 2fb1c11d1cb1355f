// A timer writes words into a pipe, a file event reads them at its other end: one event loop, from plain C.
// The loop ends when the pipe does.

#include <mcp_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INTERVAL_US 20000

typedef struct {
  mcp_event_dispatcher* dispatcher;
  mcp_event_timer* timer;
  mcp_event_file_event* readable;
  const char* const* next_word;
  int pipe_read;
  int pipe_write;
} example;

// Every call says how it went; this example knows no way to go on after a failure.
static void check(mcp_event_status status) {
  if (status != MCP_EVENT_OK) {
    fprintf(stderr, "%s: %s\n", mcp_event_status_name(status), mcp_event_last_error());
    exit(EXIT_FAILURE);
  }
}

static void on_timer(void* data) {
  example* const self = data;
  const char* const word = *self->next_word;
  if (word == NULL) {
    // What ends the pipe for its reader.
    close(self->pipe_write);
    return;
  }
  ++self->next_word;
  if (write(self->pipe_write, word, strlen(word)) < 0) {
    perror("write");
  }
  check(mcp_event_timer_enable_us(self->timer, INTERVAL_US));
}

static void on_readable(void* data, uint32_t events) {
  example* const self = data;
  char buffer[64];
  const ssize_t size = read(self->pipe_read, buffer, sizeof buffer);
  (void)events;
  if (size > 0) {
    printf("  read %.*s\n", (int)size, buffer);
  } else {
    check(mcp_event_dispatcher_exit(self->dispatcher));
  }
}

int main(void) {
  static const char* const words[] = {"one", "two", "three", NULL};
  example self = {.next_word = words};
  int ends[2];
  if (pipe(ends) != 0) {
    perror("pipe");
    return EXIT_FAILURE;
  }
  self.pipe_read = ends[0];
  self.pipe_write = ends[1];

  // The closures' data stays ours, so they need no `drop`.
  const mcp_event_closure timer_closure = {.call = on_timer, .data = &self};
  const mcp_event_file_closure file_closure = {.call = on_readable, .data = &self};
  check(mcp_event_dispatcher_create("example", NULL, &self.dispatcher));
  check(mcp_event_timer_create(self.dispatcher, timer_closure, &self.timer));
  check(mcp_event_file_event_create(self.dispatcher, self.pipe_read, MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ,
                                    file_closure, &self.readable));
  const char* backend = NULL;
  check(mcp_event_dispatcher_backend(self.dispatcher, &backend));
  printf("  the loop runs on %s\n", backend);

  check(mcp_event_timer_enable_us(self.timer, INTERVAL_US));
  check(mcp_event_dispatcher_run(self.dispatcher, MCP_EVENT_RUN_UNTIL_EXIT));

  check(mcp_event_file_event_destroy(self.readable));
  check(mcp_event_timer_destroy(self.timer));
  check(mcp_event_dispatcher_destroy(self.dispatcher));
  close(self.pipe_read);
  return EXIT_SUCCESS;
}
