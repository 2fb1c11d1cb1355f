/* The C ABI of McpEvent: an event loop for C and C++ programs.
 *
 * Generated from src/ffi by tests/header.rs: do not edit.
 *
 * Every function returns a status (but those that describe errors), and results through out-parameters.
 * Handles are opaque; null handles and out-parameters are MCP_EVENT_NULL_ARGUMENT. Functions may be called from
 * any thread unless their text says otherwise; callbacks run on the thread inside mcp_event_dispatcher_run().
 */

#ifndef MCP_EVENT_H
#define MCP_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version this header belongs to: major * 10000 + minor * 100 + patch. `mcp_event_version()` tells the
// library's.
#define MCP_EVENT_VERSION 100

// Runs until `mcp_event_dispatcher_exit()`.
#define MCP_EVENT_RUN_BLOCK 0

// Never waits: handles what is ready, and what that adds, within a budget.
#define MCP_EVENT_RUN_NON_BLOCK 1

// The same as `MCP_EVENT_RUN_BLOCK`.
#define MCP_EVENT_RUN_UNTIL_EXIT 2

// Data, a connection or an end of file can be read.
#define MCP_EVENT_READ 1

// Data can be written, or a connect has ended.
#define MCP_EVENT_WRITE 2

// The peer has closed its writing side, or the connection is gone.
#define MCP_EVENT_CLOSED_BY_PEER 4

// The file descriptor has an error pending.
#define MCP_EVENT_ERROR 8

// Delivers once an iteration while the readiness lasts.
#define MCP_EVENT_TRIGGER_LEVEL 0

// Delivers once for each transition; readiness at creation and at each set_enabled counts as one.
#define MCP_EVENT_TRIGGER_EDGE 1

// As level, but what was delivered is not watched again until it is registered again.
#define MCP_EVENT_TRIGGER_EMULATED_EDGE 2

// Something failed.
#define MCP_EVENT_LOG_ERROR 1

// Something is odd.
#define MCP_EVENT_LOG_WARN 2

// Something worth knowing happened.
#define MCP_EVENT_LOG_INFO 3

// For debugging.
#define MCP_EVENT_LOG_DEBUG 4

// For debugging the library itself.
#define MCP_EVENT_LOG_TRACE 5

// How a call ended. `mcp_event_last_error()` has the words.
typedef enum mcp_event_status {
  // It did what was asked.
  MCP_EVENT_OK = 0,
  // A handle, an out-parameter or a callback is null.
  MCP_EVENT_NULL_ARGUMENT = 1,
  // An argument makes no sense.
  MCP_EVENT_INVALID_ARGUMENT = 2,
  // Not in this state: a nested run, a pop of the wrong tracked object, ...
  MCP_EVENT_INVALID_STATE = 3,
  // The dispatcher is shut down and takes no posts until its next run.
  MCP_EVENT_CLOSED = 4,
  // The queue of posts is at its bound.
  MCP_EVENT_QUEUE_FULL = 5,
  // The system refused; `mcp_event_last_os_error()` is its errno.
  MCP_EVENT_OS_ERROR = 6,
  // A callback threw or panicked; the loop stopped after it.
  MCP_EVENT_CALLBACK_FAILED = 7,
  // The dispatcher belongs to the parent process.
  MCP_EVENT_FORKED = 8,
  // An index is outside its range.
  MCP_EVENT_OUT_OF_RANGE = 9,
  // This poller is not built in, or does not work here.
  MCP_EVENT_UNAVAILABLE = 10,
  // A bug in the library; the text says where.
  MCP_EVENT_INTERNAL = 11,
} mcp_event_status;

// A clock that stands still until it is moved, for tests. Dispatchers on it keep it alive.
typedef struct mcp_event_clock mcp_event_clock;

// An event loop. Its functions may be called from any thread, before, while and after the loop runs;
// callbacks run on the thread inside `mcp_event_dispatcher_run()`. Handles may outlive it and are inert then.
typedef struct mcp_event_dispatcher mcp_event_dispatcher;

