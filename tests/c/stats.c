#include <unistd.h>

#include "suites.h"
#include "support.h"

static void the_size_must_be_set(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_stats stats = {.size = 0};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_stats(dispatcher, &stats));
  stats.size = sizeof stats - 1;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_dispatcher_stats(dispatcher, &stats));
  stats.size = sizeof stats;
  CHECK_OK(mcp_event_dispatcher_stats(dispatcher, &stats));
  CHECK(stats.size == sizeof stats);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void do_nothing(void* unused) { (void)unused; }

static void q3_everything_is_counted(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  tally counts = {0};
  fd_pair pipe = new_pipe();
  mcp_event_timer* timer = NULL;
  mcp_event_file_event* event = NULL;
  mcp_event_schedulable* schedulable = NULL;
  CHECK_OK(mcp_event_timer_create(dispatcher, counting(&counts), &timer));
  CHECK_OK(mcp_event_timer_enable_us(timer, 0));
  write_byte(pipe.theirs);
  CHECK_OK(mcp_event_file_event_create(dispatcher, pipe.mine, MCP_EVENT_TRIGGER_EDGE, MCP_EVENT_READ,
                                       counting_file(&counts), &event));
  CHECK_OK(mcp_event_schedulable_create(dispatcher, counting(&counts), &schedulable));
  CHECK_OK(mcp_event_schedulable_schedule_next_iteration(schedulable));
  CHECK_OK(mcp_event_dispatcher_deferred_delete(dispatcher, &counts, count_drop));
  post(dispatcher, do_nothing, NULL);
  post(dispatcher, do_nothing, NULL);
  CHECK(stats_of(dispatcher).queue_depth == 2);
  run_now(dispatcher);

  const mcp_event_stats stats = stats_of(dispatcher);
  CHECK(stats.iterations > 0);
  CHECK(stats.events == 1);
  CHECK(stats.posts_run == 2);
  CHECK(stats.posts_refused == 0);
  CHECK(stats.timers_fired == 1);
  CHECK(stats.deferred_deletes == 1);
  CHECK(stats.wakes > 0);
  CHECK(stats.queue_depth == 0);
  CHECK(stats.scheduled_run == 1);
  CHECK(stats.signals == 0);
  CHECK(stats.registration_errors == 0);
  CHECK(stats.mail_run == 0);
  CHECK(stats.slow_callbacks == 0);

  CHECK_OK(mcp_event_timer_destroy(timer));
  CHECK_OK(mcp_event_file_event_destroy(event));
  CHECK_OK(mcp_event_schedulable_destroy(schedulable));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  close_both(&pipe);
}

static void check_histogram(const mcp_event_histogram* histogram) {
  CHECK(histogram->p50 <= histogram->p90);
  CHECK(histogram->p90 <= histogram->p99);
  CHECK(histogram->p99 <= histogram->max);
  CHECK(histogram->sum <= histogram->count * histogram->max);
}

static void q1_q2_histograms_once_enabled(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  post(dispatcher, do_nothing, NULL);
  run_now(dispatcher);
  CHECK(stats_of(dispatcher).loop_duration_us.count == 0);
  CHECK(stats_of(dispatcher).poll_delay_us.count == 0);
  CHECK_OK(mcp_event_dispatcher_enable_stats(dispatcher));
  CHECK_OK(mcp_event_dispatcher_enable_stats(dispatcher));
  for (int i = 0; i < 10; ++i) {
    run_now(dispatcher);
  }
  const mcp_event_stats stats = stats_of(dispatcher);
  CHECK(stats.loop_duration_us.count > 0);
  CHECK(stats.poll_delay_us.count > 0);
  check_histogram(&stats.loop_duration_us);
  check_histogram(&stats.poll_delay_us);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void q3_those_of_a_pool_are_summed(void) {
  mcp_event_pool* pool = NULL;
  CHECK_OK(mcp_event_pool_create(2, &pool));
  for (size_t i = 0; i < 2; ++i) {
    mcp_event_dispatcher* worker = NULL;
    CHECK_OK(mcp_event_pool_dispatcher(pool, i, &worker));
    CHECK_OK(mcp_event_dispatcher_enable_stats(worker));
    post(worker, do_nothing, NULL);
    run_now(worker);
  }
  mcp_event_stats stats = {.size = sizeof stats - 1};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_pool_stats(pool, &stats));
  stats.size = sizeof stats;
  CHECK_OK(mcp_event_pool_stats(pool, &stats));
  CHECK(stats.posts_run == 2);
  CHECK(stats.loop_duration_us.count >= 2);
  check_histogram(&stats.loop_duration_us);
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_stats(NULL, &stats));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_pool_stats(pool, NULL));
  CHECK_OK(mcp_event_pool_destroy(pool));
}

static void take_3_ms(void* clock) { advance_us(clock, 3000); }

static uint64_t slow_callbacks_after_one_more(mcp_event_dispatcher* dispatcher, mcp_event_clock* clock) {
  post(dispatcher, take_3_ms, clock);
  run_now(dispatcher);
  return stats_of(dispatcher).slow_callbacks;
}

static void slow_callbacks_are_counted(void) {
  mcp_event_clock* clock = NULL;
  mcp_event_dispatcher* const dispatcher = new_simulated(&clock);
  CHECK(slow_callbacks_after_one_more(dispatcher, clock) == 0);
  CHECK_OK(mcp_event_dispatcher_set_slow_callback_threshold_us(dispatcher, 2999));
  CHECK(slow_callbacks_after_one_more(dispatcher, clock) == 1);
  CHECK_OK(mcp_event_dispatcher_set_slow_callback_threshold_us(dispatcher, 3000));
  CHECK(slow_callbacks_after_one_more(dispatcher, clock) == 1);
  CHECK_OK(mcp_event_dispatcher_set_slow_callback_threshold_us(dispatcher, 0));
  CHECK(slow_callbacks_after_one_more(dispatcher, clock) == 2);
  CHECK_OK(mcp_event_dispatcher_set_slow_callback_threshold_us(dispatcher, -1));
  CHECK(slow_callbacks_after_one_more(dispatcher, clock) == 2);
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_set_slow_callback_threshold_us(NULL, 0));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

void stats_suite(void) {
  the_size_must_be_set();
  q3_everything_is_counted();
  q1_q2_histograms_once_enabled();
  q3_those_of_a_pool_are_summed();
  slow_callbacks_are_counted();
}
