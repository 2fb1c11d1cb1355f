// Systems: their dispatchers, what happens in them, their tree; and what they refuse.

#include <string.h>

#include "actor_support.h"
#include "suites.h"

static void a_system_of_workers(void) {
  mcp_event_actor_system* system = NULL;
  size_t workers = 0;
  CHECK_OK(mcp_event_actor_system_create(NULL, &system));
  CHECK_OK(mcp_event_actor_system_workers(system, &workers));
  CHECK(workers >= 1);
  mcp_event_dispatcher* dispatcher = NULL;
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_actor_system_dispatcher(system, workers, &dispatcher));
  CHECK_OK(mcp_event_actor_system_dispatcher(system, 0, &dispatcher));
  bool running = false;
  CHECK_OK(mcp_event_dispatcher_is_running(dispatcher, &running));
  CHECK(running);
  // It stays the system's.
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_destroy(dispatcher));
  tally counts = {0};
  mcp_event_actor* const actor = new_obedient(system, &counts);
  // A system that is destroyed stops its actors first; handles of theirs may stay.
  CHECK_OK(mcp_event_actor_system_destroy(system));
  CHECK(counts.drops == 1);
  order late = {0};
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_actor_tell(actor, message_of(&late)));
  CHECK(await_end(actor) == MCP_EVENT_REASON_STOPPED);
}

static void nothing_is_made_in_a_system_that_stops(void) {
  tally counts = {0};
  bool stopped = false;
  mcp_event_actor* actor = NULL;
  mcp_event_actor_system* const system = new_system(1);
  CHECK_OK(mcp_event_actor_system_begin_stop(system));
  const mcp_event_actor_behaviour behaviour = obedient(&counts);
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_actor_create(system, &behaviour, NULL, &actor));
  CHECK_OK(mcp_event_actor_system_wait_stopped(system, 1000000, &stopped));
  CHECK(stopped && actor == NULL && counts.drops == 0);
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_actor_system_wait_stopped(system, -1, &stopped));
  end_system(system);
}

static void options_that_make_no_sense(void) {
  tally counts = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_dispatcher* const dispatchers[] = {dispatcher, NULL};
  mcp_event_actor_system* system = NULL;
  const struct {
    mcp_event_status status;
    mcp_event_actor_system_options options;
  } cases[] = {
      {MCP_EVENT_INVALID_ARGUMENT, {.size = 8}},
      {MCP_EVENT_INVALID_ARGUMENT,
       {.size = sizeof(mcp_event_actor_system_options),
        .workers = 1,
        .dispatchers = dispatchers,
        .dispatcher_count = 1}},
      {MCP_EVENT_INVALID_ARGUMENT,
       {.size = sizeof(mcp_event_actor_system_options),
        .dispatchers = dispatchers,
        .on_event = {.data = &counts, .drop = count_drop}}},
      {MCP_EVENT_NULL_ARGUMENT,
       {.size = sizeof(mcp_event_actor_system_options), .dispatchers = dispatchers, .dispatcher_count = 2}},
      {MCP_EVENT_NULL_ARGUMENT, {.size = sizeof(mcp_event_actor_system_options), .dispatcher_count = 1}},
      {MCP_EVENT_INVALID_ARGUMENT,
       {.size = sizeof(mcp_event_actor_system_options), .workers = 1, .backoff = {.initial_us = -1}}},
      {MCP_EVENT_INVALID_ARGUMENT,
       {.size = sizeof(mcp_event_actor_system_options), .workers = 1, .intensity = {.window_us = -1}}},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    CHECK_STATUS(cases[i].status, mcp_event_actor_system_create(&cases[i].options, &system));
  }
  CHECK(system == NULL && counts.drops == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void actors_that_make_no_sense(void) {
  tally counts = {0};
  mcp_event_actor_system* const system = new_system(1);
  mcp_event_actor_behaviour behaviour = obedient(&counts);
  mcp_event_actor* actor = NULL;
  const size_t size = sizeof(mcp_event_actor_options);
  const struct {
    mcp_event_status status;
    mcp_event_actor_options options;
  } cases[] = {
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size - 1}},
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size, .name = "\xff"}},
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size, .restart = 4}},
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size, .placement = -1}},
      {MCP_EVENT_OUT_OF_RANGE, {.size = size, .placement = MCP_EVENT_PLACE_ON_WORKER, .worker = 1}},
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size, .stop_limit_us = -1}},
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size, .supervision = {.strategy = 3}}},
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size, .backoff = {.initial_us = 1, .max_us = -1}}},
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size, .backoff = {.initial_us = 1, .factor = 0.5}}},
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size, .backoff = {.initial_us = 1, .jitter = 2}}},
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size, .backoff = {.initial_us = 1, .reset_after_us = -1}}},
      {MCP_EVENT_INVALID_ARGUMENT, {.size = size, .intensity = {.window_us = -1}}},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    CHECK_STATUS(cases[i].status, mcp_event_actor_create(system, &behaviour, &cases[i].options, &actor));
  }
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_actor_create(system, NULL, NULL, &actor));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_actor_create(system, &behaviour, NULL, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_actor_create(NULL, &behaviour, NULL, &actor));
  behaviour.size = 0;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_actor_create(system, &behaviour, NULL, &actor));
  behaviour = obedient(&counts);
  behaviour.handle = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_actor_create(system, &behaviour, NULL, &actor));
  CHECK(actor == NULL && counts.drops == 0);
  end_system(system);
}

