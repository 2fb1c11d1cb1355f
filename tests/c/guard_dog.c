#include <string.h>
#include <unistd.h>

#include "suites.h"
#include "support.h"

// What an action was told.
typedef struct notes {
  tally counts;
  int event;
  size_t thread_count;
  char name[32];
  int64_t stuck_us;
  bool has_text;
  bool has_doing;
  bool has_backtrace;
  char tracked_objects[64];
} notes;

static void take_note(void* data, const mcp_event_guard_dog_report* report) {
  notes* const taken = data;
  ++taken->counts.calls;
  const char* text = NULL;
  CHECK_OK(mcp_event_guard_dog_report_event(report, &taken->event));
  CHECK_OK(mcp_event_guard_dog_report_text(report, &text));
  CHECK_OK(mcp_event_guard_dog_report_size(report, &taken->thread_count));
  mcp_event_stuck_thread thread = {0};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_guard_dog_report_thread(report, 0, &thread));
  thread.size = sizeof thread;
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE,
               mcp_event_guard_dog_report_thread(report, taken->thread_count, &thread));
  CHECK_OK(mcp_event_guard_dog_report_thread(report, 0, &thread));
  strncpy(taken->name, thread.name, sizeof taken->name - 1);
  taken->stuck_us = thread.stuck_us;
  taken->has_text = strstr(text, thread.name) != NULL && strncmp(text, "guard dog: ", 11) == 0;
  taken->has_doing = thread.doing != NULL && strcmp(thread.doing, "post") == 0;
  taken->has_backtrace = thread.backtrace != NULL && thread.backtrace[0] != '\0';
  if (thread.tracked_objects != NULL) {
    strncpy(taken->tracked_objects, thread.tracked_objects, sizeof taken->tracked_objects - 1);
  }
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_report_event(report, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_report_text(NULL, &text));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_report_size(report, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_report_thread(report, 0, NULL));
}

static mcp_event_guard_dog_closure noting(notes* taken) {
  const mcp_event_guard_dog_closure closure = {take_note, taken, count_drop};
  return closure;
}

// A miss after 10 ms, a megamiss after 20 ms, on simulated time.
static mcp_event_guard_dog_options on_clock(mcp_event_clock* clock) {
  mcp_event_guard_dog_options options = {0};
  options.size = sizeof options;
  options.miss_us = 10000;
  options.megamiss_us = 20000;
  options.clock = clock;
  return options;
}

static mcp_event_guard_dog* new_dog(const mcp_event_guard_dog_options* options) {
  mcp_event_guard_dog* dog = NULL;
  CHECK_OK(mcp_event_guard_dog_create(options, &dog));
  return dog;
}

static mcp_event_guard_dog_figures figures_of(const mcp_event_guard_dog* dog) {
  mcp_event_guard_dog_figures figures = {0};
  figures.size = sizeof figures;
  CHECK_OK(mcp_event_guard_dog_get_figures(dog, &figures));
  return figures;
}

static void scan_after(mcp_event_guard_dog* dog, mcp_event_clock* clock, int64_t microseconds) {
  advance_us(clock, microseconds);
  CHECK_OK(mcp_event_guard_dog_scan(dog));
}

// A loop that stands still in a callback until its pipe is written to.
typedef struct stuck_loop {
  mcp_event_dispatcher* dispatcher;
  fd_pair begun;
  fd_pair end;
  thread* runs;
} stuck_loop;

static void describe(const void* object, int32_t indent, mcp_event_dump_sink sink, void* sink_data) {
  (void)indent;
  sink(sink_data, object, strlen(object));
}

static void stand_still(void* data) {
  static const char request[] = "request 7\n";
  stuck_loop* const loop = data;
  CHECK_OK(mcp_event_dispatcher_push_tracked(loop->dispatcher, request, describe));
  write_byte(loop->begun.theirs);
  read_byte(loop->end.mine);
  CHECK_OK(mcp_event_dispatcher_pop_tracked(loop->dispatcher, request));
}

static void run_stuck(void* data) { run_until_exit(((stuck_loop*)data)->dispatcher); }

