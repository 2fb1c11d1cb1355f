#include <semaphore.h>
#include <string.h>

#include "suites.h"
#include "support.h"

static mcp_event_pool_options defaults(size_t workers) {
  const mcp_event_pool_options options = {.size = sizeof options, .min_workers = workers};
  return options;
}

static mcp_event_pool* new_pool(const mcp_event_pool_options* options) {
  mcp_event_pool* pool = NULL;
  CHECK_OK(mcp_event_pool_create_with(options, &pool));
  return pool;
}

static mcp_event_pool* started(size_t workers) {
  const mcp_event_pool_options options = defaults(workers);
  mcp_event_pool* const pool = new_pool(&options);
  CHECK_OK(mcp_event_pool_start(pool));
  return pool;
}

static size_t size_of(const mcp_event_pool* pool) {
  size_t size = 0;
  CHECK_OK(mcp_event_pool_size(pool, &size));
  return size;
}

static size_t waiting_in(const mcp_event_pool* pool) {
  size_t waiting = SIZE_MAX;
  CHECK_OK(mcp_event_pool_tasks_waiting(pool, &waiting));
  return waiting;
}

// Keeps a worker inside a callback.
typedef struct gate {
  sem_t entered;
  sem_t open;
} gate;

static void wait_at(void* data) {
  gate* const self = data;
  CHECK(sem_post(&self->entered) == 0);
  CHECK(sem_wait(&self->open) == 0);
}

static void block(mcp_event_pool* pool, size_t worker, gate* self) {
  mcp_event_dispatcher* dispatcher = NULL;
  CHECK(sem_init(&self->entered, 0, 0) == 0 && sem_init(&self->open, 0, 0) == 0);
  CHECK_OK(mcp_event_pool_dispatcher(pool, worker, &dispatcher));
  post(dispatcher, wait_at, self);
  CHECK(sem_wait(&self->entered) == 0);
}

static void destroy_gate(gate* self) {
  CHECK(sem_destroy(&self->entered) == 0 && sem_destroy(&self->open) == 0);
}

static void the_defaults_make_sense(void) {
  mcp_event_pool* pool = new_pool(NULL);
  CHECK(size_of(pool) >= 1);
  CHECK_OK(mcp_event_pool_destroy(pool));
  const mcp_event_pool_options zeroed = defaults(0);
  pool = new_pool(&zeroed);
  CHECK(size_of(pool) >= 1);
  CHECK_OK(mcp_event_pool_destroy(pool));
}

static void o5_a_pool_with_all_settings(void) {
  const mcp_event_pool_options options = {.size = sizeof options,
                                          .min_workers = 2,
                                          .max_workers = 3,
                                          .policy = MCP_EVENT_POOL_POWER_OF_TWO_CHOICES,
                                          .name_prefix = "reader_",
                                          .stack_size = 256 * 1024,
                                          .queue_bound = 1,
                                          .backend = "auto",
                                          .high_mark = 0.9,
                                          .low_mark = 0.1,
                                          .grow_after_us = 1000000,
                                          .retire_after_us = 1000000,
                                          .cool_down_us = 1000000,
                                          .drain_limit_us = 1000000};
  mcp_event_pool* const pool = new_pool(&options);
  CHECK(size_of(pool) == 2);
  CHECK_OK(mcp_event_pool_start(pool));
  mcp_event_dispatcher* next = NULL;
  CHECK_OK(mcp_event_pool_next(pool, &next));
  gate here;
  block(pool, 0, &here);
  CHECK_OK(mcp_event_pool_dispatcher(pool, 0, &next));
  tally counts = {0};
  CHECK_OK(mcp_event_dispatcher_post(next, counting(&counts)));
  CHECK_STATUS(MCP_EVENT_QUEUE_FULL, mcp_event_dispatcher_post(next, counting(&counts)));
  CHECK(sem_post(&here.open) == 0);
  CHECK_OK(mcp_event_pool_destroy(pool));
  CHECK(counts.calls == 1 && counts.drops == 1);
  destroy_gate(&here);
}

