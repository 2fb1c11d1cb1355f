#include <stdlib.h>
#include <string.h>

#include "suites.h"
#include "support.h"

// What happened, in order: a letter each.
static char story[16];

static void tell(char letter) {
  const size_t length = strlen(story);
  CHECK(length < sizeof story - 1);
  story[length] = letter;
  story[length + 1] = '\0';
}

static void tell_a(void* unused) {
  (void)unused;
  tell('a');
}

static void tell_b(void* unused) {
  (void)unused;
  tell('b');
}

static void tell_dropped(void* unused) {
  (void)unused;
  tell('.');
}

static void p2_p4_in_order_and_each_dropped_right_after_it_ran(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  story[0] = '\0';
  const mcp_event_closure first = {.call = tell_a, .data = NULL, .drop = tell_dropped};
  const mcp_event_closure second = {.call = tell_b, .data = NULL, .drop = tell_dropped};
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, first));
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, second));
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, first));
  CHECK(strcmp(story, "") == 0);
  run_now(dispatcher);
  CHECK(strcmp(story, "a.b.a.") == 0);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

typedef struct chain {
  mcp_event_dispatcher* dispatcher;
  int left;
} chain;

static void post_the_rest(void* data) {
  chain* const self = data;
  if (self->left-- > 0) {
    post(self->dispatcher, post_the_rest, self);
  }
}

static void a_post_may_post(void) {
  chain links = {.dispatcher = new_dispatcher(), .left = 100};
  post(links.dispatcher, post_the_rest, &links);
  run_now(links.dispatcher);
  CHECK(links.left == -1);
  CHECK_OK(mcp_event_dispatcher_destroy(links.dispatcher));
}

static void p9_shutdown_refuses_posts_until_the_next_run(void) {
  tally queued = {0};
  tally refused = {0};
  tally later = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, counting(&queued)));
  CHECK_OK(mcp_event_dispatcher_shutdown(dispatcher));
  CHECK(queued.calls == 0 && queued.drops == 1);
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_dispatcher_post(dispatcher, counting(&refused)));
  CHECK_OK(mcp_event_dispatcher_shutdown(dispatcher));
  CHECK(refused.calls == 0 && refused.drops == 0);
  CHECK(stats_of(dispatcher).posts_refused == 1);

  run_now(dispatcher);
  CHECK_OK(mcp_event_dispatcher_post(dispatcher, counting(&later)));
  run_now(dispatcher);
  CHECK(later.calls == 1 && later.drops == 1);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void p14_a_bound_refuses_instead_of_growing(void) {
  tally counts = {0};
  tally refused = {0};
  mcp_event_dispatcher* dispatcher = NULL;
  const mcp_event_dispatcher_options options = {.size = sizeof options, .queue_bound = 2};
  CHECK_OK(mcp_event_dispatcher_create("bounded", &options, &dispatcher));
  for (int round = 1; round <= 3; ++round) {
    CHECK_OK(mcp_event_dispatcher_post(dispatcher, counting(&counts)));
    CHECK_OK(mcp_event_dispatcher_post(dispatcher, counting(&counts)));
    CHECK(stats_of(dispatcher).queue_depth == 2);
    CHECK_STATUS(MCP_EVENT_QUEUE_FULL, mcp_event_dispatcher_post(dispatcher, counting(&refused)));
    run_now(dispatcher);
    CHECK(counts.calls == 2 * round && counts.drops == 2 * round);
  }
  CHECK(refused.calls == 0 && refused.drops == 0);
  CHECK(stats_of(dispatcher).posts_refused == 3);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

enum { PRODUCERS = 4, POSTS_EACH = 1000 };

typedef struct producer {
  mcp_event_dispatcher* dispatcher;
  atomic_int* done;
  // What the loop has seen of it.
  int seen;
} producer;

typedef struct message {
  producer* from;
  int number;
} message;

static void receive(void* data) {
  const message* const self = data;
  CHECK(self->number == self->from->seen);
  ++self->from->seen;
  if (self->number == POSTS_EACH - 1 && ++*self->from->done == PRODUCERS) {
    exit_loop(self->from->dispatcher);
  }
}

static void produce(void* data) {
  producer* const self = data;
  for (int i = 0; i < POSTS_EACH; ++i) {
    message* const sent = malloc(sizeof *sent);
    CHECK(sent != NULL);
    *sent = (message){.from = self, .number = i};
    const mcp_event_closure closure = {.call = receive, .data = sent, .drop = free};
    CHECK_OK(mcp_event_dispatcher_post(self->dispatcher, closure));
  }
}

static void p2_each_producers_order_is_kept(void) {
  producer producers[PRODUCERS];
  thread* threads[PRODUCERS];
  atomic_int done = 0;
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  for (int i = 0; i < PRODUCERS; ++i) {
    producers[i] = (producer){.dispatcher = dispatcher, .done = &done, .seen = 0};
    threads[i] = start_thread(produce, &producers[i]);
  }
  run_until_exit(dispatcher);
  for (int i = 0; i < PRODUCERS; ++i) {
    wait_for(threads[i]);
    CHECK(producers[i].seen == POSTS_EACH);
  }
  CHECK(stats_of(dispatcher).posts_run == PRODUCERS * POSTS_EACH);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

void post_suite(void) {
  p2_p4_in_order_and_each_dropped_right_after_it_ran();
  a_post_may_post();
  p9_shutdown_refuses_posts_until_the_next_run();
  p14_a_bound_refuses_instead_of_growing();
  p2_each_producers_order_is_kept();
}
