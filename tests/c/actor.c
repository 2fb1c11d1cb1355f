// Actors from outside: messages and who owns them, lives, stops, names.

#include <string.h>

#include "actor_support.h"
#include "suites.h"

typedef struct gate {
  event entered;
  event open;
} gate;

static mcp_event_status wait_at_gate(order* self, mcp_event_actor_context* context) {
  gate* const at = self->data;
  (void)context;
  set_event(&at->entered);
  await_event(&at->open);
  return MCP_EVENT_OK;
}

// Sends the actor an order that holds it until the gate opens, and waits until it is there.
static void hold(mcp_event_actor* actor, order* holding, gate* at) {
  make_event(&at->entered);
  make_event(&at->open);
  *holding = (order){.run = wait_at_gate, .data = at};
  tell(actor, holding);
  await_event(&at->entered);
}

static void messages_are_handled_in_order_and_dropped_once(void) {
  tally counts = {0};
  order orders[100] = {{0}};
  mcp_event_actor_system* const system = new_system(2);
  mcp_event_actor* const actor = new_obedient(system, &counts);
  for (size_t i = 0; i < COUNT_OF(orders); ++i) {
    tell(actor, &orders[i]);
  }
  CHECK_OK(mcp_event_actor_stop(actor));
  CHECK(await_end(actor) == MCP_EVENT_REASON_STOPPED);
  CHECK(counts.calls == 100);
  for (size_t i = 0; i < COUNT_OF(orders); ++i) {
    CHECK(orders[i].drops == 1);
  }
  end_system(system);
  CHECK(counts.drops == 1);
}

static mcp_event_status keep(void* data, mcp_event_message* message, mcp_event_actor_context* context) {
  (void)context;
  *(order**)data = message->data;
  message->drop = NULL;
  return MCP_EVENT_OK;
}

static void a_handler_may_take_the_data_over(void) {
  order* kept = NULL;
  order given = {0};
  mcp_event_actor_system* const system = new_system(1);
  const mcp_event_actor_behaviour behaviour = {.size = sizeof behaviour, .data = &kept, .handle = keep};
  mcp_event_actor* const actor = new_actor(system, &behaviour, NULL);
  tell(actor, &given);
  CHECK_OK(mcp_event_actor_destroy(actor));
  end_system(system);
  CHECK(kept == &given && given.drops == 0);
}

static void what_is_refused_stays_the_callers(void) {
  tally counts = {0};
  gate at;
  order holding, first = {0}, second = {0};
  mcp_event_actor_system* const system = new_system(1);
  const mcp_event_actor_behaviour behaviour = obedient(&counts);
  const mcp_event_actor_options options = {.size = sizeof options, .mailbox_bound = 1};
  mcp_event_actor* const actor = new_actor(system, &behaviour, &options);
  hold(actor, &holding, &at);
  tell(actor, &first);
  size_t depth = 0;
  CHECK_OK(mcp_event_actor_queue_depth(actor, &depth));
  CHECK(depth == 1);
  CHECK_STATUS(MCP_EVENT_QUEUE_FULL, mcp_event_actor_tell(actor, message_of(&second)));
  set_event(&at.open);
  // Waits for room.
  CHECK_OK(mcp_event_actor_tell_wait(actor, message_of(&second)));
  CHECK_OK(mcp_event_actor_stop(actor));
  order late = {0};
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_actor_tell(actor, message_of(&late)));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_actor_tell_wait(actor, message_of(&late)));
  const mcp_event_message nonsense = {.data = NULL, .size = 1, .drop = count_drop};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_actor_tell(actor, nonsense));
  CHECK(await_end(actor) == MCP_EVENT_REASON_STOPPED);
  end_system(system);
  CHECK(first.drops == 1 && second.drops == 1 && late.drops == 0 && counts.calls == 3);
}

static mcp_event_status wait_for_room(order* self, mcp_event_actor_context* context) {
  (void)context;
  order* const refused = self->data;
  mcp_event_actor* const full = refused->data;
  CHECK_STATUS(MCP_EVENT_QUEUE_FULL, mcp_event_actor_tell_wait(full, message_of(refused)));
  return MCP_EVENT_OK;
}

static void a_loop_does_not_wait_for_room(void) {
  gate at;
  order holding, filling = {0};
  mcp_event_actor_system* const system = new_system(2);
  const mcp_event_actor_behaviour behaviour = obedient(NULL);
  const mcp_event_actor_options options = {
      .size = sizeof options, .mailbox_bound = 1, .placement = MCP_EVENT_PLACE_ON_WORKER, .worker = 1};
  const mcp_event_actor_options elsewhere = {.size = sizeof elsewhere,
                                             .placement = MCP_EVENT_PLACE_ON_WORKER};
  mcp_event_actor* const full = new_actor(system, &behaviour, &options);
  mcp_event_actor* const sender = new_actor(system, &behaviour, &elsewhere);
  hold(full, &holding, &at);
  tell(full, &filling);
  order refused = {.data = full};
  order sending = {.run = wait_for_room, .data = &refused};
  run_there(sender, &sending);
  set_event(&at.open);
  CHECK_OK(mcp_event_actor_destroy(sender));
  CHECK_OK(mcp_event_actor_destroy(full));
  end_system(system);
  CHECK(refused.drops == 0 && filling.drops == 1);
}

