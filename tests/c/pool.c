#include <semaphore.h>

#include "suites.h"
#include "support.h"

// A task for each worker.
typedef struct task {
  mcp_event_dispatcher* dispatcher;
  sem_t done;
  bool on_its_thread;
} task;

static void do_task(void* data) {
  task* const self = data;
  CHECK_OK(mcp_event_dispatcher_is_thread_safe(self->dispatcher, &self->on_its_thread));
  CHECK(sem_post(&self->done) == 0);
}

static void run_task(mcp_event_dispatcher* worker) {
  task self = {.dispatcher = worker};
  CHECK(sem_init(&self.done, 0, 0) == 0);
  post(worker, do_task, &self);
  CHECK(sem_wait(&self.done) == 0);
  CHECK(self.on_its_thread);
  CHECK(sem_destroy(&self.done) == 0);
}

static void o3_an_empty_pool(void) {
  mcp_event_pool* pool = NULL;
  mcp_event_dispatcher* dispatcher = NULL;
  size_t size = 7;
  CHECK_OK(mcp_event_pool_create(0, &pool));
  CHECK_OK(mcp_event_pool_size(pool, &size));
  CHECK(size == 0);
  CHECK_OK(mcp_event_pool_start(pool));
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_pool_next(pool, &dispatcher));
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_pool_dispatcher(pool, 0, &dispatcher));
  CHECK(dispatcher == NULL);
  CHECK_OK(mcp_event_pool_stop(pool));
  CHECK_OK(mcp_event_pool_destroy(pool));
}

static void o5_workers_in_turn(void) {
  mcp_event_pool* pool = NULL;
  mcp_event_dispatcher* workers[2] = {NULL, NULL};
  mcp_event_dispatcher* next = NULL;
  CHECK_OK(mcp_event_pool_create(2, &pool));
  size_t size = 0;
  CHECK_OK(mcp_event_pool_size(pool, &size));
  CHECK(size == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK_OK(mcp_event_pool_dispatcher(pool, i, &workers[i]));
  }
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_pool_dispatcher(pool, 2, &next));
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_pool_dispatcher(pool, SIZE_MAX, &next));
  for (int i = 0; i < 4; ++i) {
    CHECK_OK(mcp_event_pool_next(pool, &next));
    CHECK(next == workers[i % 2]);
  }
  // They stay the pool's.
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_destroy(workers[0]));
  CHECK_OK(mcp_event_pool_destroy(pool));
}

static void o2_started_stopped_and_started_again(void) {
  mcp_event_pool* pool = NULL;
  mcp_event_dispatcher* worker = NULL;
  bool running = true;
  CHECK_OK(mcp_event_pool_create(2, &pool));
  CHECK_OK(mcp_event_pool_dispatcher(pool, 0, &worker));
  CHECK_OK(mcp_event_dispatcher_is_running(worker, &running));
  CHECK(!running);
  for (int round = 0; round < 2; ++round) {
    CHECK_OK(mcp_event_pool_start(pool));
    CHECK_OK(mcp_event_pool_start(pool));
    CHECK_OK(mcp_event_dispatcher_is_running(worker, &running));
    CHECK(running);
    for (size_t i = 0; i < 2; ++i) {
      CHECK_OK(mcp_event_pool_dispatcher(pool, i, &worker));
      run_task(worker);
    }
    CHECK_OK(mcp_event_pool_stop(pool));
    CHECK_OK(mcp_event_pool_stop(pool));
    CHECK_OK(mcp_event_dispatcher_is_running(worker, &running));
    CHECK(!running);
  }
  CHECK_OK(mcp_event_pool_destroy(pool));
}

static void what_was_posted_before_stop_still_runs(void) {
  tally counts = {0};
  mcp_event_pool* pool = NULL;
  mcp_event_dispatcher* worker = NULL;
  CHECK_OK(mcp_event_pool_create(1, &pool));
  CHECK_OK(mcp_event_pool_start(pool));
  CHECK_OK(mcp_event_pool_next(pool, &worker));
  CHECK_OK(mcp_event_dispatcher_post(worker, counting(&counts)));
  CHECK_OK(mcp_event_pool_stop(pool));
  CHECK(counts.calls == 1 && counts.drops == 1);
  CHECK_STATUS(MCP_EVENT_CLOSED, mcp_event_dispatcher_post(worker, counting(&counts)));
  CHECK_OK(mcp_event_pool_destroy(pool));
}

static void a_running_pool_can_be_destroyed(void) {
  mcp_event_pool* pool = NULL;
  CHECK_OK(mcp_event_pool_create(3, &pool));
  CHECK_OK(mcp_event_pool_start(pool));
  CHECK_OK(mcp_event_pool_destroy(pool));
}

void pool_suite(void) {
  o3_an_empty_pool();
  o5_workers_in_turn();
  o2_started_stopped_and_started_again();
  what_was_posted_before_stop_still_runs();
  a_running_pool_can_be_destroyed();
}
