// C callbacks written in C++: what they throw becomes a status of run(), never crosses the C ABI, and costs
// nothing that is queued. Includes mcp_event.h as C++, and nothing else of ours.

#include <mcp_event.h>
#ifndef _WIN32
#include <unistd.h>
#endif

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace {

void check(bool holds, int line, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, line, what);
    std::exit(EXIT_FAILURE);
  }
}
#define CHECK(condition) check((condition), __LINE__, #condition)

const char kText[] = "the cat sat on the keyboard";

void throwException(void*) { throw std::runtime_error(kText); }
void throwNumber(void*) { throw 42; }
#ifndef _WIN32
void throwForFile(void*, uint32_t) { throw std::runtime_error(kText); }
#endif
void count(void* calls) { ++*static_cast<int*>(calls); }

mcp_event_dispatcher* newDispatcher() {
  mcp_event_dispatcher* dispatcher = nullptr;
  CHECK(mcp_event_dispatcher_create("throwing", nullptr, &dispatcher) == MCP_EVENT_OK);
  return dispatcher;
}

mcp_event_status run(mcp_event_dispatcher* dispatcher) {
  return mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_NON_BLOCK);
}

void checkThrows(mcp_event_dispatcher* dispatcher) {
  CHECK(run(dispatcher) == MCP_EVENT_CALLBACK_FAILED);
  CHECK(std::strstr(mcp_event_last_error(), kText) != nullptr);
  CHECK(run(dispatcher) == MCP_EVENT_OK);
}

void postsThrow() {
  int calls = 0;
  mcp_event_dispatcher* const dispatcher = newDispatcher();
  CHECK(mcp_event_dispatcher_post(dispatcher, {throwException, &calls, count}) == MCP_EVENT_OK);
  CHECK(mcp_event_dispatcher_post(dispatcher, {count, &calls, nullptr}) == MCP_EVENT_OK);
  CHECK(run(dispatcher) == MCP_EVENT_CALLBACK_FAILED);
  CHECK(std::strstr(mcp_event_last_error(), kText) != nullptr);
  // P11: the closure was dropped, and the post behind it waits for the next run.
  CHECK(calls == 1);
  CHECK(run(dispatcher) == MCP_EVENT_OK);
  CHECK(calls == 2);

  CHECK(mcp_event_dispatcher_post(dispatcher, {throwNumber, nullptr, nullptr}) == MCP_EVENT_OK);
  CHECK(run(dispatcher) == MCP_EVENT_CALLBACK_FAILED);
  CHECK(std::strstr(mcp_event_last_error(), "int") != nullptr);
  CHECK(mcp_event_dispatcher_destroy(dispatcher) == MCP_EVENT_OK);
}

void handlesThrow() {
  mcp_event_dispatcher* const dispatcher = newDispatcher();
  const mcp_event_closure throwing = {throwException, nullptr, nullptr};

  mcp_event_timer* timer = nullptr;
  CHECK(mcp_event_timer_create(dispatcher, throwing, &timer) == MCP_EVENT_OK);
  CHECK(mcp_event_timer_enable_us(timer, 0) == MCP_EVENT_OK);
  checkThrows(dispatcher);
  CHECK(mcp_event_timer_destroy(timer) == MCP_EVENT_OK);

  mcp_event_schedulable* callback = nullptr;
  CHECK(mcp_event_schedulable_create(dispatcher, throwing, &callback) == MCP_EVENT_OK);
  CHECK(mcp_event_schedulable_schedule_current_iteration(callback) == MCP_EVENT_OK);
  checkThrows(dispatcher);
  CHECK(mcp_event_schedulable_schedule_next_iteration(callback) == MCP_EVENT_OK);
  checkThrows(dispatcher);
  CHECK(mcp_event_schedulable_destroy(callback) == MCP_EVENT_OK);

#ifndef _WIN32
  int ends[2];
  CHECK(pipe(ends) == 0);
  CHECK(write(ends[1], "x", 1) == 1);
  mcp_event_file_event* event = nullptr;
  CHECK(mcp_event_file_event_create(dispatcher, ends[0], MCP_EVENT_TRIGGER_EDGE, MCP_EVENT_READ,
                                    {throwForFile, nullptr, nullptr}, &event) == MCP_EVENT_OK);
  checkThrows(dispatcher);
  CHECK(mcp_event_file_event_destroy(event) == MCP_EVENT_OK);
  close(ends[0]);
  close(ends[1]);
#endif

  CHECK(mcp_event_dispatcher_deferred_delete(dispatcher, &callback, throwException) == MCP_EVENT_OK);
  checkThrows(dispatcher);
  CHECK(mcp_event_dispatcher_destroy(dispatcher) == MCP_EVENT_OK);
}