static void refused(mcp_event_pool_options options, const char* reason) {
  mcp_event_pool* pool = NULL;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_pool_create_with(&options, &pool));
  CHECK(strstr(mcp_event_last_error(), reason) != NULL);
  CHECK(pool == NULL);
}

static void o5_settings_that_make_no_sense(void) {
  mcp_event_pool_options options = defaults(3);
  options.max_workers = 2;
  refused(options, "2");
  options = defaults(1);
  options.size = sizeof options - 1;
  refused(options, "mcp_event_pool_options");
  options = defaults(1);
  options.policy = 3;
  refused(options, "policy 3");
  options = defaults(1);
  options.stack_size = 1;
  refused(options, "stack");
  options = defaults(1);
  const size_t no_cpu[] = {100000};
  options.cpus = no_cpu;
  options.cpu_count = 1;
  refused(options, "100000");
  options.cpu_count = 0;
  refused(options, "CPU");
  options = defaults(1);
  options.backend = "none such";
  refused(options, "none such");
  options = defaults(1);
  options.name_prefix = "\xff";
  refused(options, "UTF-8");
  options = defaults(1);
  options.max_workers = 2;
  options.low_mark = 0.8;
  options.high_mark = 0.3;
  refused(options, "0.8");
  options = defaults(1);
  options.max_workers = 2;
  options.grow_after_us = -1;
  refused(options, "grow_after_us");

  mcp_event_pool* pool = NULL;
  options = defaults(1);
  options.cpu_count = 1;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_create_with(&options, &pool));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_create_with(NULL, NULL));
}

static void o5_a_policy_can_be_changed(void) {
  mcp_event_pool* const pool = started(2);
  mcp_event_dispatcher* next = NULL;
  mcp_event_dispatcher* idle = NULL;
  gate here;
  block(pool, 0, &here);
  // It has more to do than one that is only awake.
  tally counts = {0};
  CHECK_OK(mcp_event_pool_dispatcher(pool, 0, &next));
  CHECK_OK(mcp_event_dispatcher_post(next, counting(&counts)));
  CHECK_OK(mcp_event_pool_dispatcher(pool, 1, &idle));
  CHECK_OK(mcp_event_pool_set_policy(pool, MCP_EVENT_POOL_LEAST_LOADED));
  for (int i = 0; i < 10; ++i) {
    CHECK_OK(mcp_event_pool_next(pool, &next));
    CHECK(next == idle);
  }
  CHECK_OK(mcp_event_pool_set_policy(pool, MCP_EVENT_POOL_ROUND_ROBIN));
  for (int i = 0; i < 4; ++i) {
    mcp_event_dispatcher* const last = next;
    CHECK_OK(mcp_event_pool_next(pool, &next));
    CHECK(next != last || i == 0);
  }
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_pool_set_policy(pool, -1));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_set_policy(NULL, MCP_EVENT_POOL_LEAST_LOADED));
  CHECK(sem_post(&here.open) == 0);
  CHECK_OK(mcp_event_pool_destroy(pool));
  destroy_gate(&here);
}

static void o5_a_key_stays_with_its_worker(void) {
  mcp_event_pool* const pool = started(4);
  mcp_event_dispatcher* none = NULL;
  for (uint64_t key = 0; key < 20; ++key) {
    mcp_event_dispatcher* first = NULL;
    mcp_event_dispatcher* again = NULL;
    CHECK_OK(mcp_event_pool_for_key(pool, &key, sizeof key, &first));
    CHECK_OK(mcp_event_pool_for_key(pool, &key, sizeof key, &again));
    CHECK(first == again);
  }
  mcp_event_dispatcher* empty_key = NULL;
  CHECK_OK(mcp_event_pool_for_key(pool, NULL, 0, &empty_key));
  CHECK(empty_key != NULL);
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_for_key(pool, NULL, 1, &none));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_for_key(pool, "k", 1, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_for_key(NULL, "k", 1, &none));
  CHECK_OK(mcp_event_pool_destroy(pool));

  mcp_event_pool* empty = NULL;
  CHECK_OK(mcp_event_pool_create(0, &empty));
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_pool_for_key(empty, "k", 1, &none));
  CHECK(none == NULL);
  CHECK_OK(mcp_event_pool_destroy(empty));
}

