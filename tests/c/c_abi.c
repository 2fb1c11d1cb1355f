// The C ABI as a C program sees it: every function and type of mcp_event.h, used and misused. One suite a
// noun, in a file of its own; tests are named after the promise that they prove. Nothing sleeps, and no check
// depends on how long something takes.
//
//   c_abi [suite ...]     all suites, without an argument

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"
#include "support.h"

typedef struct suite {
  const char* name;
  void (*run)(void);
} suite;

static const suite suites[] = {
    {"actor", actor_suite},
    {"actor_context", actor_context_suite},
    {"actor_reply", actor_reply_suite},
    {"actor_system", actor_system_suite},
    {"busy_poll", busy_poll_suite},
    {"clock", clock_suite},
    {"deferred_delete", deferred_delete_suite},
    {"dispatcher", dispatcher_suite},
    {"file_event", file_event_suite},
    {"guard_dog", guard_dog_suite},
    {"label", label_suite},
    {"metrics", metrics_suite},
    {"misuse", misuse_suite},
    {"ownership", ownership_suite},
    {"periodic_timer", periodic_timer_suite},
    {"pool", pool_suite},
    {"post", post_suite},
    {"pressure", pressure_suite},
    {"run_and_exit", run_and_exit_suite},
    {"scaled_timer", scaled_timer_suite},
    {"schedulable", schedulable_suite},
    {"signal_event", signal_event_suite},
    {"stats", stats_suite},
    {"status", status_suite},
    {"timer", timer_suite},
    {"tracked", tracked_suite},
    {"watchdog", watchdog_suite},
    {"worker_pool", worker_pool_suite},
#ifndef _WIN32
    {"crash_dump", crash_dump_suite},
    {"foreign_loop", foreign_loop_suite},
    {"fork", fork_suite},
    {"libevent", libevent_suite},
    {"log", log_suite},
    {"server_call", server_call_suite},
    {"server_manager", server_manager_suite},
    {"server_misuse", server_misuse_suite},
    {"server_trouble", server_trouble_suite},
    {"stream", stream_suite},
#endif
};

static void run_suite(const suite* chosen) {
  chosen->run();
  printf("ok %s\n", chosen->name);
  fflush(stdout);
}

static const suite* find_suite(const char* name) {
  for (size_t i = 0; i < COUNT_OF(suites); ++i) {
    if (strcmp(suites[i].name, name) == 0) {
      return &suites[i];
    }
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc == 1) {
    for (size_t i = 0; i < COUNT_OF(suites); ++i) {
      run_suite(&suites[i]);
    }
  }
  for (int i = 1; i < argc; ++i) {
    const suite* const chosen = find_suite(argv[i]);
    if (chosen == NULL) {
      fprintf(stderr, "there is no suite %s\n", argv[i]);
      return EXIT_FAILURE;
    }
    run_suite(chosen);
  }
  return EXIT_SUCCESS;
}