// A family on one loop in simulated time, which restarts one of its children after a wait.

static mcp_event_actor* children[2];

static mcp_event_status make_nothing(void* factory, void** data) {
  (void)factory, (void)data;
  return MCP_EVENT_OK;
}

static mcp_event_status bear_two(order* self, mcp_event_actor_context* context) {
  mcp_event_actor_behaviour behaviour = obedient(NULL);
  (void)self;
  behaviour.create = make_nothing;
  for (size_t i = 0; i < 2; ++i) {
    CHECK_OK(mcp_event_actor_context_create_child(context, &behaviour, NULL, &children[i]));
  }
  return MCP_EVENT_OK;
}

static mcp_event_status fail(order* self, mcp_event_actor_context* context) {
  (void)self;
  return mcp_event_actor_context_fail(context, "as told");
}

static void note_event(void* data, const mcp_event_actor_event* happened) {
  int* const counts = data;
  CHECK(happened->actor != 0 && happened->name == NULL);
  CHECK((happened->reason == NULL) ==
        (happened->kind == MCP_EVENT_DEAD_LETTER || happened->kind == MCP_EVENT_ACTOR_CUT_OFF));
  ++counts[happened->kind];
}

static mcp_event_actor_info info_of(const mcp_event_actor_tree* tree, size_t index) {
  mcp_event_actor_info info = {.size = sizeof info};
  CHECK_OK(mcp_event_actor_tree_get(tree, index, &info));
  return info;
}

static void a_family_in_its_tree(void) {
  int counts[4] = {0};
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  mcp_event_dispatcher* const dispatchers[] = {dispatcher};
  const mcp_event_actor_system_options system_options = {
      .size = sizeof system_options,
      .dispatchers = dispatchers,
      .dispatcher_count = 1,
      .intensity = {.max_restarts = MCP_EVENT_UNLIMITED_RESTARTS},
      .on_event = {.call = note_event, .data = counts}};
  mcp_event_actor_system* system = NULL;
  CHECK_OK(mcp_event_actor_system_create(&system_options, &system));
  const mcp_event_actor_behaviour behaviour = obedient(NULL);
  const mcp_event_actor_options options = {
      .size = sizeof options,
      .supervision = {.strategy = MCP_EVENT_ONE_FOR_ALL,
                      .intensity = {.window_us = 1000000, .max_restarts = 1},
                      .backoff = {.initial_us = 1000, .factor = 1, .max_us = 1000}}};
  mcp_event_actor* const parent = new_actor(system, &behaviour, &options);
  order bearing = {.run = bear_two}, failing = {.run = fail}, waiting = {0};
  tell(parent, &bearing);
  run_now(dispatcher);
  tell(children[0], &failing);
  run_now(dispatcher);
  tell(children[1], &waiting);
  run_now(dispatcher);
  // One failed, so both wait.
  mcp_event_actor_tree* tree = NULL;
  size_t size = 0;
  CHECK_OK(mcp_event_actor_system_tree(system, &tree));
  CHECK_OK(mcp_event_actor_tree_size(tree, &size));
  CHECK(size == 3);
  const mcp_event_actor_info above = info_of(tree, 0), failed = info_of(tree, 1), sibling = info_of(tree, 2);
  CHECK(above.id == id_of(parent) && above.parent == 0 && above.depth == 0 && above.name == NULL);
  CHECK(above.state == MCP_EVENT_ACTOR_RUNNING && above.handled == 1 && above.queued == 0);
  CHECK(failed.id == id_of(children[0]) && failed.parent == above.id && failed.depth == 1);
  CHECK(failed.state == MCP_EVENT_ACTOR_RESTARTING && sibling.state == MCP_EVENT_ACTOR_RESTARTING);
  CHECK(sibling.queued == 1 && strcmp(sibling.dispatcher, "simulated") == 0);
  const char* text = NULL;
  CHECK_OK(mcp_event_actor_tree_text(tree, &text));
  CHECK(strstr(text, "restarting") != NULL);
  mcp_event_actor_info info = {.size = sizeof info};
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_actor_tree_get(tree, 3, &info));
  info.size = 0;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_actor_tree_get(tree, 0, &info));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_actor_tree_get(tree, 0, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_actor_tree_size(tree, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_actor_tree_text(tree, NULL));
  CHECK_OK(mcp_event_actor_tree_destroy(tree));

  advance_us(clock, 1000);
  run_now(dispatcher);
  CHECK(waiting.drops == 1);
  CHECK_OK(mcp_event_actor_system_tree(system, &tree));
  CHECK(info_of(tree, 1).restarts == 1 && info_of(tree, 2).restarts == 1 && info_of(tree, 2).handled == 1);
  CHECK_OK(mcp_event_actor_tree_destroy(tree));

  // Once more is once too often: the parent fails, and had one life.
  order again = {.run = fail};
  tell(children[1], &again);
  run_now(dispatcher);
  CHECK(await_end(parent) == MCP_EVENT_REASON_TOO_MANY_RESTARTS);
  CHECK(counts[MCP_EVENT_ACTOR_FAILED] >= 2 && counts[MCP_EVENT_ACTOR_CUT_OFF] == 0);
  for (size_t i = 0; i < 2; ++i) {
    CHECK_OK(mcp_event_actor_destroy(children[i]));
  }
  CHECK_OK(mcp_event_actor_system_begin_stop(system));
  run_now(dispatcher);
  CHECK_OK(mcp_event_actor_system_destroy(system));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void stop_inside(void* system) {
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_actor_system_stop(system));
}

