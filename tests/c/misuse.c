// Null handles and out-parameters: a status, never a crash; and nothing is written.

#include <signal.h>

#include "suites.h"
#include "support.h"

#define CHECK_NULL(call) CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, call)

static void dump_nothing(const void* object, int32_t indent, mcp_event_dump_sink sink, void* sink_data) {
  (void)object, (void)indent, (void)sink, (void)sink_data;
}

static void sink_nothing(void* sink_data, const char* text, size_t length) {
  (void)sink_data, (void)text, (void)length;
}

static void null_dispatchers(void) {
  tally counts = {0};
  bool flag = true;
  uint64_t time = 7;
  int64_t timeout = 7;
  int fd = 7;
  const char* name = "untouched";
  mcp_event_stats stats = {.size = sizeof stats, .iterations = 7};
  mcp_event_timer* timer = NULL;
  mcp_event_periodic_timer* periodic = NULL;
  mcp_event_file_event* event = NULL;
  mcp_event_schedulable* schedulable = NULL;
  mcp_event_signal_event* signal_event = NULL;
  mcp_event_scaled_timer* scaled = NULL;
  const mcp_event_scaled_timer_minimum minimum = {0};
  mcp_event_pressure_driver* driver = NULL;
  mcp_event_load load = {.size = sizeof load, .queue_depth = 7};
  double number = 7;
  void* base = NULL;
  CHECK_NULL(mcp_event_dispatcher_destroy(NULL));
  CHECK_NULL(mcp_event_dispatcher_run(NULL, MCP_EVENT_RUN_BLOCK));
  CHECK_NULL(mcp_event_dispatcher_exit(NULL));
  CHECK_NULL(mcp_event_dispatcher_clear_exit(NULL));
  CHECK_NULL(mcp_event_dispatcher_shutdown(NULL));
  CHECK_NULL(mcp_event_dispatcher_post(NULL, counting(&counts)));
  CHECK_NULL(mcp_event_dispatcher_deferred_delete(NULL, &counts, count_drop));
  CHECK_NULL(mcp_event_dispatcher_clear_deferred_delete_list(NULL));
  CHECK_NULL(mcp_event_dispatcher_is_thread_safe(NULL, &flag));
  CHECK_NULL(mcp_event_dispatcher_is_running(NULL, &flag));
  CHECK_NULL(mcp_event_dispatcher_approximate_time_ns(NULL, &time));
  CHECK_NULL(mcp_event_dispatcher_update_approximate_time(NULL));
  CHECK_NULL(mcp_event_dispatcher_backend(NULL, &name));
  CHECK_NULL(mcp_event_dispatcher_libevent_base(NULL, &base));
  CHECK_NULL(mcp_event_dispatcher_poll_fd(NULL, &fd));
  CHECK_NULL(mcp_event_dispatcher_next_timeout_ns(NULL, &timeout));
  CHECK_NULL(mcp_event_dispatcher_enable_stats(NULL));
  CHECK_NULL(mcp_event_dispatcher_stats(NULL, &stats));
  CHECK_NULL(mcp_event_dispatcher_push_tracked(NULL, &counts, dump_nothing));
  CHECK_NULL(mcp_event_dispatcher_pop_tracked(NULL, &counts));
  CHECK_NULL(mcp_event_dispatcher_dump_tracked(NULL, sink_nothing, NULL));
  CHECK_NULL(mcp_event_dispatcher_register_watchdog(NULL, count_drop, &counts, count_drop, 0));
  CHECK_NULL(mcp_event_timer_create(NULL, counting(&counts), &timer));
  CHECK_NULL(mcp_event_periodic_timer_create(NULL, counting(&counts), &periodic));
  CHECK_NULL(mcp_event_scaled_timer_create(NULL, 0, counting(&counts), &scaled));
  CHECK_NULL(mcp_event_scaled_timer_create_with_minimum(NULL, minimum, 1, counting(&counts), &scaled));
  CHECK_NULL(mcp_event_dispatcher_set_scaled_timer_minimum(NULL, 0, minimum));
  CHECK_NULL(mcp_event_dispatcher_set_timer_scale_factor(NULL, 0.5));
  CHECK_NULL(mcp_event_dispatcher_timer_scale_factor(NULL, &number));
  CHECK_NULL(mcp_event_dispatcher_load(NULL, &load));
  CHECK_NULL(mcp_event_pressure_driver_create(NULL, NULL, &driver));
  CHECK_NULL(mcp_event_file_event_create(NULL, 0, MCP_EVENT_TRIGGER_LEVEL, MCP_EVENT_READ,
                                         counting_file(&counts), &event));
  CHECK_NULL(mcp_event_schedulable_create(NULL, counting(&counts), &schedulable));
  CHECK_NULL(mcp_event_signal_event_create(NULL, TEST_SIGNAL, counting(&counts), &signal_event));
  CHECK(flag && time == 7 && timeout == 7 && fd == 7 && name[0] == 'u' && stats.iterations == 7);
  CHECK(timer == NULL && periodic == NULL && event == NULL && schedulable == NULL && signal_event == NULL);
  CHECK(scaled == NULL && driver == NULL && load.queue_depth == 7 && number == 7);
  CHECK(counts.calls == 0 && counts.drops == 0);
}