static void a_stop_now_drops_what_is_queued(void) {
  tally counts = {0};
  gate at;
  order holding, queued = {0};
  mcp_event_actor_system* const system = new_system(1);
  mcp_event_actor* const actor = new_obedient(system, &counts);
  hold(actor, &holding, &at);
  tell(actor, &queued);
  CHECK(state_of(actor) == MCP_EVENT_ACTOR_RUNNING);
  CHECK_OK(mcp_event_actor_stop_now(actor));
  CHECK(state_of(actor) == MCP_EVENT_ACTOR_STOPPING);
  set_event(&at.open);
  CHECK(await_end(actor) == MCP_EVENT_REASON_STOPPED);
  end_system(system);
  CHECK(counts.calls == 1 && queued.drops == 1 && counts.drops == 1);
}

static void names_are_unique_and_found(void) {
  mcp_event_actor_system* const system = new_system(1);
  const mcp_event_actor_behaviour behaviour = obedient(NULL);
  const mcp_event_actor_options options = {.size = sizeof options, .name = "store", .message_type = "orders"};
  mcp_event_actor* const actor = new_actor(system, &behaviour, &options);
  mcp_event_actor* other = NULL;
  tally refused = {0};
  const mcp_event_actor_behaviour counted = obedient(&refused);
  CHECK_STATUS(MCP_EVENT_NAME_TAKEN, mcp_event_actor_create(system, &counted, &options, &other));
  CHECK(other == NULL && refused.drops == 0);
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_actor_system_find(system, "shop", "orders", &other));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_actor_system_find(system, "store", NULL, &other));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_actor_system_find(system, "store", "jokes", &other));
  CHECK(other == NULL);
  CHECK_OK(mcp_event_actor_system_find(system, "store", "orders", &other));
  CHECK(id_of(other) == id_of(actor));
  const char* name = NULL;
  CHECK_OK(mcp_event_actor_name(other, &name));
  CHECK(strcmp(name, "store") == 0);
  CHECK_OK(mcp_event_actor_destroy(other));
  CHECK_OK(mcp_event_actor_clone(actor, &other));
  CHECK(other != actor && id_of(other) == id_of(actor));
  CHECK_OK(mcp_event_actor_stop(actor));
  CHECK(await_end(other) == MCP_EVENT_REASON_STOPPED);
  CHECK(state_of(actor) == MCP_EVENT_ACTOR_STOPPED);
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_actor_system_find(system, "store", "orders", &other));
  mcp_event_actor* const nameless = new_obedient(system, NULL);
  CHECK_OK(mcp_event_actor_name(nameless, &name));
  CHECK(name == NULL);
  CHECK_OK(mcp_event_actor_destroy(nameless));
  // An end that is past is told at once.
  CHECK(await_end(actor) == MCP_EVENT_REASON_STOPPED);
  end_system(system);
}

// Makes lives, and counts: calls are creations, drops the ends of their data.
typedef struct lives {
  tally made;
  tally factory;
  int failing;
} lives;

static mcp_event_status make_life(void* factory, void** data) {
  lives* const self = factory;
  if (++self->made.calls == self->failing) {
    return MCP_EVENT_UNAVAILABLE;
  }
  *data = &self->made;
  return MCP_EVENT_OK;
}

static mcp_event_status handle_in_life(void* data, mcp_event_message* message,
                                       mcp_event_actor_context* context) {
  order* const given = message->data;
  CHECK(data != NULL);
  return given->run == NULL ? MCP_EVENT_OK : given->run(given, context);
}

static void drop_factory(void* factory) { ++((lives*)factory)->factory.drops; }

static mcp_event_actor_behaviour of_many_lives(lives* factory) {
  return (mcp_event_actor_behaviour){.size = sizeof(mcp_event_actor_behaviour),
                                     .create = make_life,
                                     .factory = factory,
                                     .drop_factory = drop_factory,
                                     .drop = count_drop,
                                     .handle = handle_in_life};
}

static mcp_event_status fail_with_words(order* self, mcp_event_actor_context* context) {
  CHECK_OK(mcp_event_actor_context_fail(context, self->data));
  return MCP_EVENT_OK;
}

static mcp_event_status fail_with_a_status(order* self, mcp_event_actor_context* context) {
  (void)self, (void)context;
  return MCP_EVENT_UNAVAILABLE;
}

static mcp_event_status fail_as_a_call_did(order* self, mcp_event_actor_context* context) {
  (void)self, (void)context;
  return mcp_event_actor_stop(NULL);
}

// How actors failed, in order.
typedef struct history {
  char text[2000];
} history;

static void record(void* data, const mcp_event_actor_event* happened) {
  history* const told = data;
  CHECK(happened->actor != 0);
  if (happened->kind == MCP_EVENT_DEAD_LETTER) {
    return;
  }
  strcat(told->text, happened->kind == MCP_EVENT_ACTOR_GIVEN_UP ? "given up: " : "failed: ");
  strcat(told->text, happened->reason->text);
  strcat(told->text, happened->restarts ? "; again\n" : "; ended\n");
}

