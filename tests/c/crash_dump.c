// Crash dumps, of children that really crash.

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suites.h"
#include "support.h"

// How a child ended, and what it wrote.
typedef struct end {
  int status;
  char dump[4096];
} end;

// Runs `body(fd)` in a child, which is to crash.
static end child(void (*body)(int fd)) {
  end result = {.status = 0};
  fd_pair pipe = new_pipe();
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    body(pipe.theirs);
    _exit(EXIT_SUCCESS);
  }
  close_theirs(&pipe);
  size_t length = 0;
  ssize_t got;
  while ((got = read(pipe.mine, result.dump + length, sizeof result.dump - 1 - length)) > 0) {
    length += (size_t)got;
  }
  CHECK(got == 0);
  close_mine(&pipe);
  CHECK(waitpid(pid, &result.status, 0) == pid);
  return result;
}

static bool died_of(const end* ended, int signal_number) {
  return WIFSIGNALED(ended->status) && WTERMSIG(ended->status) == signal_number;
}

static void install(int fd) {
  const mcp_event_crash_dump_options options = {.size = sizeof options, .fd = fd};
  CHECK_OK(mcp_event_crash_dump_install(&options));
}

// What is tracked while the loop crashes.
typedef struct doomed {
  mcp_event_dispatcher* dispatcher;
  void (*crash)(void);
} doomed;

static void dump_in_pieces(const void* object, int32_t indent, mcp_event_dump_sink sink, void* sink_data) {
  (void)object;
  for (int32_t i = 0; i < indent; ++i) {
    sink(sink_data, "  ", 2);
  }
  // A character in two pieces, and a byte that is none.
  sink(sink_data, "request \xe2\x82", 10);
  sink(sink_data, "\xac 42 \xff", 6);
}

static void dump_and_crash(const void* object, int32_t indent, mcp_event_dump_sink sink, void* sink_data) {
  (void)object;
  (void)indent;
  sink(sink_data, "half", 4);
  abort();
}

static void crash(void* data) {
  const doomed* const self = data;
  CHECK_OK(mcp_event_dispatcher_push_tracked(self->dispatcher, "outer", dump_in_pieces));
  CHECK_OK(mcp_event_dispatcher_push_tracked(self->dispatcher, "broken", dump_and_crash));
  CHECK_OK(mcp_event_dispatcher_push_tracked(self->dispatcher, "inner", dump_in_pieces));
  self->crash();
}

static void run_and_crash(void (*how)(void)) {
  doomed self = {.dispatcher = new_dispatcher(), .crash = how};
  CHECK_OK(mcp_event_dispatcher_post_labelled(self.dispatcher, "tools/call", calling(crash, &self)));
  run_now(self.dispatcher);
}

static void write_to_null(void) {
  volatile int* volatile nowhere = NULL;
  *nowhere = 1;
}

static void write_to_null_on_loop(int fd) {
  install(fd);
  run_and_crash(write_to_null);
}

static void x2_the_loop_and_its_objects_are_shown(void) {
  const end ended = child(write_to_null_on_loop);
  CHECK(died_of(&ended, SIGSEGV));
  const char first[] = "mcp_event crash: signal 11 (SIGSEGV) at 0x0 on thread ";
  CHECK(strncmp(ended.dump, first, sizeof first - 1) == 0);
  const char before[] =
      ": post (tools/call)\n"
      "  tracked objects, innermost first:\n"
      "    request \xe2\x82\xac 42 \xef\xbf\xbd\n"
      "    half\n"
      "    (this crashed: signal 6 (SIGABRT) sent by process ";
  CHECK(strstr(ended.dump, before) != NULL);
  const char last[] =
      ")\n"
      "        request \xe2\x82\xac 42 \xef\xbf\xbd\n"
      "mcp_event crash: end of dump\n";
  // A signal that was sent has no address, so the line before ends with the process.
  CHECK(strstr(ended.dump, last) != NULL);
}

static int recurse(volatile int* depth) {
  volatile int room[64];
  if (*depth < 0) {
    return 0;
  }
  room[0] = *depth + 1;
  return recurse(&room[0]) + room[0];
}

static void overflow(void) {
  volatile int depth = 0;
  recurse(&depth);
}

static void* overflow_on_loop(void* unused) {
  (void)unused;
  run_and_crash(overflow);
  return NULL;
}

static void overflow_on_a_thread(int fd) {
  pthread_t started;
  install(fd);
  CHECK(pthread_create(&started, NULL, overflow_on_loop, NULL) == 0);
  CHECK(pthread_join(started, NULL) == 0);
}

static void x2_a_stack_overflow_is_shown(void) {
  const end ended = child(overflow_on_a_thread);
  CHECK(died_of(&ended, SIGSEGV));
  CHECK(strstr(ended.dump, ": post (tools/call)\n") != NULL);
  CHECK(strstr(ended.dump, "end of dump\n") != NULL);
}

static void abort_without_a_dump(int fd) {
  const int others[] = {SIGSEGV, SIGBUS};
  const mcp_event_crash_dump_options options = {
      .size = sizeof options, .fd = fd, .signals = others, .signal_count = COUNT_OF(others)};
  CHECK_OK(mcp_event_crash_dump_install(&options));
  abort();
}

static void x2_only_for_the_signals_that_are_wanted(void) {
  const end ended = child(abort_without_a_dump);
  CHECK(died_of(&ended, SIGABRT));
  CHECK(ended.dump[0] == '\0');
}

static void install_and_uninstall(int fd) {
  install(fd);
  CHECK_OK(mcp_event_crash_dump_uninstall());
  CHECK_OK(mcp_event_crash_dump_uninstall());
  // To the standard error, but there is to be none.
  CHECK_OK(mcp_event_crash_dump_install(NULL));
  CHECK_OK(mcp_event_crash_dump_uninstall());
  write_to_null();
}

static void x2_none_after_uninstalling(void) {
  const end ended = child(install_and_uninstall);
  CHECK(died_of(&ended, SIGSEGV));
  CHECK(ended.dump[0] == '\0');
}

static void x2_options_that_make_no_sense_are_refused(void) {
  const int wrong[] = {SIGSEGV, SIGTERM};
  mcp_event_crash_dump_options options = {.size = sizeof options - 1};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_crash_dump_install(&options));
  options.size = sizeof options;
  options.signals = wrong;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_crash_dump_install(&options));
  options.signal_count = COUNT_OF(wrong);
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_crash_dump_install(&options));
  CHECK(strstr(mcp_event_last_error(), "signal 15 is none of SIGSEGV") != NULL);
  options.signals = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_crash_dump_install(&options));
  options.signal_count = 0;
  options.fd = 4711;
  CHECK_STATUS(MCP_EVENT_OS_ERROR, mcp_event_crash_dump_install(&options));
  options.fd = open("/dev/null", O_RDONLY);
  CHECK(options.fd > 0);
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_crash_dump_install(&options));
  CHECK(close(options.fd) == 0);
}

void crash_dump_suite(void) {
  x2_the_loop_and_its_objects_are_shown();
  x2_a_stack_overflow_is_shown();
  x2_only_for_the_signals_that_are_wanted();
  x2_none_after_uninstalling();
  x2_options_that_make_no_sense_are_refused();
}