static void null_handles(void) {
  bool flag = true;
  size_t size = 7;
  mcp_event_dispatcher* dispatcher = NULL;
  double number = 7;
  const mcp_event_pressure_source source = {0};
  CHECK_NULL(mcp_event_timer_destroy(NULL));
  CHECK_NULL(mcp_event_timer_enable_us(NULL, 1));
  CHECK_NULL(mcp_event_timer_disable(NULL));
  CHECK_NULL(mcp_event_timer_enabled(NULL, &flag));
  CHECK_NULL(mcp_event_periodic_timer_destroy(NULL));
  CHECK_NULL(mcp_event_periodic_timer_enable_us(NULL, 1));
  CHECK_NULL(mcp_event_periodic_timer_disable(NULL));
  CHECK_NULL(mcp_event_periodic_timer_enabled(NULL, &flag));
  CHECK_NULL(mcp_event_scaled_timer_destroy(NULL));
  CHECK_NULL(mcp_event_scaled_timer_enable_us(NULL, 1));
  CHECK_NULL(mcp_event_scaled_timer_disable(NULL));
  CHECK_NULL(mcp_event_scaled_timer_enabled(NULL, &flag));
  CHECK_NULL(mcp_event_pressure_driver_destroy(NULL));
  CHECK_NULL(mcp_event_pressure_driver_add_source(NULL, source));
  CHECK_NULL(mcp_event_pressure_driver_pressure(NULL, &number));
  CHECK_NULL(mcp_event_file_event_destroy(NULL));
  CHECK_NULL(mcp_event_file_event_set_enabled(NULL, MCP_EVENT_READ));
  CHECK_NULL(mcp_event_file_event_activate(NULL, MCP_EVENT_READ));
  CHECK_NULL(mcp_event_file_event_unregister_if_emulated_edge(NULL, MCP_EVENT_READ));
  CHECK_NULL(mcp_event_file_event_register_if_emulated_edge(NULL, MCP_EVENT_READ));
  CHECK_NULL(mcp_event_schedulable_destroy(NULL));
  CHECK_NULL(mcp_event_schedulable_schedule_current_iteration(NULL));
  CHECK_NULL(mcp_event_schedulable_schedule_next_iteration(NULL));
  CHECK_NULL(mcp_event_schedulable_cancel(NULL));
  CHECK_NULL(mcp_event_schedulable_enabled(NULL, &flag));
  CHECK_NULL(mcp_event_signal_event_destroy(NULL));
  CHECK_NULL(mcp_event_clock_advance_ns(NULL, 1));
  CHECK_NULL(mcp_event_clock_destroy(NULL));
  CHECK_NULL(mcp_event_pool_start(NULL));
  CHECK_NULL(mcp_event_pool_stop(NULL));
  CHECK_NULL(mcp_event_pool_size(NULL, &size));
  CHECK_NULL(mcp_event_pool_dispatcher(NULL, 0, &dispatcher));
  CHECK_NULL(mcp_event_pool_next(NULL, &dispatcher));
  CHECK_NULL(mcp_event_pool_destroy(NULL));
  CHECK_NULL(mcp_event_backend_check(NULL));
  CHECK_NULL(mcp_event_backend_name(0, NULL));
  CHECK(flag && size == 7 && dispatcher == NULL);
}

