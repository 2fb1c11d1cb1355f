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

// A system on one loop in simulated time that this thread runs.
typedef struct world {
  mcp_event_dispatcher* dispatcher;
  mcp_event_clock* clock;
  mcp_event_actor_system* system;
} world;

static world new_world(mcp_event_actor_system_options options) {
  world made = {0};
  made.dispatcher = new_simulated(&made.clock);
  mcp_event_dispatcher* const dispatchers[] = {made.dispatcher};
  options.size = sizeof options;
  options.dispatchers = dispatchers;
  options.dispatcher_count = 1;
  CHECK_OK(mcp_event_actor_system_create(&options, &made.system));
  return made;
}

static void pass_us(world* of, int64_t microseconds) {
  advance_us(of->clock, microseconds);
  run_now(of->dispatcher);
}

static void end_world(world* of) {
  CHECK_OK(mcp_event_actor_system_begin_stop(of->system));
  run_now(of->dispatcher);
  CHECK_OK(mcp_event_actor_system_destroy(of->system));
  CHECK_OK(mcp_event_dispatcher_destroy(of->dispatcher));
  CHECK_OK(mcp_event_clock_destroy(of->clock));
}

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
  const mcp_event_actor_event_kind kind = happened->kind;
  CHECK(happened->actor != 0 && happened->name == NULL);
  CHECK((happened->reason == NULL) == (kind == MCP_EVENT_DEAD_LETTER || kind == MCP_EVENT_ACTOR_CUT_OFF));
  CHECK(happened->reason == NULL || happened->reason->kind != MCP_EVENT_REASON_PANIC);
  ++counts[kind];
}

static mcp_event_actor_info info_of(const mcp_event_actor_tree* tree, size_t index) {
  mcp_event_actor_info info = {.size = sizeof info};
  CHECK_OK(mcp_event_actor_tree_get(tree, index, &info));
  return info;
}

static void a_family_in_its_tree(void) {
  int counts[4] = {0};
  const mcp_event_actor_event_closure hook = {.call = note_event, .data = counts};
  const mcp_event_intensity unlimited = {.max_restarts = MCP_EVENT_UNLIMITED_RESTARTS};
  const mcp_event_supervision supervision = {.strategy = MCP_EVENT_ONE_FOR_ALL,
                                             .intensity = {.window_us = 1000000, .max_restarts = 1},
                                             .backoff = {.initial_us = 1000, .factor = 1, .max_us = 1000}};
  world of = new_world((mcp_event_actor_system_options){.intensity = unlimited, .on_event = hook});
  const mcp_event_actor_behaviour behaviour = obedient(NULL);
  const mcp_event_actor_options options = {.size = sizeof options, .supervision = supervision};
  mcp_event_actor* const parent = new_actor(of.system, &behaviour, &options);
  order bearing = {.run = bear_two}, failing = {.run = fail}, waiting = {0};
  tell(parent, &bearing);
  run_now(of.dispatcher);
  tell(children[0], &failing);
  run_now(of.dispatcher);
  tell(children[1], &waiting);
  run_now(of.dispatcher);
  // One failed, so both wait.
  mcp_event_actor_tree* tree = NULL;
  size_t size = 0;
  CHECK_OK(mcp_event_actor_system_tree(of.system, &tree));
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

  pass_us(&of, 1000);
  CHECK(waiting.drops == 1);
  CHECK_OK(mcp_event_actor_system_tree(of.system, &tree));
  CHECK(info_of(tree, 1).restarts == 1 && info_of(tree, 2).restarts == 1 && info_of(tree, 2).handled == 1);
  CHECK_OK(mcp_event_actor_tree_destroy(tree));

  // Once more is once too often: the parent fails, and had one life.
  order again = {.run = fail};
  tell(children[1], &again);
  run_now(of.dispatcher);
  CHECK(await_end(parent) == MCP_EVENT_REASON_TOO_MANY_RESTARTS);
  CHECK(counts[MCP_EVENT_ACTOR_FAILED] >= 2 && counts[MCP_EVENT_ACTOR_CUT_OFF] == 0);
  for (size_t i = 0; i < 2; ++i) {
    CHECK_OK(mcp_event_actor_destroy(children[i]));
  }
  end_world(&of);
}

// How often the data of each of three children was made.
static int lives[3];

static mcp_event_status count_life(void* factory, void** data) {
  (void)data;
  ++*(int*)factory;
  return MCP_EVENT_OK;
}

static mcp_event_actor* siblings[3];

static mcp_event_status bear_three(order* self, mcp_event_actor_context* context) {
  mcp_event_actor_behaviour behaviour = obedient(NULL);
  const mcp_event_actor_options options = {.size = sizeof options, .placement = MCP_EVENT_PLACE_NEXT};
  (void)self;
  behaviour.create = count_life;
  for (size_t i = 0; i < 3; ++i) {
    behaviour.factory = &lives[i];
    CHECK_OK(mcp_event_actor_context_create_child(context, &behaviour, &options, &siblings[i]));
  }
  return MCP_EVENT_OK;
}