static void o7_a_pool_follows_its_load(void) {
  mcp_event_clock* clock = NULL;
  CHECK_OK(mcp_event_clock_create(&clock));
  mcp_event_pool_options options = defaults(1);
  options.max_workers = 2;
  options.grow_after_us = options.retire_after_us = options.cool_down_us = 1000000;
  options.high_mark = 0.3;
  options.low_mark = 0.1;
  options.clock = clock;
  mcp_event_pool* const pool = new_pool(&options);
  CHECK_OK(mcp_event_pool_start(pool));
  CHECK(size_of(pool) == 1);
  gate here;
  block(pool, 0, &here);
  // Time passes, as slowly as it takes the pool to see it.
  while (size_of(pool) < 2) {
    advance_us(clock, 100000);
  }
  CHECK(sem_post(&here.open) == 0);
  while (size_of(pool) > 1) {
    advance_us(clock, 100000);
  }
  CHECK_OK(mcp_event_pool_destroy(pool));
  destroy_gate(&here);
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void o9_whoever_is_free_does_it(void) {
  mcp_event_pool* const pool = started(2);
  tally counts = {0};
  gate here;
  block(pool, 0, &here);
  for (int i = 0; i < 100; ++i) {
    CHECK_OK(mcp_event_pool_execute(pool, counting(&counts)));
  }
  while (counts.drops < 100) {
  }
  CHECK(counts.calls == 100);
  CHECK(waiting_in(pool) == 0);
  CHECK(sem_post(&here.open) == 0);
  CHECK_OK(mcp_event_pool_destroy(pool));
  destroy_gate(&here);
}

static void o9_stop_lets_them_run(void) {
  mcp_event_pool* const pool = started(1);
  tally counts = {0};
  gate here;
  block(pool, 0, &here);
  for (int i = 0; i < 3; ++i) {
    CHECK_OK(mcp_event_pool_execute(pool, counting(&counts)));
  }
  CHECK(waiting_in(pool) == 3);
  CHECK(sem_post(&here.open) == 0);
  CHECK_OK(mcp_event_pool_stop(pool));
  CHECK(counts.calls == 3 && counts.drops == 3);
  // Refused ones stay the caller's.
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_pool_execute(pool, counting(&counts)));
  CHECK_OK(mcp_event_pool_destroy(pool));
  CHECK(counts.drops == 3);
  destroy_gate(&here);
}

static void o9_refused(void) {
  tally counts = {0};
  mcp_event_pool* empty = NULL;
  CHECK_OK(mcp_event_pool_create(0, &empty));
  CHECK_OK(mcp_event_pool_start(empty));
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_pool_execute(empty, counting(&counts)));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_execute(NULL, counting(&counts)));
  mcp_event_closure no_call = counting(&counts);
  no_call.call = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_execute(empty, no_call));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_tasks_waiting(empty, NULL));
  size_t waiting = 0;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_tasks_waiting(NULL, &waiting));
  CHECK_OK(mcp_event_pool_destroy(empty));
  CHECK(counts.calls == 0 && counts.drops == 0);
}

static void touch(void* counts) { ++((tally*)counts)->calls; }

static void w1_all_workers_touch_a_watchdog(void) {
  tally dog = {0};
  tally counts = {0};
  mcp_event_pool* const pool = started(2);
  CHECK_OK(mcp_event_pool_register_watchdog(pool, touch, &dog, count_drop, 0));
  for (size_t i = 0; i < 2; ++i) {
    const int before = dog.calls;
    mcp_event_dispatcher* worker = NULL;
    CHECK_OK(mcp_event_pool_dispatcher(pool, i, &worker));
    CHECK_OK(mcp_event_dispatcher_post(worker, counting(&counts)));
    while (counts.drops <= (int)i) {
    }
    CHECK(dog.calls > before);
  }
  CHECK(dog.drops == 0);
  CHECK_OK(mcp_event_pool_stop(pool));
  // Also when they are started again, until it is let go.
  CHECK(dog.drops == 0);
  CHECK_OK(mcp_event_pool_start(pool));
  CHECK_OK(mcp_event_pool_register_watchdog(pool, NULL, NULL, NULL, 0));
  CHECK_OK(mcp_event_pool_destroy(pool));
  CHECK(dog.drops == 1);
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_register_watchdog(NULL, touch, &dog, count_drop, 0));
  CHECK(dog.drops == 1);
}