static void null_out_parameters(void) {
  tally counts = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_timer* timer = NULL;
  mcp_event_periodic_timer* periodic = NULL;
  mcp_event_schedulable* schedulable = NULL;
  mcp_event_pool* pool = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, counting(&counts), &timer));
  CHECK_OK(mcp_event_periodic_timer_create(dispatcher, counting(&counts), &periodic));
  CHECK_OK(mcp_event_schedulable_create(dispatcher, counting(&counts), &schedulable));
  CHECK_OK(mcp_event_pool_create(1, &pool));

  CHECK_NULL(mcp_event_dispatcher_create("test", NULL, NULL));
  CHECK_NULL(mcp_event_dispatcher_is_thread_safe(dispatcher, NULL));
  CHECK_NULL(mcp_event_dispatcher_is_running(dispatcher, NULL));
  CHECK_NULL(mcp_event_dispatcher_approximate_time_ns(dispatcher, NULL));
  CHECK_NULL(mcp_event_dispatcher_backend(dispatcher, NULL));
  CHECK_NULL(mcp_event_dispatcher_libevent_base(dispatcher, NULL));
  CHECK_NULL(mcp_event_dispatcher_poll_fd(dispatcher, NULL));
  CHECK_NULL(mcp_event_dispatcher_next_timeout_ns(dispatcher, NULL));
  CHECK_NULL(mcp_event_dispatcher_stats(dispatcher, NULL));
  CHECK_NULL(mcp_event_dispatcher_dump_tracked(dispatcher, NULL, NULL));
  CHECK_NULL(mcp_event_scaled_timer_create(dispatcher, 0, counting(&counts), NULL));
  CHECK_NULL(mcp_event_dispatcher_timer_scale_factor(dispatcher, NULL));
  CHECK_NULL(mcp_event_dispatcher_load(dispatcher, NULL));
  CHECK_NULL(mcp_event_pressure_driver_create(dispatcher, NULL, NULL));
  CHECK_NULL(mcp_event_default_backend(NULL));
  CHECK_NULL(mcp_event_timer_enabled(timer, NULL));
  CHECK_NULL(mcp_event_periodic_timer_enabled(periodic, NULL));
  CHECK_NULL(mcp_event_schedulable_enabled(schedulable, NULL));
  CHECK_NULL(mcp_event_clock_create(NULL));
  CHECK_NULL(mcp_event_pool_create(1, NULL));
  CHECK_NULL(mcp_event_pool_size(pool, NULL));
  CHECK_NULL(mcp_event_pool_dispatcher(pool, 0, NULL));
  CHECK_NULL(mcp_event_pool_next(pool, NULL));

  CHECK_OK(mcp_event_pool_destroy(pool));
  CHECK_OK(mcp_event_schedulable_destroy(schedulable));
  CHECK_OK(mcp_event_periodic_timer_destroy(periodic));
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

// What a debug build of the core knows beyond that.
static void destroyed_handles(void) {
#ifdef MCP_EVENT_DEBUG_CORE
  tally counts = {0};
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_timer* timer = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, counting(&counts), &timer));
  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_timer_enable_us(timer, 0));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_exit(dispatcher));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_destroy(dispatcher));
#endif
}

void misuse_suite(void) {
  null_dispatchers();
  null_handles();
  null_out_parameters();
  destroyed_handles();
}