static void strategies_restart_whom_they_say(void) {
  const struct {
    int strategy;
    int lives[3];
  } cases[] = {{MCP_EVENT_ONE_FOR_ONE, {1, 2, 1}},
               {MCP_EVENT_ONE_FOR_ALL, {2, 2, 2}},
               {MCP_EVENT_REST_FOR_ONE, {1, 2, 2}}};
  world of = new_world((mcp_event_actor_system_options){0});
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    const mcp_event_actor_options options = {.size = sizeof options,
                                             .supervision = {.strategy = cases[i].strategy}};
    const mcp_event_actor_behaviour behaviour = obedient(NULL);
    mcp_event_actor* const parent = new_actor(of.system, &behaviour, &options);
    order bearing = {.run = bear_three}, failing = {.run = fail};
    memset(lives, 0, sizeof lives);
    tell(parent, &bearing);
    run_now(of.dispatcher);
    tell(siblings[1], &failing);
    run_now(of.dispatcher);
    CHECK(memcmp(lives, cases[i].lives, sizeof lives) == 0);
    CHECK(state_of(siblings[1]) == MCP_EVENT_ACTOR_RUNNING);
    for (size_t j = 0; j < 3; ++j) {
      CHECK_OK(mcp_event_actor_destroy(siblings[j]));
    }
    CHECK_OK(mcp_event_actor_destroy(parent));
  }
  end_world(&of);
}

static mcp_event_actor* new_reborn(world* of) {
  mcp_event_actor_behaviour behaviour = obedient(NULL);
  behaviour.create = count_life;
  behaviour.factory = &lives[0];
  lives[0] = 0;
  mcp_event_actor* const actor = new_actor(of->system, &behaviour, NULL);
  run_now(of->dispatcher);
  return actor;
}

static void a_backoff_grows_up_to_its_limit(void) {
  const mcp_event_backoff backoff = {
      .initial_us = 100, .max_us = 250, .factor = 2, .reset_after_us = 1000000};
  world of = new_world((mcp_event_actor_system_options){.backoff = backoff});
  mcp_event_actor* const actor = new_reborn(&of);
  const int64_t waits_us[] = {100, 200, 250};
  for (size_t i = 0; i < COUNT_OF(waits_us); ++i) {
    order failing = {.run = fail};
    tell(actor, &failing);
    run_now(of.dispatcher);
    pass_us(&of, waits_us[i] - 1);
    CHECK(lives[0] == (int)i + 1 && state_of(actor) == MCP_EVENT_ACTOR_RESTARTING);
    pass_us(&of, 1);
    CHECK(lives[0] == (int)i + 2 && state_of(actor) == MCP_EVENT_ACTOR_RUNNING);
  }
  CHECK_OK(mcp_event_actor_destroy(actor));
  end_world(&of);
}

static mcp_event_status stop_the_actor(order* self, mcp_event_actor_context* context) {
  (void)context;
  return mcp_event_actor_stop(self->data);
}

static mcp_event_status see_it_drain(order* self, mcp_event_actor_context* context) {
  (void)context;
  CHECK(state_of(self->data) == MCP_EVENT_ACTOR_DRAINING);
  return MCP_EVENT_OK;
}

static void an_actor_drains_what_waited_for_its_life(void) {
  world of = new_world((mcp_event_actor_system_options){.backoff = {.initial_us = 100}});
  mcp_event_actor* const actor = new_reborn(&of);
  order failing = {.run = fail};
  order stopping = {.run = stop_the_actor, .data = actor}, last = {.run = see_it_drain, .data = actor};
  tell(actor, &failing);
  tell(actor, &stopping);
  tell(actor, &last);
  run_now(of.dispatcher);
  CHECK(stopping.drops == 0);
  pass_us(&of, 100);
  CHECK(stopping.drops == 1 && last.drops == 1);
  CHECK(await_end(actor) == MCP_EVENT_REASON_STOPPED);
  end_world(&of);
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

static void an_actor_ends_with_its_loop(void) {
  world of = new_world((mcp_event_actor_system_options){0});
  mcp_event_actor* const actor = new_obedient(of.system, NULL);
  run_now(of.dispatcher);
  CHECK_OK(mcp_event_dispatcher_destroy(of.dispatcher));
  CHECK_OK(mcp_event_actor_stop(actor));
  CHECK(await_end(actor) == MCP_EVENT_REASON_LOOP_GONE);
  CHECK_OK(mcp_event_actor_system_destroy(of.system));
  CHECK_OK(mcp_event_clock_destroy(of.clock));
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
  strategies_restart_whom_they_say();
  a_backoff_grows_up_to_its_limit();
  an_actor_drains_what_waited_for_its_life();
  a_loop_does_not_wait_for_the_end();
  an_actor_ends_with_its_loop();
  null_systems_and_actors();
}
