// Requests: their outcome comes exactly once, and everything is dropped exactly once.

#include <string.h>

#include "actor_support.h"
#include "suites.h"

// One who asked.
typedef struct asker {
  tally counts;
  mcp_event_status outcome;
  order* reply;
} asker;

static void settle(void* data, mcp_event_status outcome, mcp_event_message* reply) {
  asker* const self = data;
  ++self->counts.calls;
  self->outcome = outcome;
  CHECK((reply != NULL) == (outcome == MCP_EVENT_OK));
  self->reply = reply == NULL ? NULL : reply->data;
}

static void drop_asker(void* data) { ++((asker*)data)->counts.drops; }

static mcp_event_reply_closure to(asker* self) {
  return (mcp_event_reply_closure){.call = settle, .data = self, .drop = drop_asker};
}

// An actor, and one who asks it, on one loop in simulated time that this thread runs.
typedef struct scene {
  mcp_event_dispatcher* dispatcher;
  mcp_event_clock* clock;
  mcp_event_actor_system* system;
  mcp_event_actor* actor;
} scene;

static scene new_scene(uint32_t mailbox_bound) {
  scene made = {0};
  made.dispatcher = new_simulated(&made.clock);
  mcp_event_dispatcher* const dispatchers[] = {made.dispatcher};
  const mcp_event_actor_system_options options = {
      .size = sizeof options, .dispatchers = dispatchers, .dispatcher_count = 1};
  CHECK_OK(mcp_event_actor_system_create(&options, &made.system));
  const mcp_event_actor_behaviour behaviour = obedient(NULL);
  const mcp_event_actor_options bounded = {.size = sizeof bounded, .mailbox_bound = mailbox_bound};
  made.actor = new_actor(made.system, &behaviour, &bounded);
  run_now(made.dispatcher);
  return made;
}

static void end_scene(scene* of) {
  CHECK_OK(mcp_event_actor_system_begin_stop(of->system));
  run_now(of->dispatcher);
  CHECK_OK(mcp_event_actor_destroy(of->actor));
  CHECK_OK(mcp_event_actor_system_destroy(of->system));
  CHECK_OK(mcp_event_dispatcher_destroy(of->dispatcher));
  CHECK_OK(mcp_event_clock_destroy(of->clock));
}

static void ask(scene* of, order* question, int64_t timeout_us, asker* self) {
  CHECK_OK(mcp_event_actor_ask(of->actor, message_of(question), of->dispatcher, timeout_us, to(self)));
}

static mcp_event_status answer(order* self, mcp_event_actor_context* context) {
  mcp_event_reply* reply = NULL;
  CHECK_OK(mcp_event_actor_context_take_reply(context, &reply));
  mcp_event_reply* second = NULL;
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_actor_context_take_reply(context, &second));
  return mcp_event_reply_send(reply, message_of(self->data));
}

static mcp_event_status keep_reply(order* self, mcp_event_actor_context* context) {
  return mcp_event_actor_context_take_reply(context, self->data);
}

static mcp_event_status say_nothing(order* self, mcp_event_actor_context* context) {
  (void)self, (void)context;
  return MCP_EVENT_OK;
}

static mcp_event_status fail(order* self, mcp_event_actor_context* context) {
  (void)self;
  return mcp_event_actor_context_fail(context, "at a loss");
}

static void a_reply_comes_once(void) {
  scene of = new_scene(0);
  asker self = {{0}, MCP_EVENT_INTERNAL, NULL};
  order reply = {0}, question = {.run = answer, .data = &reply};
  ask(&of, &question, 1000, &self);
  CHECK(self.counts.calls == 0);
  run_now(of.dispatcher);
  CHECK(self.counts.calls == 1 && self.outcome == MCP_EVENT_OK && self.reply == &reply);
  CHECK(self.counts.drops == 1 && reply.drops == 1 && question.drops == 1);
  advance_us(of.clock, 5000);
  run_now(of.dispatcher);
  CHECK(self.counts.calls == 1);
  end_scene(&of);
}

