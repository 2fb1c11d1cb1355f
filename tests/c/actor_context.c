// What an actor may do while one of its callbacks runs.

#include <string.h>

#include "actor_support.h"
#include "suites.h"

// An actor whose callbacks are noted, and who does as its orders say.
typedef struct noted {
  event stopped;
  atomic_int started;
  atomic_int stopping;
  atomic_int signals;
  mcp_event_actor_reason_kind end;
  mcp_event_status (*on_started)(mcp_event_actor_context* context);
  mcp_event_status (*on_stopping)(mcp_event_actor_context* context);
  mcp_event_status (*on_signal)(mcp_event_actor_context* context);
  mcp_event_actor_signal last;
  mcp_event_actor_reason_kind last_reason;
  char reason[200];
  event* signalled;
} noted;

static mcp_event_status obey(void* data, mcp_event_message* message, mcp_event_actor_context* context) {
  order* const given = message->data;
  (void)data;
  return given->run == NULL ? MCP_EVENT_OK : given->run(given, context);
}

static mcp_event_status note_started(void* data, mcp_event_actor_context* context) {
  noted* const self = data;
  ++self->started;
  return self->on_started == NULL ? MCP_EVENT_OK : self->on_started(context);
}

static mcp_event_status note_stopping(void* data, mcp_event_actor_context* context) {
  noted* const self = data;
  ++self->stopping;
  return self->on_stopping == NULL ? MCP_EVENT_OK : self->on_stopping(context);
}

static void note_stopped(void* data, const mcp_event_actor_reason* reason) {
  noted* const self = data;
  self->end = reason->kind;
  set_event(&self->stopped);
}

static mcp_event_status note_signal(void* data, const mcp_event_actor_signal* signal,
                                    mcp_event_actor_context* context) {
  noted* const self = data;
  self->last = *signal;
  self->last_reason = signal->reason->kind;
  CHECK(signal->reason->is_failure == (signal->reason->kind == MCP_EVENT_REASON_ERROR));
  CHECK(strlen(signal->reason->text) < sizeof self->reason);
  strcpy(self->reason, signal->reason->text);
  ++self->signals;
  if (self->signalled != NULL) {
    set_event(self->signalled);
  }
  return self->on_signal == NULL ? MCP_EVENT_OK : self->on_signal(context);
}

static mcp_event_actor_behaviour noting(noted* self) {
  return (mcp_event_actor_behaviour){.size = sizeof(mcp_event_actor_behaviour),
                                     .data = self,
                                     .handle = obey,
                                     .started = note_started,
                                     .stopping = note_stopping,
                                     .stopped = note_stopped,
                                     .signal = note_signal};
}

static mcp_event_status stop(order* self, mcp_event_actor_context* context) {
  (void)self;
  return mcp_event_actor_context_stop(context);
}

static void callbacks_come_in_their_order(void) {
  noted self = {0};
  make_event(&self.stopped);
  mcp_event_actor_system* const system = new_system(1);
  const mcp_event_actor_behaviour behaviour = noting(&self);
  mcp_event_actor* const actor = new_actor(system, &behaviour, NULL);
  order given = {.run = stop};
  tell(actor, &given);
  await_event(&self.stopped);
  CHECK(self.started == 1 && self.stopping == 1 && self.end == MCP_EVENT_REASON_NORMAL);
  CHECK(await_end(actor) == MCP_EVENT_REASON_NORMAL);
  end_system(system);
}

static mcp_event_status finish_at_once(mcp_event_actor_context* context) {
  CHECK_OK(mcp_event_actor_context_finish_later(context));
  return mcp_event_actor_context_finish(context);
}

static mcp_event_status never_finish(mcp_event_actor_context* context) {
  return mcp_event_actor_context_finish_later(context);
}

