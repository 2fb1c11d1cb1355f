#include "actor_support.h"

void make_event(event* made) { CHECK(sem_init(&made->semaphore, 0, 0) == 0); }

void set_event(event* happened) { CHECK(sem_post(&happened->semaphore) == 0); }

void await_event(event* awaited) {
  CHECK(sem_wait(&awaited->semaphore) == 0);
  CHECK(sem_destroy(&awaited->semaphore) == 0);
}

mcp_event_actor_system* new_system(size_t workers) {
  const mcp_event_actor_system_options options = {.size = sizeof options, .workers = workers};
  mcp_event_actor_system* system = NULL;
  CHECK_OK(mcp_event_actor_system_create(&options, &system));
  return system;
}

void end_system(mcp_event_actor_system* system) {
  CHECK_OK(mcp_event_actor_system_stop(system));
  CHECK_OK(mcp_event_actor_system_destroy(system));
}

static void drop_order(void* data) {
  order* const given = data;
  event* const done = given->done;
  ++given->drops;
  if (done != NULL) {
    set_event(done);
  }
}

mcp_event_message message_of(order* given) {
  return (mcp_event_message){.data = given, .size = sizeof *given, .drop = drop_order};
}

static mcp_event_status obey(void* data, mcp_event_message* message, mcp_event_actor_context* context) {
  tally* const counts = data;
  order* const given = message->data;
  CHECK(message->size == sizeof *given);
  if (counts != NULL) {
    ++counts->calls;
  }
  return given->run == NULL ? MCP_EVENT_OK : given->run(given, context);
}

mcp_event_actor_behaviour obedient(tally* counts) {
  return (mcp_event_actor_behaviour){.size = sizeof(mcp_event_actor_behaviour),
                                     .data = counts,
                                     .drop = counts == NULL ? NULL : count_drop,
                                     .handle = obey};
}

mcp_event_actor* new_actor(mcp_event_actor_system* system, const mcp_event_actor_behaviour* behaviour,
                           const mcp_event_actor_options* options) {
  mcp_event_actor* actor = NULL;
  CHECK_OK(mcp_event_actor_create(system, behaviour, options, &actor));
  CHECK(actor != NULL);
  return actor;
}

mcp_event_actor* new_obedient(mcp_event_actor_system* system, tally* counts) {
  const mcp_event_actor_behaviour behaviour = obedient(counts);
  return new_actor(system, &behaviour, NULL);
}

void tell(mcp_event_actor* actor, order* given) { CHECK_OK(mcp_event_actor_tell(actor, message_of(given))); }

void run_there(mcp_event_actor* actor, order* given) {
  event done;
  make_event(&done);
  given->done = &done;
  tell(actor, given);
  await_event(&done);
}

typedef struct ending {
  event ended;
  mcp_event_actor_reason_kind kind;
} ending;

static void note_end(void* data, const mcp_event_actor_reason* reason) {
  ((ending*)data)->kind = reason->kind;
}

static void ended(void* data) { set_event(&((ending*)data)->ended); }

mcp_event_actor_reason_kind await_end(mcp_event_actor* actor) {
  ending noted = {0};
  make_event(&noted.ended);
  CHECK_OK(mcp_event_actor_when_ended(
      actor, (mcp_event_ended_closure){.call = note_end, .data = &noted, .drop = ended}));
  await_event(&noted.ended);
  CHECK_OK(mcp_event_actor_destroy(actor));
  return noted.kind;
}

uint64_t id_of(const mcp_event_actor* actor) {
  uint64_t id = 0;
  CHECK_OK(mcp_event_actor_id(actor, &id));
  return id;
}

mcp_event_actor_state state_of(const mcp_event_actor* actor) {
  mcp_event_actor_state state = MCP_EVENT_ACTOR_STARTING;
  CHECK_OK(mcp_event_actor_get_state(actor, &state));
  return state;
}