static void a_request_that_is_dropped_has_no_reply(void) {
  scene of = new_scene(0);
  asker silent = {0}, failed = {0};
  order question = {.run = say_nothing}, last = {.run = fail};
  ask(&of, &question, 0, &silent);
  ask(&of, &last, 1000, &failed);
  run_now(of.dispatcher);
  CHECK(silent.counts.calls == 1 && silent.outcome == MCP_EVENT_NO_REPLY && silent.counts.drops == 1);
  CHECK(failed.counts.calls == 1 && failed.outcome == MCP_EVENT_NO_REPLY && failed.counts.drops == 1);
  end_scene(&of);
}

static void a_reply_may_come_too_late(void) {
  scene of = new_scene(0);
  asker self = {0};
  mcp_event_reply* kept = NULL;
  order question = {.run = keep_reply, .data = &kept}, reply = {0};
  ask(&of, &question, 1000, &self);
  run_now(of.dispatcher);
  CHECK(kept != NULL && self.counts.calls == 0);
  advance_us(of.clock, 1000);
  run_now(of.dispatcher);
  CHECK(self.counts.calls == 1 && self.outcome == MCP_EVENT_TIMED_OUT && self.counts.drops == 1);
  CHECK_OK(mcp_event_reply_send(kept, message_of(&reply)));
  run_now(of.dispatcher);
  CHECK(self.counts.calls == 1 && reply.drops == 1);
  end_scene(&of);
}

static void a_refused_request_stays_the_callers(void) {
  scene of = new_scene(1);
  asker self = {0};
  order filling = {0}, question = {.run = answer};
  mcp_event_message reply = {0};
  tell(of.actor, &filling);
  CHECK_STATUS(MCP_EVENT_QUEUE_FULL,
               mcp_event_actor_ask(of.actor, message_of(&question), of.dispatcher, 1, to(&self)));
  CHECK_STATUS(MCP_EVENT_QUEUE_FULL, mcp_event_actor_ask_wait(of.actor, message_of(&question), 1, &reply));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_actor_ask(of.actor, message_of(&question), of.dispatcher, -1, to(&self)));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_actor_ask(of.actor, message_of(&question), of.dispatcher, 1,
                                                            (mcp_event_reply_closure){.data = &self}));
  CHECK_OK(mcp_event_actor_stop(of.actor));
  CHECK_STATUS(MCP_EVENT_CLOSED,
               mcp_event_actor_ask(of.actor, message_of(&question), of.dispatcher, 1, to(&self)));
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_actor_ask_wait(of.actor, message_of(&question), 1, &reply));
  advance_us(of.clock, 1000);
  run_now(of.dispatcher);
  CHECK(self.counts.calls == 0 && self.counts.drops == 0 && question.drops == 0 && reply.data == NULL);
  end_scene(&of);
}

static void no_call_on_a_dispatcher_that_is_shut_down(void) {
  scene of = new_scene(0);
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const gone = new_simulated(&clock);
  asker self = {0};
  order reply = {0}, question = {.run = answer, .data = &reply};
  CHECK_OK(mcp_event_actor_ask(of.actor, message_of(&question), gone, 1000, to(&self)));
  CHECK_OK(mcp_event_dispatcher_shutdown(gone));
  run_now(of.dispatcher);
  CHECK(self.counts.calls == 0 && self.counts.drops == 1 && reply.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(gone));
  CHECK_OK(mcp_event_clock_destroy(clock));
  end_scene(&of);
}