static void a_stop_may_take_its_time(void) {
  noted self = {.on_stopping = finish_at_once};
  make_event(&self.stopped);
  mcp_event_actor_system* const system = new_system(1);
  mcp_event_actor_behaviour behaviour = noting(&self);
  mcp_event_actor* actor = new_actor(system, &behaviour, NULL);
  CHECK_OK(mcp_event_actor_stop(actor));
  await_event(&self.stopped);
  CHECK(await_end(actor) == MCP_EVENT_REASON_STOPPED);
  // Not for ever.
  noted slow = {.on_stopping = never_finish};
  behaviour = noting(&slow);
  const mcp_event_actor_options options = {.size = sizeof options, .stop_limit_us = 1000};
  actor = new_actor(system, &behaviour, &options);
  CHECK_OK(mcp_event_actor_stop(actor));
  CHECK(await_end(actor) == MCP_EVENT_REASON_CUT_OFF);
  end_system(system);
}

static mcp_event_status keep_context(order* self, mcp_event_actor_context* context) {
  *(mcp_event_actor_context**)self->data = context;
  return MCP_EVENT_OK;
}

static mcp_event_status use_kept_context(order* self, mcp_event_actor_context* context) {
  mcp_event_actor_context* const kept = *(mcp_event_actor_context**)self->data;
  CHECK(kept != context);
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_actor_context_stop(kept));
  return MCP_EVENT_OK;
}

static void a_context_is_valid_in_its_callback_alone(void) {
  mcp_event_actor_context* kept = NULL;
  mcp_event_actor_system* const system = new_system(2);
  mcp_event_actor* const one = new_obedient(system, NULL);
  mcp_event_actor* const other = new_obedient(system, NULL);
  order keep = {.run = keep_context, .data = &kept};
  run_there(one, &keep);
  CHECK(kept != NULL);
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_actor_context_stop(kept));
  order use = {.run = use_kept_context, .data = &kept};
  run_there(one, &use);
  order use_elsewhere = {.run = use_kept_context, .data = &kept};
  run_there(other, &use_elsewhere);
  CHECK_OK(mcp_event_actor_destroy(one));
  CHECK_OK(mcp_event_actor_destroy(other));
  end_system(system);
}

// What an actor found out about itself.
typedef struct self_knowledge {
  mcp_event_actor* actor;
  mcp_event_dispatcher* dispatcher;
  mcp_event_actor* found;
  bool on_its_thread;
} self_knowledge;

static mcp_event_status learn(order* self, mcp_event_actor_context* context) {
  self_knowledge* const known = self->data;
  CHECK_OK(mcp_event_actor_context_actor(context, &known->actor));
  CHECK_OK(mcp_event_actor_context_dispatcher(context, &known->dispatcher));
  CHECK_OK(mcp_event_dispatcher_is_thread_safe(known->dispatcher, &known->on_its_thread));
  CHECK_OK(mcp_event_actor_context_find(context, "somebody", NULL, &known->found));
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_actor_context_find(context, "nobody", NULL, &known->found));
  return MCP_EVENT_OK;
}

static void an_actor_knows_itself_and_its_dispatcher(void) {
  self_knowledge known = {0};
  mcp_event_actor_system* const system = new_system(2);
  const mcp_event_actor_behaviour behaviour = obedient(NULL);
  const mcp_event_actor_options options = {
      .size = sizeof options, .name = "somebody", .placement = MCP_EVENT_PLACE_ON_WORKER, .worker = 1};
  mcp_event_actor* const actor = new_actor(system, &behaviour, &options);
  order given = {.run = learn, .data = &known};
  run_there(actor, &given);
  mcp_event_dispatcher* second = NULL;
  CHECK_OK(mcp_event_actor_system_dispatcher(system, 1, &second));
  CHECK(known.dispatcher == second && known.on_its_thread);
  CHECK(id_of(known.actor) == id_of(actor) && id_of(known.found) == id_of(actor));
  CHECK_OK(mcp_event_actor_destroy(known.found));
  CHECK_OK(mcp_event_actor_destroy(known.actor));
  CHECK_OK(mcp_event_actor_destroy(actor));
  end_system(system);
}