static void a_loop_does_not_wait_for_the_end(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_actor_system* const system = new_system(1);
  post(dispatcher, stop_inside, system);
  run_now(dispatcher);
  end_system(system);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void null_systems_and_actors(void) {
  size_t number = 7;
  uint64_t id = 7;
  bool flag = true;
  const char* text = "untouched";
  order given = {0};
  mcp_event_actor* actor = NULL;
  mcp_event_actor_tree* tree = NULL;
  mcp_event_actor_info info = {.size = sizeof info};
  mcp_event_dispatcher* dispatcher = NULL;
  mcp_event_message reply = {0};
  mcp_event_actor_state state = MCP_EVENT_ACTOR_STARTING;
  mcp_event_actor_system* const system = new_system(1);
  mcp_event_actor* const living = new_obedient(system, NULL);
  const mcp_event_status statuses[] = {
      mcp_event_actor_system_create(NULL, NULL),
      mcp_event_actor_system_stop(NULL),
      mcp_event_actor_system_begin_stop(NULL),
      mcp_event_actor_system_wait_stopped(NULL, 0, &flag),
      mcp_event_actor_system_wait_stopped(system, 0, NULL),
      mcp_event_actor_system_workers(NULL, &number),
      mcp_event_actor_system_workers(system, NULL),
      mcp_event_actor_system_dispatcher(NULL, 0, &dispatcher),
      mcp_event_actor_system_dispatcher(system, 0, NULL),
      mcp_event_actor_system_find(NULL, "x", NULL, &actor),
      mcp_event_actor_system_find(system, NULL, NULL, &actor),
      mcp_event_actor_system_find(system, "x", NULL, NULL),
      mcp_event_actor_system_tree(NULL, &tree),
      mcp_event_actor_system_tree(system, NULL),
      mcp_event_actor_system_destroy(NULL),
      mcp_event_actor_tree_size(NULL, &number),
      mcp_event_actor_tree_get(NULL, 0, &info),
      mcp_event_actor_tree_text(NULL, &text),
      mcp_event_actor_tree_destroy(NULL),
      mcp_event_actor_clone(NULL, &actor),
      mcp_event_actor_clone(living, NULL),
      mcp_event_actor_destroy(NULL),
      mcp_event_actor_tell(NULL, message_of(&given)),
      mcp_event_actor_tell_wait(NULL, message_of(&given)),
      mcp_event_actor_ask(NULL, message_of(&given), NULL, 0, (mcp_event_reply_closure){0}),
      mcp_event_actor_ask(living, message_of(&given), NULL, 0, (mcp_event_reply_closure){0}),
      mcp_event_actor_ask_wait(NULL, message_of(&given), 0, &reply),
      mcp_event_actor_ask_wait(living, message_of(&given), 0, NULL),
      mcp_event_actor_stop(NULL),
      mcp_event_actor_stop_now(NULL),
      mcp_event_actor_when_ended(NULL, (mcp_event_ended_closure){0}),
      mcp_event_actor_when_ended(living, (mcp_event_ended_closure){0}),
      mcp_event_actor_id(NULL, &id),
      mcp_event_actor_id(living, NULL),
      mcp_event_actor_name(NULL, &text),
      mcp_event_actor_name(living, NULL),
      mcp_event_actor_get_state(NULL, &state),
      mcp_event_actor_get_state(living, NULL),
      mcp_event_actor_queue_depth(NULL, &number),
      mcp_event_actor_queue_depth(living, NULL),
  };
  for (size_t i = 0; i < COUNT_OF(statuses); ++i) {
    CHECK(statuses[i] == MCP_EVENT_NULL_ARGUMENT);
  }
  CHECK(number == 7 && id == 7 && flag && text[0] == 'u' && actor == NULL && tree == NULL);
  CHECK(dispatcher == NULL && reply.data == NULL && given.drops == 0);
  CHECK_OK(mcp_event_actor_destroy(living));
  end_system(system);
}

void actor_system_suite(void) {
  a_system_of_workers();
  nothing_is_made_in_a_system_that_stops();
  options_that_make_no_sense();
  actors_that_make_no_sense();
  a_family_in_its_tree();
  a_loop_does_not_wait_for_the_end();
  null_systems_and_actors();
}