static void replies_of_ones_own(void) {
  scene of = new_scene(0);
  asker answered = {0}, dropped = {0}, late = {0};
  order reply = {0};
  mcp_event_reply* handle = NULL;
  CHECK_OK(mcp_event_reply_create(of.dispatcher, 0, to(&answered), &handle));
  CHECK_OK(mcp_event_reply_send(handle, message_of(&reply)));
  CHECK_OK(mcp_event_reply_create(of.dispatcher, 1000, to(&dropped), &handle));
  CHECK_OK(mcp_event_reply_destroy(handle));
  CHECK_OK(mcp_event_reply_create(of.dispatcher, 1000, to(&late), &handle));
  run_now(of.dispatcher);
  CHECK(answered.counts.calls == 1 && answered.outcome == MCP_EVENT_OK && reply.drops == 1);
  CHECK(dropped.counts.calls == 1 && dropped.outcome == MCP_EVENT_NO_REPLY);
  CHECK(late.counts.calls == 0);
  advance_us(of.clock, 1000);
  run_now(of.dispatcher);
  CHECK(late.counts.calls == 1 && late.outcome == MCP_EVENT_TIMED_OUT);
  CHECK_OK(mcp_event_reply_destroy(handle));
  run_now(of.dispatcher);
  CHECK(late.counts.calls == 1);
  end_scene(&of);
}

static mcp_event_status take_no_reply(order* self, mcp_event_actor_context* context) {
  mcp_event_reply* reply = NULL;
  (void)self;
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_actor_context_take_reply(context, &reply));
  return MCP_EVENT_OK;
}

static mcp_event_status wait_on_loop(order* self, mcp_event_actor_context* context) {
  mcp_event_actor* myself = NULL;
  mcp_event_message reply = {0};
  CHECK_OK(mcp_event_actor_context_actor(context, &myself));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_actor_ask_wait(myself, message_of(self->data), 0, &reply));
  return mcp_event_actor_destroy(myself);
}

static void a_thread_waits_for_its_reply(void) {
  mcp_event_actor_system* const system = new_system(1);
  mcp_event_actor* const actor = new_obedient(system, NULL);
  mcp_event_message reply = {0};
  order given = {0}, question = {.run = answer, .data = &given};
  CHECK_OK(mcp_event_actor_ask_wait(actor, message_of(&question), 0, &reply));
  CHECK(reply.data == &given && reply.size == sizeof given && given.drops == 0);
  reply.drop(reply.data);
  order silent = {.run = say_nothing};
  CHECK_STATUS(MCP_EVENT_NO_REPLY, mcp_event_actor_ask_wait(actor, message_of(&silent), 0, &reply));
  mcp_event_reply* kept = NULL;
  order keeping = {.run = keep_reply, .data = &kept};
  CHECK_STATUS(MCP_EVENT_TIMED_OUT, mcp_event_actor_ask_wait(actor, message_of(&keeping), 1000, &reply));
  order plain = {.run = take_no_reply}, asked = {0}, waiting = {.run = wait_on_loop, .data = &asked};
  run_there(actor, &plain);
  run_there(actor, &waiting);
  CHECK(kept != NULL && asked.drops == 0 && silent.drops == 1 && keeping.drops == 1);
  CHECK_OK(mcp_event_reply_destroy(kept));
  CHECK_OK(mcp_event_actor_destroy(actor));
  end_system(system);
}

static void null_replies(void) {
  scene of = new_scene(0);
  asker self = {0};
  order given = {0};
  mcp_event_reply* reply = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_reply_create(NULL, 0, to(&self), &reply));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_reply_create(of.dispatcher, 0, to(&self), NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_reply_create(of.dispatcher, 0, (mcp_event_reply_closure){.data = &self}, &reply));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_reply_create(of.dispatcher, -1, to(&self), &reply));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_reply_send(NULL, message_of(&given)));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_reply_destroy(NULL));
  CHECK(reply == NULL && self.counts.drops == 0 && given.drops == 0);
  end_scene(&of);
}

void actor_reply_suite(void) {
  a_reply_comes_once();
  a_request_that_is_dropped_has_no_reply();
  a_reply_may_come_too_late();
  a_refused_request_stays_the_callers();
  no_call_on_a_dispatcher_that_is_shut_down();
  replies_of_ones_own();
  a_thread_waits_for_its_reply();
  null_replies();
}