static mcp_event_actor* child;

static mcp_event_status bear(order* self, mcp_event_actor_context* context) {
  const mcp_event_actor_behaviour behaviour = obedient(self->data);
  const mcp_event_actor_options options = {
      .size = sizeof options, .name = "child", .placement = MCP_EVENT_PLACE_WITH_PARENT};
  CHECK_OK(mcp_event_actor_context_create_child(context, &behaviour, &options, &child));
  mcp_event_actor* twin = NULL;
  CHECK_STATUS(MCP_EVENT_NAME_TAKEN,
               mcp_event_actor_context_create_child(context, &behaviour, &options, &twin));
  return MCP_EVENT_OK;
}

static mcp_event_status fail(order* self, mcp_event_actor_context* context) {
  return mcp_event_actor_context_fail(context, self->data == NULL ? "as told" : self->data);
}

static void children_end_with_their_parents(void) {
  tally counts = {0};
  mcp_event_actor_system* const system = new_system(1);
  mcp_event_actor* const parent = new_obedient(system, NULL);
  order given = {.run = bear, .data = &counts}, nothing = {0};
  run_there(parent, &given);
  run_there(child, &nothing);
  CHECK(counts.calls == 1 && counts.drops == 0);
  order failing = {.run = fail};
  tell(parent, &failing);
  CHECK(await_end(parent) == MCP_EVENT_REASON_ERROR);
  CHECK(counts.drops == 1);
  CHECK(await_end(child) == MCP_EVENT_REASON_STOPPED);
  end_system(system);
}

// Timers, on a loop in simulated time that this thread runs.

typedef struct timed {
  mcp_event_dispatcher* dispatcher;
  mcp_event_clock* clock;
  mcp_event_actor_system* system;
  mcp_event_actor* actor;
} timed;

static timed new_timed(mcp_event_actor_behaviour behaviour) {
  timed made = {0};
  made.dispatcher = new_simulated(&made.clock);
  mcp_event_dispatcher* const dispatchers[] = {made.dispatcher};
  const mcp_event_actor_system_options options = {
      .size = sizeof options, .dispatchers = dispatchers, .dispatcher_count = 1};
  CHECK_OK(mcp_event_actor_system_create(&options, &made.system));
  made.actor = new_actor(made.system, &behaviour, NULL);
  return made;
}

static void give(timed* of, order* given) {
  tell(of->actor, given);
  run_now(of->dispatcher);
}

static void pass_us(timed* of, int64_t microseconds) {
  advance_us(of->clock, microseconds);
  run_now(of->dispatcher);
}

static void end_timed(timed* of) {
  bool stopped = false;
  CHECK_OK(mcp_event_actor_system_begin_stop(of->system));
  run_now(of->dispatcher);
  CHECK_OK(mcp_event_actor_system_wait_stopped(of->system, 0, &stopped));
  CHECK(stopped);
  CHECK_OK(mcp_event_actor_destroy(of->actor));
  CHECK_OK(mcp_event_actor_system_destroy(of->system));
  CHECK_OK(mcp_event_dispatcher_destroy(of->dispatcher));
  CHECK_OK(mcp_event_clock_destroy(of->clock));
}

typedef struct plan {
  order later;
  order* made;
  uint64_t timer;
  tally source;
  bool ended;
} plan;

static mcp_event_status send_later(order* self, mcp_event_actor_context* context) {
  plan* const of = self->data;
  CHECK_OK(mcp_event_actor_context_after_us(context, 1000, message_of(&of->later), &of->timer));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_actor_context_after_us(context, -1, message_of(&of->later), &of->timer));
  return MCP_EVENT_OK;
}

static mcp_event_status cancel(order* self, mcp_event_actor_context* context) {
  plan* const of = self->data;
  CHECK_OK(mcp_event_actor_context_cancel(context, of->timer, &of->ended));
  return MCP_EVENT_OK;
}