static void a_failure_ends_a_life_and_the_next_one_begins(void) {
  history told = {{0}};
  lives factory = {.failing = 0};
  const mcp_event_actor_system_options system_options = {
      .size = sizeof system_options, .workers = 1, .on_event = {.call = record, .data = &told}};
  mcp_event_actor_system* system = NULL;
  CHECK_OK(mcp_event_actor_system_create(&system_options, &system));
  const mcp_event_actor_behaviour behaviour = of_many_lives(&factory);
  const mcp_event_actor_options options = {.size = sizeof options,
                                           .restart = MCP_EVENT_RESTART_TRANSIENT,
                                           .intensity = {.window_us = 60000000, .max_restarts = 3}};
  mcp_event_actor* const actor = new_actor(system, &behaviour, &options);
  char words[] = "no store";
  order orders[] = {{.run = fail_with_words, .data = words},
                    {.run = fail_with_a_status},
                    {.run = fail_as_a_call_did},
                    {.run = fail_with_words, .data = words}};
  for (size_t i = 0; i < COUNT_OF(orders); ++i) {
    tell(actor, &orders[i]);
  }
  CHECK(await_end(actor) == MCP_EVENT_REASON_ERROR);
  end_system(system);
  CHECK(strstr(told.text,
               "failed: it failed: no store; again\n"
               "failed: it failed: a callback returned: unavailable; again\n"
               "failed: it failed: the actor is null; again\n"
               "failed: it failed: no store; ended\n"
               "given up: it failed: no store; ended\n") == told.text);
  CHECK(factory.made.calls == 4 && factory.made.drops == 4 && factory.factory.drops == 1);
  for (size_t i = 0; i < COUNT_OF(orders); ++i) {
    CHECK(orders[i].drops == 1);
  }
}

static void a_life_that_cannot_be_made_is_a_failure(void) {
  lives factory = {.failing = 1};
  order given = {0};
  mcp_event_actor_system* const system = new_system(1);
  const mcp_event_actor_behaviour behaviour = of_many_lives(&factory);
  mcp_event_actor* const actor = new_actor(system, &behaviour, NULL);
  // It waits for the second life.
  run_there(actor, &given);
  CHECK_OK(mcp_event_actor_destroy(actor));
  end_system(system);
  CHECK(factory.made.calls == 2 && factory.made.drops == 1 && factory.factory.drops == 1);
}

static mcp_event_status stop_itself(order* self, mcp_event_actor_context* context) {
  (void)self;
  return mcp_event_actor_context_stop(context);
}

static void restarts_are_as_told(void) {
  mcp_event_actor_system* const system = new_system(1);
  char words[] = "once";
  // Stopped by itself, a permanent actor comes back.
  lives permanent = {.failing = 0};
  const mcp_event_actor_behaviour of_permanent = of_many_lives(&permanent);
  const mcp_event_actor_options always = {.size = sizeof always, .restart = MCP_EVENT_RESTART_PERMANENT};
  mcp_event_actor* actor = new_actor(system, &of_permanent, &always);
  order stop = {.run = stop_itself}, nothing = {0};
  tell(actor, &stop);
  run_there(actor, &nothing);
  CHECK(permanent.made.calls == 2);
  CHECK_OK(mcp_event_actor_destroy(actor));
  // A temporary one does not, even after a failure.
  lives temporary = {.failing = 0};
  const mcp_event_actor_behaviour of_temporary = of_many_lives(&temporary);
  const mcp_event_actor_options never = {.size = sizeof never, .restart = MCP_EVENT_RESTART_TEMPORARY};
  actor = new_actor(system, &of_temporary, &never);
  order fail = {.run = fail_with_words, .data = words};
  tell(actor, &fail);
  CHECK(await_end(actor) == MCP_EVENT_REASON_ERROR);
  CHECK(temporary.made.calls == 1);
  // Nor, by default, one that stopped itself.
  lives transient = {.failing = 0};
  const mcp_event_actor_behaviour of_transient = of_many_lives(&transient);
  const mcp_event_actor_options usual = {.size = sizeof usual, .restart = MCP_EVENT_RESTART_DEFAULT};
  actor = new_actor(system, &of_transient, &usual);
  order stop_again = {.run = stop_itself};
  tell(actor, &stop_again);
  CHECK(await_end(actor) == MCP_EVENT_REASON_NORMAL);
  CHECK(transient.made.calls == 1);
  end_system(system);
}

void actor_suite(void) {
  messages_are_handled_in_order_and_dropped_once();
  a_handler_may_take_the_data_over();
  what_is_refused_stays_the_callers();
  a_loop_does_not_wait_for_room();
  a_stop_now_drops_what_is_queued();
  names_are_unique_and_found();
  a_failure_ends_a_life_and_the_next_one_begins();
  a_life_that_cannot_be_made_is_a_failure();
  restarts_are_as_told();
}