// Watches a file descriptor, which stays the caller's. Destroy or disable it before closing the fd. It may
// outlive its dispatcher. All functions from any thread.
typedef struct mcp_event_file_event mcp_event_file_event;

// A timer that fires again and again at a fixed rate, without drift; ticks that the loop was too busy for are
// skipped. All functions from any thread.
typedef struct mcp_event_periodic_timer mcp_event_periodic_timer;

// A fixed number of workers: dispatchers named `worker_<index>`, each run by a thread of that name.
typedef struct mcp_event_pool mcp_event_pool;

// A callback that runs at the tail of this iteration, or in the next one. It may outlive its dispatcher.
// All functions from any thread.
typedef struct mcp_event_schedulable mcp_event_schedulable;

// Listens for a signal. With the last listener of the process the signal's former disposition comes back.
typedef struct mcp_event_signal_event mcp_event_signal_event;

// A one-shot timer of a dispatcher; it may outlive it. All functions from any thread.
typedef struct mcp_event_timer mcp_event_timer;

// Settings of a dispatcher. Zero it, then set `size` to `sizeof(mcp_event_dispatcher_options)`: fields that a
// later version adds then keep their defaults.
typedef struct mcp_event_dispatcher_options {
  // The size of this struct as the caller knows it.
  size_t size;
  // The poller by name, or null: the one in `MCP_EVENT_BACKEND`, else the best one that works here.
  const char *backend;
  // A simulated clock, or null for the real one.
  const struct mcp_event_clock *clock;
  // Refuse posts while this many wait; 0: never.
  size_t queue_bound;
} mcp_event_dispatcher_options;