static mcp_event_status count(order* self, mcp_event_actor_context* context) {
  (void)context;
  ++*(int*)self->data;
  return MCP_EVENT_OK;
}

static void a_delayed_message_comes_once(void) {
  int calls = 0;
  timed of = new_timed(obedient(NULL));
  plan first = {.later = {.run = count, .data = &calls}};
  order begin = {.run = send_later, .data = &first};
  give(&of, &begin);
  pass_us(&of, 999);
  CHECK(calls == 0);
  pass_us(&of, 1);
  CHECK(calls == 1 && first.later.drops == 1);
  pass_us(&of, 5000);
  CHECK(calls == 1);
  order too_late = {.run = cancel, .data = &first};
  give(&of, &too_late);
  CHECK(!first.ended);

  plan second = {.later = {.run = count, .data = &calls}};
  order again = {.run = send_later, .data = &second}, end = {.run = cancel, .data = &second};
  give(&of, &again);
  give(&of, &end);
  CHECK(second.ended && second.later.drops == 1);
  pass_us(&of, 5000);
  CHECK(calls == 1);

  // It ends with the life.
  plan third = {.later = {.run = count, .data = &calls}};
  order last = {.run = send_later, .data = &third};
  give(&of, &last);
  end_timed(&of);
  CHECK(calls == 1 && third.later.drops == 1);
}

static void make_message(void* data, mcp_event_message* message) {
  plan* const of = data;
  ++of->source.calls;
  CHECK(message->data == NULL && message->size == 0 && message->drop == NULL);
  *message = message_of(&of->later);
}

static void drop_source(void* data) { ++((plan*)data)->source.drops; }

static mcp_event_status begin_ticks(order* self, mcp_event_actor_context* context) {
  plan* const of = self->data;
  mcp_event_message_source source = {.call = make_message, .data = of, .drop = drop_source};
  CHECK_OK(mcp_event_actor_context_every_us(context, 1000, source, &of->timer));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_actor_context_every_us(context, 0, source, &of->timer));
  source.call = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_actor_context_every_us(context, 1, source, &of->timer));
  return MCP_EVENT_OK;
}

static void periodic_messages_come_until_they_are_cancelled(void) {
  int calls = 0;
  timed of = new_timed(obedient(NULL));
  plan ticks = {.later = {.run = count, .data = &calls}};
  order begin = {.run = begin_ticks, .data = &ticks}, end = {.run = cancel, .data = &ticks};
  give(&of, &begin);
  for (int i = 1; i <= 3; ++i) {
    pass_us(&of, 1000);
    CHECK(calls == i);
  }
  give(&of, &end);
  CHECK(ticks.ended && ticks.source.drops == 1);
  pass_us(&of, 5000);
  CHECK(calls == 3 && ticks.source.calls == 3 && ticks.later.drops == 3);
  end_timed(&of);
}

// What the drop of a message finds when the context is in use.
static mcp_event_actor_context* cancelling;

static void misuse_context(void* data) {
  ++((tally*)data)->drops;
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_actor_context_stop(cancelling));
}

static mcp_event_status send_and_cancel(order* self, mcp_event_actor_context* context) {
  uint64_t timer = 0;
  bool ended = false;
  cancelling = context;
  const mcp_event_message message = {.data = self->data, .drop = misuse_context};
  CHECK_OK(mcp_event_actor_context_after_us(context, 1000, message, &timer));
  CHECK_OK(mcp_event_actor_context_cancel(context, timer, &ended));
  CHECK(ended);
  return MCP_EVENT_OK;
}

static void a_drop_function_cannot_use_the_context(void) {
  tally counts = {0};
  timed of = new_timed(obedient(NULL));
  order given = {.run = send_and_cancel, .data = &counts};
  give(&of, &given);
  CHECK(counts.drops == 1);
  end_timed(&of);
}

// Monitors and links.