static void begin(stuck_loop* loop) {
  loop->dispatcher = new_dispatcher();
  loop->begun = new_pipe();
  loop->end = new_pipe();
  post(loop->dispatcher, stand_still, loop);
  loop->runs = start_thread(run_stuck, loop);
  read_byte(loop->begun.mine);
}

static void let_go(stuck_loop* loop) {
  CHECK_OK(mcp_event_dispatcher_exit(loop->dispatcher));
  write_byte(loop->end.theirs);
  wait_for(loop->runs);
}

static void end(stuck_loop* loop) {
  CHECK_OK(mcp_event_dispatcher_destroy(loop->dispatcher));
  close_both(&loop->begun);
  close_both(&loop->end);
}

static void w3_a_stuck_loop_is_told_and_counted(void) {
  mcp_event_clock* clock = NULL;
  CHECK_OK(mcp_event_clock_create(&clock));
  const mcp_event_guard_dog_options options = on_clock(clock);
  mcp_event_guard_dog* const dog = new_dog(&options);
  notes miss = {0};
  notes recovered = {0};
  CHECK_OK(mcp_event_guard_dog_on(dog, MCP_EVENT_GUARD_DOG_MISS, noting(&miss)));
  CHECK_OK(mcp_event_guard_dog_on(dog, MCP_EVENT_GUARD_DOG_RECOVERED, noting(&recovered)));
  stuck_loop loop;
  begin(&loop);
  CHECK_OK(mcp_event_guard_dog_watch(dog, loop.dispatcher));
  CHECK_OK(mcp_event_guard_dog_watch(dog, loop.dispatcher));
  scan_after(dog, clock, 10000);
  CHECK(miss.counts.calls == 0);
  scan_after(dog, clock, 1000);
  CHECK(miss.counts.calls == 1 && miss.event == MCP_EVENT_GUARD_DOG_MISS && miss.thread_count == 1);
  CHECK(miss.stuck_us == 11000 && miss.has_text && miss.has_doing);
#ifdef _WIN32
  // Nobody can look into a thread.
  CHECK(!miss.has_backtrace && miss.tracked_objects[0] == '\0');
#else
  CHECK(miss.has_backtrace && strcmp(miss.tracked_objects, "request 7\n") == 0);
#endif
  mcp_event_watched_figures watched = {0};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_guard_dog_get_watched_figures(dog, loop.dispatcher, &watched));
  watched.size = sizeof watched;
  CHECK_OK(mcp_event_guard_dog_get_watched_figures(dog, loop.dispatcher, &watched));
  CHECK(watched.misses == 1 && watched.megamisses == 0 && watched.stuck_us == 11000);
  let_go(&loop);
  scan_after(dog, clock, 1000);
  CHECK(recovered.counts.calls == 1 && recovered.stuck_us == 12000);
  CHECK_OK(mcp_event_guard_dog_get_watched_figures(dog, loop.dispatcher, &watched));
  CHECK(watched.stuck_us == -1);
  const mcp_event_guard_dog_figures figures = figures_of(dog);
  CHECK(figures.scans == 3 && figures.misses == 1 && figures.recoveries == 1 && figures.watched == 1);
  CHECK_OK(mcp_event_guard_dog_unwatch(dog, loop.dispatcher));
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_guard_dog_unwatch(dog, loop.dispatcher));
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_guard_dog_get_watched_figures(dog, loop.dispatcher, &watched));
  end(&loop);
  CHECK(miss.counts.drops == 0);
  CHECK_OK(mcp_event_guard_dog_destroy(dog));
  CHECK(miss.counts.drops == 1 && recovered.counts.drops == 1);
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void w3_what_is_touched_gets_on(void) {
  mcp_event_clock* clock = NULL;
  CHECK_OK(mcp_event_clock_create(&clock));
  const mcp_event_guard_dog_options options = on_clock(clock);
  mcp_event_guard_dog* const dog = new_dog(&options);
  notes miss = {0};
  CHECK_OK(mcp_event_guard_dog_on(dog, MCP_EVENT_GUARD_DOG_MISS, noting(&miss)));
  mcp_event_touched_watch* watch = NULL;
  CHECK_OK(mcp_event_guard_dog_watch_touched(dog, "mine", &watch));
  int64_t made = 0;
  int64_t seen = 0;
  CHECK_OK(mcp_event_touched_watch_last_seen_ns(watch, &made));
  for (int i = 0; i < 3; ++i) {
    CHECK_OK(mcp_event_touched_watch_touch(watch));
    scan_after(dog, clock, 11000);
  }
  CHECK_OK(mcp_event_touched_watch_last_seen_ns(watch, &seen));
  CHECK(miss.counts.calls == 0 && seen - made == 33000000);
  scan_after(dog, clock, 11000);
  CHECK(miss.counts.calls == 1 && strcmp(miss.name, "mine") == 0 && !miss.has_doing);
  CHECK_OK(mcp_event_touched_watch_destroy(watch));
  CHECK_OK(mcp_event_guard_dog_scan(dog));
  CHECK(figures_of(dog).watched == 0);
  CHECK_OK(mcp_event_guard_dog_destroy(dog));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void w3_a_multikill_tells_of_all(void) {
  mcp_event_clock* clock = NULL;
  CHECK_OK(mcp_event_clock_create(&clock));
  mcp_event_guard_dog_options options = on_clock(clock);
  options.miss_us = MCP_EVENT_GUARD_DOG_NEVER;
  options.megamiss_us = MCP_EVENT_GUARD_DOG_NEVER;
  options.kill_us = 40000;
  options.multikill_us = 30000;
  options.flags = MCP_EVENT_GUARD_DOG_NO_ABORT | MCP_EVENT_GUARD_DOG_NO_BACKTRACES |
                  MCP_EVENT_GUARD_DOG_NO_TRACKED_OBJECTS;
  mcp_event_guard_dog* const dog = new_dog(&options);
  notes kill = {0};
  notes multikill = {0};
  notes megamiss = {0};
  CHECK_OK(mcp_event_guard_dog_on(dog, MCP_EVENT_GUARD_DOG_KILL, noting(&kill)));
  CHECK_OK(mcp_event_guard_dog_on(dog, MCP_EVENT_GUARD_DOG_MULTIKILL, noting(&multikill)));
  CHECK_OK(mcp_event_guard_dog_on(dog, MCP_EVENT_GUARD_DOG_MEGAMISS, noting(&megamiss)));
  mcp_event_touched_watch* watches[2];
  CHECK_OK(mcp_event_guard_dog_watch_touched(dog, "first", &watches[0]));
  CHECK_OK(mcp_event_guard_dog_watch_touched(dog, "second", &watches[1]));
  scan_after(dog, clock, 31000);
  CHECK(multikill.counts.calls == 1 && multikill.thread_count == 2 && kill.counts.calls == 0);
  scan_after(dog, clock, 10000);
  CHECK(kill.counts.calls == 2 && kill.thread_count == 1 && multikill.counts.calls == 1);
  CHECK(megamiss.counts.calls == 0 && figures_of(dog).misses == 0);
  CHECK_OK(mcp_event_touched_watch_destroy(watches[0]));
  CHECK_OK(mcp_event_touched_watch_destroy(watches[1]));
  CHECK_OK(mcp_event_guard_dog_destroy(dog));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void w3_a_pool_is_watched_until_it_is_gone(void) {
  mcp_event_guard_dog* const dog = new_dog(NULL);
  mcp_event_pool* pool = NULL;
  CHECK_OK(mcp_event_pool_create(3, &pool));
  CHECK_OK(mcp_event_guard_dog_watch_pool(dog, pool));
  CHECK(figures_of(dog).watched == 3);
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_watch_pool(dog, NULL));
  CHECK_OK(mcp_event_pool_destroy(pool));
  CHECK_OK(mcp_event_guard_dog_scan(dog));
  CHECK(figures_of(dog).watched == 0);
  CHECK_OK(mcp_event_guard_dog_destroy(dog));
}

static void w3_a_dispatcher_that_is_destroyed_while_watched_leaves(void) {
  mcp_event_clock* clock = NULL;
  CHECK_OK(mcp_event_clock_create(&clock));
  const mcp_event_guard_dog_options options = on_clock(clock);
  mcp_event_guard_dog* const dog = new_dog(&options);
  notes miss = {0};
  CHECK_OK(mcp_event_guard_dog_on(dog, MCP_EVENT_GUARD_DOG_MISS, noting(&miss)));
  stuck_loop loop;
  begin(&loop);
  CHECK_OK(mcp_event_guard_dog_watch(dog, loop.dispatcher));
  let_go(&loop);
  end(&loop);
  scan_after(dog, clock, 100000);
  CHECK(figures_of(dog).watched == 0 && miss.counts.calls == 0);
  CHECK_OK(mcp_event_guard_dog_destroy(dog));
  CHECK_OK(mcp_event_clock_destroy(clock));
}

static void w3_stopped_twice_it_is_stopped(void) {
  mcp_event_guard_dog* const dog = new_dog(NULL);
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  CHECK_OK(mcp_event_guard_dog_stop(dog));
  CHECK_OK(mcp_event_guard_dog_stop(dog));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_guard_dog_watch(dog, dispatcher));
  mcp_event_touched_watch* watch = NULL;
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_guard_dog_watch_touched(dog, "late", &watch));
  CHECK_OK(mcp_event_guard_dog_destroy(dog));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void refuse(mcp_event_guard_dog_options options, const char* why) {
  mcp_event_guard_dog* dog = NULL;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_guard_dog_create(&options, &dog));
  CHECK(dog == NULL && strstr(mcp_event_last_error(), why) != NULL);
}