// A watchdog counts as the callback that it is touched for.
void watchdogsThrow() {
  int calls = 0;
  mcp_event_dispatcher* const dispatcher = newDispatcher();
  CHECK(mcp_event_dispatcher_register_watchdog(dispatcher, throwException, nullptr, nullptr, 0) ==
        MCP_EVENT_OK);
  CHECK(mcp_event_dispatcher_post(dispatcher, {count, &calls, nullptr}) == MCP_EVENT_OK);
  CHECK(mcp_event_dispatcher_post(dispatcher, {count, &calls, nullptr}) == MCP_EVENT_OK);
  CHECK(run(dispatcher) == MCP_EVENT_CALLBACK_FAILED);
  CHECK(std::strstr(mcp_event_last_error(), kText) != nullptr);
  CHECK(calls == 1);
  CHECK(mcp_event_dispatcher_register_watchdog(dispatcher, nullptr, nullptr, nullptr, 0) == MCP_EVENT_OK);
  CHECK(run(dispatcher) == MCP_EVENT_OK);
  CHECK(calls == 2);
  CHECK(mcp_event_dispatcher_destroy(dispatcher) == MCP_EVENT_OK);
}

// They must not throw; that they did is logged, and ends nothing.
void dropsThrow() {
  int calls = 0;
  mcp_event_dispatcher* const dispatcher = newDispatcher();
  CHECK(mcp_event_dispatcher_post(dispatcher, {count, &calls, throwException}) == MCP_EVENT_OK);
  CHECK(mcp_event_dispatcher_post(dispatcher, {count, &calls, nullptr}) == MCP_EVENT_OK);
  CHECK(run(dispatcher) == MCP_EVENT_OK);
  CHECK(calls == 2);
  CHECK(mcp_event_dispatcher_destroy(dispatcher) == MCP_EVENT_OK);
}

mcp_event_status throwInActor(void*, mcp_event_message*, mcp_event_actor_context*) {
  throw std::runtime_error(kText);
}

mcp_event_status throwInStart(void* calls, mcp_event_actor_context*) {
  count(calls);
  throw std::runtime_error(kText);
}

mcp_event_status throwInFactory(void* calls, void**) {
  count(calls);
  throw 42;
}

void expectText(void* ends, const mcp_event_actor_reason* reason) {
  CHECK(reason->kind == MCP_EVENT_REASON_ERROR);
  CHECK(std::strstr(reason->text, kText) != nullptr || std::strstr(reason->text, "int") != nullptr);
  count(ends);
}

// An actor that throws ends; the loop, and the other actors on it, do not notice.
void actorsThrow() {
  mcp_event_dispatcher* dispatcher = newDispatcher();
  mcp_event_actor_system_options options = {};
  options.size = sizeof options;
  options.dispatchers = &dispatcher;
  options.dispatcher_count = 1;
  mcp_event_actor_system* system = nullptr;
  CHECK(mcp_event_actor_system_create(&options, &system) == MCP_EVENT_OK);
  int calls = 0;
  int ends = 0;
  mcp_event_actor_behaviour behaviour = {};
  behaviour.size = sizeof behaviour;
  behaviour.data = &calls;
  behaviour.handle = throwInActor;
  mcp_event_actor* handling = nullptr;
  CHECK(mcp_event_actor_create(system, &behaviour, nullptr, &handling) == MCP_EVENT_OK);
  CHECK(mcp_event_actor_when_ended(handling, {expectText, &ends, nullptr}) == MCP_EVENT_OK);
  CHECK(mcp_event_actor_tell(handling, {&calls, sizeof calls, count}) == MCP_EVENT_OK);
  CHECK(run(dispatcher) == MCP_EVENT_OK);
  CHECK(calls == 1 && ends == 1);
  behaviour.started = throwInStart;
  mcp_event_actor* starting = nullptr;
  CHECK(mcp_event_actor_create(system, &behaviour, nullptr, &starting) == MCP_EVENT_OK);
  CHECK(mcp_event_actor_when_ended(starting, {expectText, &ends, nullptr}) == MCP_EVENT_OK);
  CHECK(run(dispatcher) == MCP_EVENT_OK);
  CHECK(calls == 2 && ends == 2);
  behaviour.create = throwInFactory;
  behaviour.factory = &calls;
  mcp_event_actor* unmade = nullptr;
  CHECK(mcp_event_actor_create(system, &behaviour, nullptr, &unmade) == MCP_EVENT_OK);
  CHECK(mcp_event_actor_when_ended(unmade, {expectText, &ends, nullptr}) == MCP_EVENT_OK);
  CHECK(run(dispatcher) == MCP_EVENT_OK);
  // It may be restarted three times.
  CHECK(calls == 6 && ends == 3);
  for (mcp_event_actor* actor : {handling, starting, unmade}) {
    CHECK(mcp_event_actor_destroy(actor) == MCP_EVENT_OK);
  }
  CHECK(mcp_event_actor_system_destroy(system) == MCP_EVENT_OK);
  CHECK(mcp_event_dispatcher_destroy(dispatcher) == MCP_EVENT_OK);
}

}  // namespace

int main() {
  postsThrow();
  handlesThrow();
  watchdogsThrow();
  dropsThrow();
  actorsThrow();
  return EXIT_SUCCESS;
}