static mcp_event_status watch(order* self, mcp_event_actor_context* context) {
  return mcp_event_actor_context_monitor(context, self->data);
}

static mcp_event_status tie(order* self, mcp_event_actor_context* context) {
  return mcp_event_actor_context_link(context, self->data);
}

static mcp_event_status untie(order* self, mcp_event_actor_context* context) {
  return mcp_event_actor_context_unlink(context, self->data);
}

static mcp_event_status pass_on(mcp_event_actor_context* context) {
  return mcp_event_actor_context_pass_on(context);
}

static void a_monitor_is_told_once(void) {
  noted self = {0};
  event signalled;
  make_event(&signalled);
  make_event(&self.stopped);
  self.signalled = &signalled;
  mcp_event_actor_system* const system = new_system(2);
  const mcp_event_actor_behaviour behaviour = noting(&self);
  mcp_event_actor* const watcher = new_actor(system, &behaviour, NULL);
  mcp_event_actor* const target = new_obedient(system, NULL);
  const uint64_t id = id_of(target);
  order watching = {.run = watch, .data = target}, failing = {.run = fail};
  run_there(watcher, &watching);
  tell(target, &failing);
  await_event(&signalled);
  CHECK(self.signals == 1 && self.last.kind == MCP_EVENT_SIGNAL_DOWN && self.last.actor == id);
  CHECK(!self.last.restarts && strstr(self.reason, "as told") != NULL);
  // It ended before it was watched.
  make_event(&signalled);
  order again = {.run = watch, .data = target};
  run_there(watcher, &again);
  await_event(&signalled);
  CHECK(self.signals == 2 && self.last_reason == MCP_EVENT_REASON_GONE);
  CHECK(await_end(target) == MCP_EVENT_REASON_ERROR);
  CHECK_OK(mcp_event_actor_stop(watcher));
  await_event(&self.stopped);
  CHECK_OK(mcp_event_actor_destroy(watcher));
  end_system(system);
}

static mcp_event_actor_reason_kind end_of_one_linked_to_a_failure(mcp_event_actor_behaviour behaviour,
                                                                  bool unlinked, event* signalled) {
  mcp_event_actor_system* const system = new_system(2);
  mcp_event_actor* const one = new_actor(system, &behaviour, NULL);
  mcp_event_actor* const other = new_obedient(system, NULL);
  order linking = {.run = tie, .data = other}, parting = {.run = untie, .data = other};
  order failing = {.run = fail}, nothing = {0};
  run_there(one, &linking);
  if (unlinked) {
    run_there(one, &parting);
  }
  tell(other, &failing);
  CHECK(await_end(other) == MCP_EVENT_REASON_ERROR);
  if (signalled != NULL) {
    await_event(signalled);
  }
  if (unlinked || signalled != NULL) {
    run_there(one, &nothing);
    CHECK_OK(mcp_event_actor_stop(one));
  }
  const mcp_event_actor_reason_kind kind = await_end(one);
  end_system(system);
  return kind;
}

static void those_linked_fail_together_unless_they_say_otherwise(void) {
  CHECK(end_of_one_linked_to_a_failure(obedient(NULL), false, NULL) == MCP_EVENT_REASON_LINKED);
  CHECK(end_of_one_linked_to_a_failure(obedient(NULL), true, NULL) == MCP_EVENT_REASON_STOPPED);
  noted passing = {.on_signal = pass_on};
  CHECK(end_of_one_linked_to_a_failure(noting(&passing), false, NULL) == MCP_EVENT_REASON_LINKED);
  const mcp_event_actor_signal_kind kind = passing.last.kind;
  CHECK(passing.signals == 1 && kind == MCP_EVENT_SIGNAL_LINK_FAILED);
  event signalled;
  make_event(&signalled);
  noted bearing = {.signalled = &signalled};
  make_event(&bearing.stopped);
  CHECK(end_of_one_linked_to_a_failure(noting(&bearing), false, &signalled) == MCP_EVENT_REASON_STOPPED);
  await_event(&bearing.stopped);
}