// A callback with its data. Calls that take one own `data` when they succeed, and call `drop(data)` once,
// after the last `call`; when they fail, `data` stays the caller's and `drop` is not called.
typedef struct mcp_event_closure {
  // Runs on the loop's thread. Not null.
  void (*call)(void *data);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_closure;

// As `mcp_event_closure`, for file events; `events` is a set of `MCP_EVENT_READ` and so on.
typedef struct mcp_event_file_closure {
  // Runs on the loop's thread. Not null.
  void (*call)(void *data, uint32_t events);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_file_closure;

// Takes one message (UTF-8, without a line end). It may be called on any thread, and must not throw.
typedef void (*mcp_event_log)(void *data, int level, const char *message);

// A histogram in short, in microseconds.
typedef struct mcp_event_histogram {
  // How many were recorded.
  uint64_t count;
  // All of them together.
  uint64_t sum;
  // The median.
  uint64_t p50;
  // The 90th percentile.
  uint64_t p90;
  // The 99th percentile.
  uint64_t p99;
  // The largest.
  uint64_t max;
} mcp_event_histogram;

// A dispatcher's figures at one moment. Set `size` before asking for them.
typedef struct mcp_event_stats {
  // `sizeof(mcp_event_stats)` as the caller knows it.
  size_t size;
  // From after a poll to the next one. Recorded from `mcp_event_dispatcher_enable_stats()` on.
  struct mcp_event_histogram loop_duration_us;
  // How late a poll returned past its timeout. Recorded likewise.
  struct mcp_event_histogram poll_delay_us;
  // Iterations of the loop.
  uint64_t iterations;
  // Callbacks of file events.
  uint64_t events;
  // Posts run.
  uint64_t posts_run;
  // Posts refused.
  uint64_t posts_refused;
  // Callbacks of timers.
  uint64_t timers_fired;
  // Objects destroyed by deferred deletion.
  uint64_t deferred_deletes;
  // Wake-ups by other threads that cost a system call.
  uint64_t wakes;
  // Posts waiting.
  uint64_t queue_depth;
  // Schedulable callbacks run.
  uint64_t scheduled_run;
  // Callbacks of signal events.
  uint64_t signals;
  // Changes of what is watched that the system refused after the call that asked for them had returned.
  uint64_t registration_errors;
} mcp_event_stats;

// Takes a piece of a dump: `length` bytes of text, not zero-terminated.
typedef void (*mcp_event_dump_sink)(void *sink_data, const char *text, size_t length);

// Describes `object` by calls of `sink(sink_data, ...)`, indented by `indent` levels.
typedef void (*mcp_event_dump)(const void *object, int32_t indent, mcp_event_dump_sink sink, void *sink_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Makes a clock; give it to a dispatcher in its options.
enum mcp_event_status mcp_event_clock_create(struct mcp_event_clock **out);

// Moves time forward and wakes the loops on this clock. From any thread.
enum mcp_event_status mcp_event_clock_advance_ns(struct mcp_event_clock *clock, int64_t nanoseconds);

// Lets the clock go; dispatchers on it keep it.
enum mcp_event_status mcp_event_clock_destroy(struct mcp_event_clock *clock);

// Makes a dispatcher. `name`, of any length, is for logs; `options` may be null.
enum mcp_event_status mcp_event_dispatcher_create(const char *name,
                                                  const struct mcp_event_dispatcher_options *options,
                                                  struct mcp_event_dispatcher **out);

// Destroys it: what is queued is dropped without running. From any thread; if another thread runs it, that one
// is made to leave first; inside one of its own callbacks, its run() returns after that callback.
enum mcp_event_status mcp_event_dispatcher_destroy(struct mcp_event_dispatcher *dispatcher);

// Runs the loop on this thread, as `run_type` says. If another thread runs it already, waits until that one
// leaves, runs nothing, and returns `MCP_EVENT_OK` (a non-blocking run is refused then).
// `MCP_EVENT_CALLBACK_FAILED`: a callback threw or panicked; the loop stopped after it, what is queued stays
// queued, and the last error says what it was. `MCP_EVENT_INVALID_STATE` inside one of its own callbacks.
enum mcp_event_status mcp_event_dispatcher_run(struct mcp_event_dispatcher *dispatcher, int run_type);

// Asks the loop to leave run() after what was posted, deferred and scheduled for the current iteration before
// this call. Remembered if nobody runs it: the next blocking run then makes one pass.
enum mcp_event_status mcp_event_dispatcher_exit(struct mcp_event_dispatcher *dispatcher);

// Forgets an exit that no run has obeyed yet.
enum mcp_event_status mcp_event_dispatcher_clear_exit(struct mcp_event_dispatcher *dispatcher);

// Refuses posts from now on, until the next run, and drops what is queued without running it. If another
// thread runs the loop, it is made to leave first.
enum mcp_event_status mcp_event_dispatcher_shutdown(struct mcp_event_dispatcher *dispatcher);

// Runs the closure on the loop, after all that was posted before, and drops it right after.
// `MCP_EVENT_CLOSED` after a shutdown, `MCP_EVENT_QUEUE_FULL` at the bound, `MCP_EVENT_FORKED` in a child.
enum mcp_event_status mcp_event_dispatcher_post(struct mcp_event_dispatcher *dispatcher,
                                                struct mcp_event_closure closure);

// Calls `destroy(object)` on the loop at the tail of the iteration, never inside this call. A null object is
// ignored. On failure the object stays the caller's.
enum mcp_event_status mcp_event_dispatcher_deferred_delete(struct mcp_event_dispatcher *dispatcher,
                                                           void *object,
                                                           void (*destroy)(void *object));

// Destroys now what was deferred; does nothing when called by one of those destructors. While another thread
// runs the loop, that thread does it, in its next tail.
enum mcp_event_status mcp_event_dispatcher_clear_deferred_delete_list(struct mcp_event_dispatcher *dispatcher);

// Whether this thread is the one that runs the loop, or was the last to run it.
enum mcp_event_status mcp_event_dispatcher_is_thread_safe(const struct mcp_event_dispatcher *dispatcher,
                                                          bool *out);

// Whether some thread is inside run().
enum mcp_event_status mcp_event_dispatcher_is_running(const struct mcp_event_dispatcher *dispatcher,
                                                      bool *out);

// The monotonic time of the iteration in nanoseconds, on the clock of `CLOCK_MONOTONIC`; constant within an
// iteration.
enum mcp_event_status mcp_event_dispatcher_approximate_time_ns(const struct mcp_event_dispatcher *dispatcher,
                                                               uint64_t *out);

// Refreshes that time now.
enum mcp_event_status mcp_event_dispatcher_update_approximate_time(struct mcp_event_dispatcher *dispatcher);

// The name of the poller it runs on: "epoll". Static.
enum mcp_event_status mcp_event_dispatcher_backend(const struct mcp_event_dispatcher *dispatcher,
                                                   const char **out);

// The name of the poller that a dispatcher made now, with none named, would run on. Static.
enum mcp_event_status mcp_event_default_backend(const char **out);

// `MCP_EVENT_OK` if a dispatcher can run on the poller of that name, `MCP_EVENT_UNAVAILABLE` if it is not
// built in or does not work here, `MCP_EVENT_INVALID_ARGUMENT` if nobody knows it.
enum mcp_event_status mcp_event_backend_check(const char *name);

// A file descriptor that is readable when a non-blocking run would find work, for a foreign loop to watch. It
// stays the dispatcher's.
enum mcp_event_status mcp_event_dispatcher_poll_fd(struct mcp_event_dispatcher *dispatcher, int *out);

// How many nanoseconds a foreign loop may wait before it runs the dispatcher even though the poll fd is not
// readable; -1: for ever.
enum mcp_event_status mcp_event_dispatcher_next_timeout_ns(struct mcp_event_dispatcher *dispatcher,
                                                           int64_t *out);

// Destroys it, under the rules of `mcp_event_timer_destroy`.
enum mcp_event_status mcp_event_file_event_destroy(struct mcp_event_file_event *event);

// Watches `fd` for `events`, a set of `MCP_EVENT_READ` and so on. `MCP_EVENT_OS_ERROR` when it cannot be
// watched: it is closed (EBADF), a regular file (EPERM), ...
enum mcp_event_status mcp_event_file_event_create(struct mcp_event_dispatcher *dispatcher,
                                                  int fd,
                                                  int trigger_type,
                                                  uint32_t events,
                                                  struct mcp_event_file_closure closure,
                                                  struct mcp_event_file_event **out);

// Watches `events` from now on; 0: nothing is delivered, hang-ups and errors included. Drops activations that
// were not delivered yet. On an edge event, readiness that exists is delivered again.
enum mcp_event_status mcp_event_file_event_set_enabled(struct mcp_event_file_event *event, uint32_t events);

// Delivers `events` in the next iteration, whether or not they are ready or enabled, merged with what is. 0
// and unknown bits are `MCP_EVENT_INVALID_ARGUMENT`.
enum mcp_event_status mcp_event_file_event_activate(struct mcp_event_file_event *event, uint32_t events);

// Stops watching `events` if the trigger is emulated edge; else does nothing.
enum mcp_event_status mcp_event_file_event_unregister_if_emulated_edge(struct mcp_event_file_event *event,
                                                                       uint32_t events);

// Watches `events` again if the trigger is emulated edge; else does nothing.
enum mcp_event_status mcp_event_file_event_register_if_emulated_edge(struct mcp_event_file_event *event,
                                                                     uint32_t events);

// Sends the library's messages up to `max_level` to `log(data, ...)`. `drop(data)`, unless null, is called when it
// is replaced. A null `log` only ends that; the other arguments are not looked at. `MCP_EVENT_INVALID_STATE` if the
// program has a `tracing` subscriber of its own, which then gets them.
enum mcp_event_status mcp_event_set_log(mcp_event_log log,
                                        int max_level,
                                        void *data,
                                        void (*drop)(void *data));

// Makes a pool of `size` workers, none of them started; 0 is allowed.
enum mcp_event_status mcp_event_pool_create(size_t size, struct mcp_event_pool **out);

// Starts all workers, and returns once each owns its loop. If one fails, those started are stopped again.
// Nothing for those that are started already.
enum mcp_event_status mcp_event_pool_start(struct mcp_event_pool *pool);

// Asks all workers to stop, after what was posted before, then waits for each. The pool can be started again.
enum mcp_event_status mcp_event_pool_stop(struct mcp_event_pool *pool);

// How many workers there are.
enum mcp_event_status mcp_event_pool_size(const struct mcp_event_pool *pool, size_t *out);

// The dispatcher of worker `index`; it stays the pool's. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
enum mcp_event_status mcp_event_pool_dispatcher(const struct mcp_event_pool *pool,
                                                size_t index,
                                                struct mcp_event_dispatcher **out);

// The dispatcher of the next worker, round robin; it stays the pool's. `MCP_EVENT_OUT_OF_RANGE` for an empty
// pool.
enum mcp_event_status mcp_event_pool_next(const struct mcp_event_pool *pool,
                                          struct mcp_event_dispatcher **out);

// Stops the pool and destroys it and its dispatchers.
enum mcp_event_status mcp_event_pool_destroy(struct mcp_event_pool *pool);

// Destroys it, under the rules of `mcp_event_timer_destroy`.
enum mcp_event_status mcp_event_schedulable_destroy(struct mcp_event_schedulable *callback);

// Makes a callback, not scheduled.
enum mcp_event_status mcp_event_schedulable_create(struct mcp_event_dispatcher *dispatcher,
                                                   struct mcp_event_closure closure,
                                                   struct mcp_event_schedulable **out);

// Runs it at the tail of this iteration, after the posts; never inside this call. The first schedule wins.
enum mcp_event_status mcp_event_schedulable_schedule_current_iteration(struct mcp_event_schedulable *callback);

// Runs it in the next iteration, after a poll. The first schedule wins.
enum mcp_event_status mcp_event_schedulable_schedule_next_iteration(struct mcp_event_schedulable *callback);

// Takes the schedule back: no callback begins after this returns.
enum mcp_event_status mcp_event_schedulable_cancel(struct mcp_event_schedulable *callback);

// Whether it is scheduled; false from just before it runs.
enum mcp_event_status mcp_event_schedulable_enabled(const struct mcp_event_schedulable *callback, bool *out);

// Destroys it, under the rules of `mcp_event_timer_destroy`.
enum mcp_event_status mcp_event_signal_event_destroy(struct mcp_event_signal_event *event);

// Listens for a signal; the closure runs on the loop's thread, at least once after the last delivery.
// `MCP_EVENT_INVALID_ARGUMENT` for a number that is no signal, cannot be caught, or is a fault of the program.
enum mcp_event_status mcp_event_signal_event_create(struct mcp_event_dispatcher *dispatcher,
                                                    int signal_number,
                                                    struct mcp_event_closure closure,
                                                    struct mcp_event_signal_event **out);

// Starts to record the histograms.
enum mcp_event_status mcp_event_dispatcher_enable_stats(struct mcp_event_dispatcher *dispatcher);

// Fills in the figures so far, without stopping the loop.
enum mcp_event_status mcp_event_dispatcher_stats(const struct mcp_event_dispatcher *dispatcher,
                                                 struct mcp_event_stats *out);

// The text of the last failure on this thread, or "". It is valid until the next failure on this thread.
const char *mcp_event_last_error(void);

// The errno of the last failure on this thread, if it was `MCP_EVENT_OS_ERROR`, else 0.
int mcp_event_last_os_error(void);

// A status as a word, for logs: "ok", "null argument", ... "unknown status" for other numbers. Static.
const char *mcp_event_status_name(int status);

// The version of the library that runs, as `MCP_EVENT_VERSION`: major * 10000 + minor * 100 + patch. Compare it
// with the header's.
uint32_t mcp_event_version(void);

// Destroys it: no callback begins after this returns. From any thread, also inside its own callback. From
// another thread than the loop's it waits for a running callback to return, unless it is called inside a
// callback; so never hold what the callback waits for.
enum mcp_event_status mcp_event_timer_destroy(struct mcp_event_timer *timer);

// Makes a timer, not armed.
enum mcp_event_status mcp_event_timer_create(struct mcp_event_dispatcher *dispatcher,
                                             struct mcp_event_closure closure,
                                             struct mcp_event_timer **out);

// Arms it to fire once, `microseconds` from now; replaces an earlier deadline. Negative counts as 0, which
// means the next iteration; INT64_MAX never comes. Never early.
enum mcp_event_status mcp_event_timer_enable_us(struct mcp_event_timer *timer, int64_t microseconds);

// Disarms it: no callback begins after this returns.
enum mcp_event_status mcp_event_timer_disable(struct mcp_event_timer *timer);

// Whether it is armed; false inside its callback, until it is enabled again.
enum mcp_event_status mcp_event_timer_enabled(const struct mcp_event_timer *timer, bool *out);

// Makes a periodic timer, not started.
enum mcp_event_status mcp_event_periodic_timer_create(struct mcp_event_dispatcher *dispatcher,
                                                      struct mcp_event_closure closure,
                                                      struct mcp_event_periodic_timer **out);

// Starts it, or starts it anew: first after one interval, then at every multiple of it. An interval that is
// not positive is `MCP_EVENT_INVALID_ARGUMENT`.
enum mcp_event_status mcp_event_periodic_timer_enable_us(struct mcp_event_periodic_timer *timer,
                                                         int64_t interval_microseconds);

// Stops it: no callback begins after this returns.
enum mcp_event_status mcp_event_periodic_timer_disable(struct mcp_event_periodic_timer *timer);

// Whether it ticks.
enum mcp_event_status mcp_event_periodic_timer_enabled(const struct mcp_event_periodic_timer *timer,
                                                       bool *out);

// Destroys it, under the rules of `mcp_event_timer_destroy`.
enum mcp_event_status mcp_event_periodic_timer_destroy(struct mcp_event_periodic_timer *timer);

// Pushes an object on the stack of what the loop is working on; `dump` describes it. It must not throw.
enum mcp_event_status mcp_event_dispatcher_push_tracked(struct mcp_event_dispatcher *dispatcher,
                                                        const void *object,
                                                        mcp_event_dump dump);

// Pops the innermost object, which must be `object`; else `MCP_EVENT_INVALID_STATE`, and nothing is popped.
enum mcp_event_status mcp_event_dispatcher_pop_tracked(struct mcp_event_dispatcher *dispatcher,
                                                       const void *object);

// Describes the tracked objects, innermost first, by calls of `sink(sink_data, ...)`. On the loop's thread, or
// while nobody runs it; else `MCP_EVENT_INVALID_STATE`.
enum mcp_event_status mcp_event_dispatcher_dump_tracked(struct mcp_event_dispatcher *dispatcher,
                                                        mcp_event_dump_sink sink,
                                                        void *sink_data);

// Has the loop call `touch(data)` before every callback, and every `min_touch_interval_us` (not positive: from
// callbacks alone). Replaces the one before; a null `touch` only removes it. `drop(data)`, unless null, is
// called when the dispatcher lets go of it; on failure the data stays the caller's.
enum mcp_event_status mcp_event_dispatcher_register_watchdog(struct mcp_event_dispatcher *dispatcher,
                                                             void (*touch)(void *data),
                                                             void *data,
                                                             void (*drop)(void *data),
                                                             int64_t min_touch_interval_us);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MCP_EVENT_H */