static void a_shutdown_that_has_time(void) {
  tally counts = {0};
  mcp_event_pool* const pool = started(2);
  mcp_event_dispatcher* worker = NULL;
  CHECK_OK(mcp_event_pool_next(pool, &worker));
  CHECK_OK(mcp_event_dispatcher_post(worker, counting(&counts)));
  CHECK_OK(mcp_event_pool_execute(pool, counting(&counts)));
  mcp_event_pool_report report = {.size = sizeof report, .workers_stuck = 7};
  CHECK_OK(mcp_event_pool_shutdown(pool, INT64_MAX, &report));
  CHECK(report.is_drained && report.workers_stuck == 0 && report.posts_dropped == 0);
  CHECK(counts.calls == 2 && counts.drops == 2);
  // What was lent is refused now, and still there.
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_dispatcher_post(worker, counting(&counts)));
  CHECK_OK(mcp_event_pool_shutdown(pool, 0, NULL));
  CHECK_OK(mcp_event_pool_destroy(pool));
}

static void a_shutdown_that_has_none(void) {
  tally counts = {0};
  mcp_event_pool* const pool = started(1);
  mcp_event_dispatcher* worker = NULL;
  gate here;
  block(pool, 0, &here);
  CHECK_OK(mcp_event_pool_dispatcher(pool, 0, &worker));
  CHECK_OK(mcp_event_dispatcher_post(worker, counting(&counts)));
  CHECK_OK(mcp_event_pool_execute(pool, counting(&counts)));
  mcp_event_pool_report report = {.size = sizeof report};
  CHECK_OK(mcp_event_pool_shutdown(pool, 0, &report));
  CHECK(!report.is_drained && report.workers_stuck == 1 && report.submitted_dropped == 1);
  CHECK(counts.calls == 0);
  CHECK(sem_post(&here.open) == 0);
  while (counts.drops < 2) {
  }
  CHECK(counts.calls == 0);
  CHECK_OK(mcp_event_pool_destroy(pool));
  destroy_gate(&here);
}

// A worker that would wait for itself.
typedef struct self_shutdown {
  mcp_event_pool* pool;
  sem_t done;
} self_shutdown;

static void shut_down_own_pool(void* data) {
  self_shutdown* const self = data;
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_pool_shutdown(self->pool, 0, NULL));
  CHECK(sem_post(&self->done) == 0);
}

static void a_shutdown_that_is_refused(void) {
  mcp_event_pool* const pool = started(1);
  mcp_event_pool_report report = {.size = sizeof report - 1};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_pool_shutdown(pool, 0, &report));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_pool_shutdown(pool, -1, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_shutdown(NULL, 0, NULL));
  self_shutdown inside = {.pool = pool};
  CHECK(sem_init(&inside.done, 0, 0) == 0);
  CHECK_OK(mcp_event_pool_execute(pool, calling(shut_down_own_pool, &inside)));
  CHECK(sem_wait(&inside.done) == 0);
  CHECK_OK(mcp_event_pool_destroy(pool));
  CHECK(sem_destroy(&inside.done) == 0);
}

void worker_pool_suite(void) {
  the_defaults_make_sense();
  o5_a_pool_with_all_settings();
  o5_settings_that_make_no_sense();
  o5_a_policy_can_be_changed();
  o5_a_key_stays_with_its_worker();
  o7_a_pool_follows_its_load();
  o9_whoever_is_free_does_it();
  o9_stop_lets_them_run();
  o9_refused();
  w1_all_workers_touch_a_watchdog();
  a_shutdown_that_has_time();
  a_shutdown_that_has_none();
  a_shutdown_that_is_refused();
}