static void null_contexts(void) {
  mcp_event_actor* actor = NULL;
  mcp_event_dispatcher* dispatcher = NULL;
  mcp_event_reply* reply = NULL;
  uint64_t timer = 0;
  bool flag = false;
  const mcp_event_message message = {0};
  const mcp_event_message_source source = {.call = make_message};
  const mcp_event_actor_behaviour behaviour = obedient(NULL);
  const mcp_event_status statuses[] = {
      mcp_event_actor_context_actor(NULL, &actor),
      mcp_event_actor_context_dispatcher(NULL, &dispatcher),
      mcp_event_actor_context_find(NULL, "x", NULL, &actor),
      mcp_event_actor_context_create_child(NULL, &behaviour, NULL, &actor),
      mcp_event_actor_context_take_reply(NULL, &reply),
      mcp_event_actor_context_stop(NULL),
      mcp_event_actor_context_fail(NULL, "x"),
      mcp_event_actor_context_pass_on(NULL),
      mcp_event_actor_context_finish_later(NULL),
      mcp_event_actor_context_finish(NULL),
      mcp_event_actor_context_after_us(NULL, 1, message, &timer),
      mcp_event_actor_context_every_us(NULL, 1, source, &timer),
      mcp_event_actor_context_cancel(NULL, 1, &flag),
      mcp_event_actor_context_monitor(NULL, NULL),
      mcp_event_actor_context_link(NULL, NULL),
      mcp_event_actor_context_unlink(NULL, NULL),
  };
  for (size_t i = 0; i < COUNT_OF(statuses); ++i) {
    CHECK(statuses[i] == MCP_EVENT_NULL_ARGUMENT);
  }
}

static mcp_event_status pass_nulls(order* self, mcp_event_actor_context* context) {
  const mcp_event_message message = {0};
  const mcp_event_message_source source = {.call = make_message};
  const mcp_event_actor_behaviour behaviour = obedient(NULL);
  (void)self;
  const mcp_event_status statuses[] = {
      mcp_event_actor_context_actor(context, NULL),
      mcp_event_actor_context_dispatcher(context, NULL),
      mcp_event_actor_context_find(context, "x", NULL, NULL),
      mcp_event_actor_context_create_child(context, &behaviour, NULL, NULL),
      mcp_event_actor_context_take_reply(context, NULL),
      mcp_event_actor_context_fail(context, NULL),
      mcp_event_actor_context_after_us(context, 1, message, NULL),
      mcp_event_actor_context_every_us(context, 1, source, NULL),
      mcp_event_actor_context_cancel(context, 1, NULL),
      mcp_event_actor_context_monitor(context, NULL),
      mcp_event_actor_context_link(context, NULL),
      mcp_event_actor_context_unlink(context, NULL),
  };
  for (size_t i = 0; i < COUNT_OF(statuses); ++i) {
    CHECK(statuses[i] == MCP_EVENT_NULL_ARGUMENT);
  }
  return MCP_EVENT_OK;
}

static void null_arguments_of_contexts(void) {
  timed of = new_timed(obedient(NULL));
  order given = {.run = pass_nulls};
  give(&of, &given);
  CHECK(given.drops == 1 && state_of(of.actor) == MCP_EVENT_ACTOR_RUNNING);
  end_timed(&of);
}

void actor_context_suite(void) {
  callbacks_come_in_their_order();
  a_stop_may_take_its_time();
  a_context_is_valid_in_its_callback_alone();
  an_actor_knows_itself_and_its_dispatcher();
  children_end_with_their_parents();
  a_delayed_message_comes_once();
  periodic_messages_come_until_they_are_cancelled();
  a_drop_function_cannot_use_the_context();
  a_monitor_is_told_once();
  those_linked_fail_together_unless_they_say_otherwise();
  null_contexts();
  null_arguments_of_contexts();
}
