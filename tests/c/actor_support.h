// What the suites of actors share: one that does as the test says, and messages that count.
#ifndef MCP_EVENT_TESTS_C_ACTOR_SUPPORT_H
#define MCP_EVENT_TESTS_C_ACTOR_SUPPORT_H

#include <semaphore.h>

#include "support.h"

// Something that happens once, on another thread.
typedef struct event {
  sem_t semaphore;
} event;

void make_event(event* made);
void set_event(event* happened);
// Waits for it, and frees it.
void await_event(event* awaited);

mcp_event_actor_system* new_system(size_t workers);
void end_system(mcp_event_actor_system* system);

// What an actor is told to do; its message is a pointer to one.
typedef struct order {
  mcp_event_status (*run)(struct order* self, mcp_event_actor_context* context);
  void* data;
  // How often it was dropped as a message; and who is told, unless null.
  atomic_int drops;
  event* done;
} order;

// A message that counts its end.
mcp_event_message message_of(order* given);

// An actor that runs the orders it is sent; counts the ends of its data.
mcp_event_actor_behaviour obedient(tally* counts);
mcp_event_actor* new_actor(mcp_event_actor_system* system, const mcp_event_actor_behaviour* behaviour,
                           const mcp_event_actor_options* options);
mcp_event_actor* new_obedient(mcp_event_actor_system* system, tally* counts);
void tell(mcp_event_actor* actor, order* given);
// Has the actor run the order, and waits until it was dropped.
void run_there(mcp_event_actor* actor, order* given);
// Waits until the actor has ended, destroys the handle, and gives the reason.
mcp_event_actor_reason_kind await_end(mcp_event_actor* actor);
uint64_t id_of(const mcp_event_actor* actor);
mcp_event_actor_state state_of(const mcp_event_actor* actor);

#endif  // MCP_EVENT_TESTS_C_ACTOR_SUPPORT_H