static void w3_what_makes_no_sense_is_refused(void) {
  const mcp_event_guard_dog_options good = on_clock(NULL);
  mcp_event_guard_dog_options bad = good;
  bad.size = 1;
  refuse(bad, "options.size is 1");
  bad = good;
  bad.miss_us = 20001;
  refuse(bad, "the threshold of a miss, 20.001ms, is above that of a megamiss, 20ms");
  bad = good;
  bad.miss_us = -1;
  refuse(bad, "options.miss_us is negative: -1");
  bad = good;
  bad.megamiss_us = -1;
  refuse(bad, "options.megamiss_us is negative");
  bad = good;
  bad.kill_us = -1;
  refuse(bad, "options.kill_us is negative");
  bad = good;
  bad.multikill_us = -1;
  refuse(bad, "options.multikill_us is negative");
  bad = good;
  bad.interval_us = -1;
  refuse(bad, "options.interval_us is negative");
  bad = good;
  bad.kill_grace_us = -1;
  refuse(bad, "options.kill_grace_us is negative");
  bad = good;
  bad.multikill_share = 1.5;
  refuse(bad, "the share of threads for a multikill is 1.5");
  bad = good;
  bad.flags = 8;
  refuse(bad, "unknown bits: 0x8");
#ifndef _WIN32
  bad = good;
  bad.backtrace_signal = 9;
  refuse(bad, "signal 9 cannot be caught");
#endif
  bad = good;
  bad.miss_us = bad.megamiss_us = MCP_EVENT_GUARD_DOG_NEVER;
  refuse(bad, "all thresholds are zero");

  mcp_event_guard_dog* const dog = new_dog(NULL);
  notes taken = {0};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_guard_dog_on(dog, 5, noting(&taken)));
  mcp_event_guard_dog_closure nothing = noting(&taken);
  nothing.call = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_on(dog, MCP_EVENT_GUARD_DOG_MISS, nothing));
  CHECK(taken.counts.drops == 0);
  mcp_event_guard_dog_figures figures = {0};
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_guard_dog_get_figures(dog, &figures));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_create(NULL, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_watch(dog, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_scan(NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_stop(NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_touched_watch_touch(NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_touched_watch_last_seen_ns(NULL, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_touched_watch_destroy(NULL));
  CHECK_OK(mcp_event_guard_dog_destroy(dog));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_guard_dog_destroy(NULL));
}

void guard_dog_suite(void) {
  w3_a_stuck_loop_is_told_and_counted();
  w3_what_is_touched_gets_on();
  w3_a_multikill_tells_of_all();
  w3_a_pool_is_watched_until_it_is_gone();
  w3_a_dispatcher_that_is_destroyed_while_watched_leaves();
  w3_stopped_twice_it_is_stopped();
  w3_what_makes_no_sense_is_refused();
}
