// Dispatchers on libevent, with a base of their own and with one of the program's. libevent is looked up as
// the library does it, so that this program does not depend on it.

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"
#include "support.h"

typedef void (*handler)(int fd, short what, void* data);

static struct {
  void* (*base_new)(void);
  void (*base_free)(void* base);
  int (*base_once)(void* base, int fd, short what, handler handle, void* data, const void* timeout);
} libevent;

static void look_up(void* file, const char* name, void* function) {
  void* const found = dlsym(file, name);
  CHECK(found != NULL);
  memcpy(function, &found, sizeof found);
}

static void load_libevent(void) {
  void* const file = dlopen("libevent_core-2.1.so.7", RTLD_NOW);
  CHECK(file != NULL);
  look_up(file, "event_base_new", &libevent.base_new);
  look_up(file, "event_base_free", &libevent.base_free);
  look_up(file, "event_base_once", &libevent.base_once);
}

static mcp_event_status create_on(const char* backend, void* base, mcp_event_dispatcher** out) {
  const mcp_event_dispatcher_options options = {
      .size = sizeof options, .backend = backend, .libevent_base = base};
  return mcp_event_dispatcher_create("test", &options, out);
}

static void* base_of(const mcp_event_dispatcher* dispatcher) {
  void* base = &base;
  CHECK_OK(mcp_event_dispatcher_libevent_base(dispatcher, &base));
  return base;
}

static void exit_from_handler(int fd, short what, void* dispatcher) {
  (void)fd;
  (void)what;
  exit_loop(dispatcher);
}

// An event of the program's ends the run, through a post.
static void an_event_fires_in_the_loop(mcp_event_dispatcher* dispatcher, void* base) {
  const short timeout = 1;
  CHECK(libevent.base_once(base, -1, timeout, exit_from_handler, dispatcher, NULL) == 0);
  CHECK_OK(mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_UNTIL_EXIT));
}

static void its_own_base(void) {
  mcp_event_dispatcher* dispatcher = NULL;
  CHECK_OK(create_on("epoll", NULL, &dispatcher));
  CHECK(base_of(dispatcher) == NULL);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));

  CHECK_OK(create_on("libevent", NULL, &dispatcher));
  an_event_fires_in_the_loop(dispatcher, base_of(dispatcher));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void a_base_of_the_programs(void) {
  void* const base = libevent.base_new();
  mcp_event_dispatcher* dispatcher = NULL;
  mcp_event_dispatcher* second = NULL;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, create_on("epoll", base, &dispatcher));
  CHECK_OK(create_on(NULL, base, &dispatcher));
  CHECK(base_of(dispatcher) == base);
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, create_on("libevent", base, &second));
  an_event_fires_in_the_loop(dispatcher, base);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));

  CHECK_OK(create_on("libevent", base, &second));
  CHECK_OK(mcp_event_dispatcher_destroy(second));
  libevent.base_free(base);
}

void libevent_suite(void) {
  load_libevent();
  its_own_base();
  a_base_of_the_programs();
}
