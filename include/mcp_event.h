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

// Restarted when it fails if it has a `create` function, else never.
#define MCP_EVENT_RESTART_DEFAULT 0

// Restarted always, also when it stopped itself; but not when somebody else stopped it.
#define MCP_EVENT_RESTART_PERMANENT 1

// Restarted when it failed.
#define MCP_EVENT_RESTART_TRANSIENT 2

// Never restarted.
#define MCP_EVENT_RESTART_TEMPORARY 3

// When a child fails, that one alone is restarted.
#define MCP_EVENT_ONE_FOR_ONE 0

// When a child fails, all are stopped and restarted, in their order.
#define MCP_EVENT_ONE_FOR_ALL 1

// When a child fails, that one, and those that were started after it, are stopped and restarted.
#define MCP_EVENT_REST_FOR_ONE 2

// On the next worker, round robin.
#define MCP_EVENT_PLACE_NEXT 0

// On the worker of the parent; without a parent, on the next one.
#define MCP_EVENT_PLACE_WITH_PARENT 1

// On the worker of the number in `worker`, counted from 0.
#define MCP_EVENT_PLACE_ON_WORKER 2

// As `max_restarts`: as often as it takes.
#define MCP_EVENT_UNLIMITED_RESTARTS UINT32_MAX

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

// The turn is over.
#define MCP_EVENT_TURN_OVER 0

// Somebody stopped the foreign loop: the dispatcher leaves its run() as after an exit.
#define MCP_EVENT_TURN_STOPPED 1

// A thread has stood still for longer than the threshold of a kill; the process is about to be killed.
#define MCP_EVENT_GUARD_DOG_KILL 0

// So many threads have, for longer than the threshold of a multikill.
#define MCP_EVENT_GUARD_DOG_MULTIKILL 1

// A thread has stood still for longer than the threshold of a megamiss.
#define MCP_EVENT_GUARD_DOG_MEGAMISS 2

// A thread has stood still for longer than the threshold of a miss.
#define MCP_EVENT_GUARD_DOG_MISS 3

// A thread of which one of the others was told gets on again.
#define MCP_EVENT_GUARD_DOG_RECOVERED 4

// A threshold that is never reached.
#define MCP_EVENT_GUARD_DOG_NEVER 9223372036854775807

// A kill or multikill is an event like the others, and does not end the process.
#define MCP_EVENT_GUARD_DOG_NO_ABORT 1

// Reports have no backtrace, and no thread gets a signal.
#define MCP_EVENT_GUARD_DOG_NO_BACKTRACES 2

// Reports have no tracked objects, and the process is not copied (by `clone`, without `atfork` handlers).
#define MCP_EVENT_GUARD_DOG_NO_TRACKED_OBJECTS 4

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

// One worker after the other.
#define MCP_EVENT_POOL_ROUND_ROBIN 0

// The worker with the least to do: looks at all.
#define MCP_EVENT_POOL_LEAST_LOADED 1

// The less loaded of two that chance picks.
#define MCP_EVENT_POOL_POWER_OF_TWO_CHOICES 2

// How long an HTTP connection may take to decode a request's headers.
#define MCP_EVENT_SCALED_TIMER_HTTP_CONNECTION_MANAGER_DECODE_DURATION 0

// How long an HTTP connection may be without a stream.
#define MCP_EVENT_SCALED_TIMER_HTTP_CONNECTION_MANAGER_NEW_STREAM 1

// What the state of an overload action depends on.
#define MCP_EVENT_SCALED_TIMER_OVERLOAD_ACTION_STATE 2

// A request to a server that is not ready fails at once.
#define MCP_EVENT_FAIL_WHEN_DOWN 0

// It waits until the server is ready, no longer than its own time, and fails when the server will not be ready of
// itself.
#define MCP_EVENT_WAIT_WHEN_DOWN 1

#if !defined(_WIN32)
// Bytes have come in.
#define MCP_EVENT_RECEIVED_DATA 0
#endif

#if !defined(_WIN32)
// The peer has ended its sending side. Nothing more is received; sending goes on.
#define MCP_EVENT_RECEIVED_END 1
#endif

#if !defined(_WIN32)
// Receiving has failed, or took longer than its timeout: `mcp_event_last_error()` has the words, and
// `mcp_event_last_os_error()` the errno, ETIMEDOUT among them. Nothing more is received.
#define MCP_EVENT_RECEIVED_FAILURE 2
#endif

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
  // The dispatcher is shut down and takes no posts until its next run; the actor takes no messages any more.
  MCP_EVENT_CLOSED = 4,
  // The queue of posts, or the mailbox, is at its bound.
  MCP_EVENT_QUEUE_FULL = 5,
  // The system refused; `mcp_event_last_os_error()` is its errno.
  MCP_EVENT_OS_ERROR = 6,
  // A callback threw or panicked; the loop stopped after it.
  MCP_EVENT_CALLBACK_FAILED = 7,
  // The dispatcher belongs to the parent process.
  MCP_EVENT_FORKED = 8,
  // An index is outside its range.
  MCP_EVENT_OUT_OF_RANGE = 9,
  // Not part of this build, or not possible on this system; the text says why.
  MCP_EVENT_UNAVAILABLE = 10,
  // A bug in the library; the text says where.
  MCP_EVENT_INTERNAL = 11,
  // Nothing has this name.
  MCP_EVENT_NOT_FOUND = 12,
  // Another actor has this name.
  MCP_EVENT_NAME_TAKEN = 13,
  // The request was dropped without a reply.
  MCP_EVENT_NO_REPLY = 14,
  // The time for it is over.
  MCP_EVENT_TIMED_OUT = 15,
} mcp_event_status;

// Why an actor, or one life of it, ended.
typedef enum mcp_event_actor_reason_kind {
  // It stopped itself.
  MCP_EVENT_REASON_NORMAL = 0,
  // Somebody asked it to stop.
  MCP_EVENT_REASON_STOPPED = 1,
  // A callback of it failed, or threw.
  MCP_EVENT_REASON_ERROR = 2,
  // The library panicked inside it.
  MCP_EVENT_REASON_PANIC = 3,
  // An actor that it was linked to failed.
  MCP_EVENT_REASON_LINKED = 4,
  // Its children failed more often than its supervision allows.
  MCP_EVENT_REASON_TOO_MANY_RESTARTS = 5,
  // It did not stop within its time limit.
  MCP_EVENT_REASON_CUT_OFF = 6,
  // It had ended before it was watched.
  MCP_EVENT_REASON_GONE = 7,
  // Its loop was shut down, so it cannot do anything any more.
  MCP_EVENT_REASON_LOOP_GONE = 8,
} mcp_event_actor_reason_kind;

// What an actor is told of another one.
typedef enum mcp_event_actor_signal_kind {
  // An actor that it monitors ended. It is told once.
  MCP_EVENT_SIGNAL_DOWN = 0,
  // An actor that it is linked to failed. The link is gone.
  MCP_EVENT_SIGNAL_LINK_FAILED = 1,
} mcp_event_actor_signal_kind;

// What an actor is doing.
typedef enum mcp_event_actor_state {
  // It has not run its `started` callback yet.
  MCP_EVENT_ACTOR_STARTING = 0,
  // It handles messages.
  MCP_EVENT_ACTOR_RUNNING = 1,
  // It handles the messages that are left, and takes no others.
  MCP_EVENT_ACTOR_DRAINING = 2,
  // Its callbacks and its children end.
  MCP_EVENT_ACTOR_STOPPING = 3,
  // It failed, and waits to be restarted.
  MCP_EVENT_ACTOR_RESTARTING = 4,
  // It ended for good.
  MCP_EVENT_ACTOR_STOPPED = 5,
} mcp_event_actor_state;

// What happened to an actor that somebody should know of.
typedef enum mcp_event_actor_event_kind {
  // A life of it ended: it failed, or it is permanent and stopped itself.
  MCP_EVENT_ACTOR_FAILED = 0,
  // It failed more often than it may, and is not restarted.
  MCP_EVENT_ACTOR_GIVEN_UP = 1,
  // It did not stop within its time limit, and is waited for no longer.
  MCP_EVENT_ACTOR_CUT_OFF = 2,
  // A message came that nobody will handle; it is dropped.
  MCP_EVENT_DEAD_LETTER = 3,
} mcp_event_actor_event_kind;

// What a loop is busy with.
typedef enum mcp_event_activity {
  // Nobody runs it.
  MCP_EVENT_ACTIVITY_NOT_RUNNING = 0,
  // It waits for events.
  MCP_EVENT_ACTIVITY_WAITING = 1,
  // Its own work, between callbacks.
  MCP_EVENT_ACTIVITY_DISPATCHING = 2,
  // A post.
  MCP_EVENT_ACTIVITY_POST = 3,
  // A message to an actor.
  MCP_EVENT_ACTIVITY_MESSAGE = 4,
  // A task: a future of Rust's that is polled.
  MCP_EVENT_ACTIVITY_TASK = 5,
  // A timer's callback.
  MCP_EVENT_ACTIVITY_TIMER = 6,
  // A file event's callback; the number is its fd.
  MCP_EVENT_ACTIVITY_FILE_EVENT = 7,
  // A signal event's callback; the number is the signal's.
  MCP_EVENT_ACTIVITY_SIGNAL = 8,
  // A schedulable callback.
  MCP_EVENT_ACTIVITY_SCHEDULED = 9,
  // The destruction of an object that was deferred.
  MCP_EVENT_ACTIVITY_DEFERRED_DELETE = 10,
  // Destruction: of destroyed handles' data, or of what a shutdown drops.
  MCP_EVENT_ACTIVITY_DESTRUCTOR = 11,
} mcp_event_activity;

// What came of a request.
typedef enum mcp_event_call_outcome {
  // The server answered with a result.
  MCP_EVENT_CALL_RESULT = 0,
  // The server answered with an error.
  MCP_EVENT_CALL_RPC_ERROR = 1,
  // No server has this name.
  MCP_EVENT_CALL_UNKNOWN_SERVER = 2,
  // The server is not ready.
  MCP_EVENT_CALL_DOWN = 3,
  // No answer came in time. The server was told that nobody waits any more.
  MCP_EVENT_CALL_TIMED_OUT = 4,
  // It was cancelled.
  MCP_EVENT_CALL_CANCELLED = 5,
  // The server ended, or was stopped, before it answered.
  MCP_EVENT_CALL_CONNECTION_LOST = 6,
  // The answer was no valid message.
  MCP_EVENT_CALL_MALFORMED = 7,
  // The request is not one: its parameters are neither an object nor an array, or its method is empty.
  MCP_EVENT_CALL_INVALID_REQUEST = 8,
  // The server does not read what it is sent, and too much waits for it.
  MCP_EVENT_CALL_NOT_READING = 9,
  // The thread of a loop, which must not wait, was to wait for the answer.
  MCP_EVENT_CALL_ON_LOOP = 10,
  // The manager has stopped.
  MCP_EVENT_CALL_MANAGER_STOPPED = 11,
} mcp_event_call_outcome;

// What a server is doing.
typedef enum mcp_event_server_status {
  // Its process is started, or the handshake is under way.
  MCP_EVENT_SERVER_STARTING = 0,
  // It is ready for requests.
  MCP_EVENT_SERVER_RUNNING = 1,
  // It runs, but its health checks fail.
  MCP_EVENT_SERVER_UNHEALTHY = 2,
  // It was asked to end, and has not ended yet.
  MCP_EVENT_SERVER_STOPPING = 3,
  // It does not run, and is not meant to.
  MCP_EVENT_SERVER_STOPPED = 4,
  // It does not run, and is not started again by itself.
  MCP_EVENT_SERVER_FAILED = 5,
  // It does not run, and is started again after a wait.
  MCP_EVENT_SERVER_BACKOFF = 6,
} mcp_event_server_status;

// What a new configuration means for a server.
typedef enum mcp_event_server_change_kind {
  // It is new.
  MCP_EVENT_SERVER_ADDED = 0,
  // It is not there any more, and is stopped.
  MCP_EVENT_SERVER_REMOVED = 1,
  // It is reached in another way, or disabled or enabled: it is stopped, and started anew.
  MCP_EVENT_SERVER_CHANGED = 2,
  // It is reached as before, with other settings; its process stays.
  MCP_EVENT_SERVER_RELABELLED = 3,
  // Nothing changes.
  MCP_EVENT_SERVER_UNCHANGED = 4,
} mcp_event_server_change_kind;

// Reaches an actor, from any thread, over all its lives. The handle is yours; it does not keep the actor running.
typedef struct mcp_event_actor mcp_event_actor;

// An actor, as its own callbacks see it. Valid until the callback that is given it returns, on its thread, and
// not inside another actor's callback; after that every function refuses it with `MCP_EVENT_INVALID_STATE`.
typedef struct mcp_event_actor_context mcp_event_actor_context;

// Actors, and the dispatchers that they live on.
typedef struct mcp_event_actor_system mcp_event_actor_system;

// All actors of a system at one moment.
typedef struct mcp_event_actor_tree mcp_event_actor_tree;

// A clock that stands still until it is moved, for tests. Dispatchers on it keep it alive.
typedef struct mcp_event_clock mcp_event_clock;

#if !defined(_WIN32)
// An attempt to connect. It may outlive its dispatcher. All functions from any thread.
typedef struct mcp_event_connect mcp_event_connect;
#endif

// An event loop. Its functions may be called from any thread, before, while and after the loop runs;
// callbacks run on the thread inside `mcp_event_dispatcher_run()`. Handles may outlive it and are inert then.
typedef struct mcp_event_dispatcher mcp_event_dispatcher;

// Watches a file descriptor, which stays the caller's. Destroy or disable it before closing the fd. It may
// outlive its dispatcher. All functions from any thread.
typedef struct mcp_event_file_event mcp_event_file_event;

// Watches dispatchers, from threads of its own, and tells the log and its actions who is stuck.
typedef struct mcp_event_guard_dog mcp_event_guard_dog;

// An event, and all that could be found out about it. It lives as long as the action that is called with it.
typedef struct mcp_event_guard_dog_report mcp_event_guard_dog_report;

#if !defined(_WIN32)
// Accepts connections. It may outlive its dispatcher. All functions from any thread.
typedef struct mcp_event_listener mcp_event_listener;
#endif

// Knows whose figures are shown: dispatchers, pools, and sources of the program's own. Each has a name of its own,
// by which it is shown and removed.
typedef struct mcp_event_metrics mcp_event_metrics;

// Serves the figures of an `mcp_event_metrics` over HTTP, at `/metrics`, on the loop of a dispatcher.
typedef struct mcp_event_metrics_endpoint mcp_event_metrics_endpoint;

// A page of figures that is being written. It lives for the length of a source's call.
typedef struct mcp_event_metrics_page mcp_event_metrics_page;

// A timer that fires again and again at a fixed rate, without drift; ticks that the loop was too busy for are
// skipped. All functions from any thread.
typedef struct mcp_event_periodic_timer mcp_event_periodic_timer;

// Workers: dispatchers named `worker_<index>`, each run by a thread of that name. Their number is fixed, or follows
// the load.
typedef struct mcp_event_pool mcp_event_pool;

// Scales the timers of a dispatcher by its load: measures that again and again on the loop, makes a pressure from 0
// to 1 of it, and sets the scale factor to 1 minus the pressure. All functions from any thread; it may outlive its
// dispatcher.
typedef struct mcp_event_pressure_driver mcp_event_pressure_driver;

// Where to send the reply to a request: once, from any thread. It is used up by
// `mcp_event_reply_send()`, or by `mcp_event_reply_destroy()`, which tells who asked that no reply comes.
typedef struct mcp_event_reply mcp_event_reply;

// A timer that fires the earlier the more load there is: between a minimum and the maximum that it is enabled for, at
// `minimum + (maximum - minimum) * factor`, with the factor of its dispatcher. It may outlive that. All functions
// from any thread.
typedef struct mcp_event_scaled_timer mcp_event_scaled_timer;

// A callback that runs at the tail of this iteration, or in the next one. It may outlive its dispatcher.
// All functions from any thread.
typedef struct mcp_event_schedulable mcp_event_schedulable;

// What a new configuration changed: each server, old or new, and what the change means for it.
typedef struct mcp_event_server_change mcp_event_server_change;

// Which MCP servers there are, and how each is supervised: a valid configuration. It does not change.
typedef struct mcp_event_server_config mcp_event_server_config;

// All servers at one moment, in the order of the configuration.
typedef struct mcp_event_server_list mcp_event_server_list;

// Lines of a server's log, the oldest first.
typedef struct mcp_event_server_log mcp_event_server_log;

// MCP servers that are kept running, asked and watched. Its callbacks run on one thread, one at a time: on that of
// a dispatcher of yours, or on one of the manager's own. What they throw is logged, and ends nothing.
typedef struct mcp_event_server_manager mcp_event_server_manager;

// Listens for a signal. With the last listener of the process the signal's former disposition comes back.
typedef struct mcp_event_signal_event mcp_event_signal_event;

#if !defined(_WIN32)
// A connection whose I/O the loop does. It may outlive its dispatcher. All functions from any thread.
typedef struct mcp_event_stream mcp_event_stream;
#endif

// A text of any length, which is yours to destroy.
typedef struct mcp_event_text mcp_event_text;

// A one-shot timer of a dispatcher; it may outlive it. All functions from any thread.
typedef struct mcp_event_timer mcp_event_timer;

// A watch over what is no dispatcher of this library.
typedef struct mcp_event_touched_watch mcp_event_touched_watch;

// A message, or a reply. A call that takes one owns `data` when it succeeds, and `drop(data)` is called exactly
// once, whatever becomes of the message; when it fails, `data` stays the caller's and `drop` is not called.
//
// A callback that is given one may take its data over: it sets `drop` to null.
typedef struct mcp_event_message {
  // The message, for the two sides to understand; null if there is nothing to say.
  void *data;
  // Its size in bytes. The library does not look at them.
  size_t size;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_message;

// Why an actor ended. It, and its text, live as long as the callback that is given it.
typedef struct mcp_event_actor_reason {
  // In short.
  enum mcp_event_actor_reason_kind kind;
  // Whether it is a failure, and not a stop that somebody wanted.
  bool is_failure;
  // In words.
  const char *text;
} mcp_event_actor_reason;

// What an actor is told of another one. It lives as long as the callback that is given it.
typedef struct mcp_event_actor_signal {
  // What it is.
  enum mcp_event_actor_signal_kind kind;
  // The id of the other actor.
  uint64_t actor;
  // How that ended.
  const struct mcp_event_actor_reason *reason;
  // Whether that is restarted.
  bool restarts;
} mcp_event_actor_signal;

// What an actor does. Zero it, then set `size` to `sizeof(mcp_event_actor_behaviour)`.
//
// All callbacks run on the thread of the actor's dispatcher, one at a time. One that returns another status than
// `MCP_EVENT_OK`, or throws, is the failure of this actor alone: its data is dropped, its children are stopped,
// and its parent decides what comes next. The reason's text is that of `mcp_event_actor_context_fail()`, else
// that of the last call of ours that failed in the callback, else the status in words.
typedef struct mcp_event_actor_behaviour {
  // The size of this struct as the caller knows it.
  size_t size;
  // The actor's data, passed to its callbacks: for an actor that has one life, without `create`.
  void *data;
  // Makes the data of each life, on the actor's thread. Null: it has one life, on `data`.
  enum mcp_event_status (*create)(void *factory, void **data);
  // Passed to `create`.
  void *factory;
  // Frees `factory` once the actor has ended and its last handle is destroyed; null if there is nothing to
  // free. On any thread.
  void (*drop_factory)(void *factory);
  // Frees the data when a life ends; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
  // Called for each message. The message is dropped when it returns, unless it sets `message->drop` to null.
  // Not null.
  enum mcp_event_status (*handle)(void *data,
                                  struct mcp_event_message *message,
                                  struct mcp_event_actor_context *context);
  // Called before the first message of each life; may be null.
  enum mcp_event_status (*started)(void *data, struct mcp_event_actor_context *context);
  // Called when it is to stop, while its children still live; may be null. Not called after a failure.
  enum mcp_event_status (*stopping)(void *data, struct mcp_event_actor_context *context);
  // The last call, after its children have ended; may be null. Not called after a failure.
  void (*stopped)(void *data, const struct mcp_event_actor_reason *reason);
  // Called with news of an actor that it monitors or is linked to. Null: it fails with those it is linked to.
  enum mcp_event_status (*signal)(void *data,
                                  const struct mcp_event_actor_signal *signal,
                                  struct mcp_event_actor_context *context);
} mcp_event_actor_behaviour;

// How long to wait before an actor is restarted: longer with each failure that follows closely.
typedef struct mcp_event_backoff {
  // Before the first restart, in microseconds; 0 means the default, whatever the other fields are.
  int64_t initial_us;
  // The longest wait; 0: thirty seconds.
  int64_t max_us;
  // What each further wait is multiplied by; 0: 2.
  double factor;
  // The share of a wait, up to 1, that is random, so that many that failed together do not come back together.
  double jitter;
  // An actor that lived so long is at the first wait again; 0: `max_us`.
  int64_t reset_after_us;
} mcp_event_backoff;

// How often actors may be restarted: up to `max_restarts` times within `window_us`.
typedef struct mcp_event_intensity {
  // Microseconds; 0 means the default, unless `max_restarts` is `MCP_EVENT_UNLIMITED_RESTARTS`.
  int64_t window_us;
  // Or `MCP_EVENT_UNLIMITED_RESTARTS`, in any time.
  uint32_t max_restarts;
} mcp_event_intensity;

// How an actor looks after its children.
typedef struct mcp_event_supervision {
  // `MCP_EVENT_ONE_FOR_ONE` and so on.
  int strategy;
  // Of all children together; by default three restarts within five seconds. One more, and the actor itself
  // fails.
  struct mcp_event_intensity intensity;
  // For children that have none of their own; by default they do not wait.
  struct mcp_event_backoff backoff;
} mcp_event_supervision;

// Settings of an actor. Zero it, then set `size` to `sizeof(mcp_event_actor_options)`: fields that a later
// version adds then keep their defaults.
typedef struct mcp_event_actor_options {
  // The size of this struct as the caller knows it.
  size_t size;
  // A name to find it by, unique in the system; null: none.
  const char *name;
  // What its messages are called; who finds it must ask for the same. Null: nothing.
  const char *message_type;
  // Refuse messages while this many wait; 0: never.
  uint32_t mailbox_bound;
  // `MCP_EVENT_RESTART_PERMANENT` and so on. An actor without a `create` function has one life, whatever this
  // says.
  int restart;
  // Before it is restarted; by default its parent's says.
  struct mcp_event_backoff backoff;
  // Of its own restarts: one more, and it is given up. By default they count with its siblings'.
  struct mcp_event_intensity intensity;
  // How long it may take to stop, its children included, before it is cut off, in microseconds; 0: five
  // seconds.
  int64_t stop_limit_us;
  // `MCP_EVENT_PLACE_NEXT` and so on.
  int placement;
  // For `MCP_EVENT_PLACE_ON_WORKER`.
  size_t worker;
  // How it looks after its children.
  struct mcp_event_supervision supervision;
  // When it fails, drop what waits in its mailbox, instead of keeping it for the next life.
  bool discard_mail_on_failure;
} mcp_event_actor_options;

// Takes the outcome of a request, under the rules of `mcp_event_closure`.
typedef struct mcp_event_reply_closure {
  // Called once, on the thread of the dispatcher that was named: `MCP_EVENT_OK` with the reply, else null and
  // `MCP_EVENT_NO_REPLY` or `MCP_EVENT_TIMED_OUT`. Not null.
  void (*call)(void *data, enum mcp_event_status outcome, struct mcp_event_message *reply);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_reply_closure;

// Takes the reason of an end, under the rules of `mcp_event_closure`.
typedef struct mcp_event_ended_closure {
  // Called once. Not null.
  void (*call)(void *data, const struct mcp_event_actor_reason *reason);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_ended_closure;

// Makes messages, under the rules of `mcp_event_closure`.
typedef struct mcp_event_message_source {
  // Fills in the next message, which is zeroed before. Runs on the actor's thread. Not null.
  void (*call)(void *data, struct mcp_event_message *message);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_message_source;

// What happened to an actor. It, and its text, live as long as the callback that is given it.
typedef struct mcp_event_actor_event {
  // What it is.
  enum mcp_event_actor_event_kind kind;
  // The id of the actor.
  uint64_t actor;
  // Its name; null if it has none.
  const char *name;
  // How it failed; null for other events.
  const struct mcp_event_actor_reason *reason;
  // Whether it is restarted.
  bool restarts;
} mcp_event_actor_event;

// Takes what happens to actors, under the rules of `mcp_event_closure`.
typedef struct mcp_event_actor_event_closure {
  // Called on the threads where it happens, several at a time. It must not wait. Null: nobody is told.
  void (*call)(void *data, const struct mcp_event_actor_event *event);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_actor_event_closure;

// Settings of a system. Zero it, then set `size` to `sizeof(mcp_event_actor_system_options)`: fields that a later
// version adds then keep their defaults.
typedef struct mcp_event_actor_system_options {
  // The size of this struct as the caller knows it.
  size_t size;
  // How many workers, each a thread with a dispatcher of its own; 0: one for each processor.
  size_t workers;
  // No workers, but these dispatchers, which you run for as long as there are actors. The first also counts the
  // time for actors without a parent. Null: workers.
  struct mcp_event_dispatcher *const *dispatchers;
  // How many dispatchers there are.
  size_t dispatcher_count;
  // For each actor without a parent by itself; by default three restarts within five seconds.
  struct mcp_event_intensity intensity;
  // For actors without a parent that have none of their own; by default they do not wait.
  struct mcp_event_backoff backoff;
  // Told what happens to actors.
  struct mcp_event_actor_event_closure on_event;
} mcp_event_actor_system_options;

// What is known of one actor. Set `size` before asking for it. Its strings live as long as the tree.
typedef struct mcp_event_actor_info {
  // `sizeof(mcp_event_actor_info)` as the caller knows it.
  size_t size;
  // Its id.
  uint64_t id;
  // The id of its parent; 0: it has none.
  uint64_t parent;
  // How many actors are above it.
  size_t depth;
  // Its name; null if it has none.
  const char *name;
  // What it is doing.
  enum mcp_event_actor_state state;
  // The name of the dispatcher that it lives on.
  const char *dispatcher;
  // Messages that wait.
  uint64_t queued;
  // Messages handled, in all its lives.
  uint64_t handled;
  // How often it was restarted.
  uint32_t restarts;
} mcp_event_actor_info;

// Where crash dumps go, and for which signals there are any. Zero it, then set `size` to
// `sizeof(mcp_event_crash_dump_options)`.
typedef struct mcp_event_crash_dump_options {
  // The size of this struct as the caller knows it.
  size_t size;
  // Written to; it stays the caller's and must stay open. 0: the standard error.
  int fd;
  // Some of SIGSEGV, SIGBUS, SIGABRT, SIGFPE and SIGILL, or null: all of them.
  const int *signals;
  // How many there are.
  size_t signal_count;
} mcp_event_crash_dump_options;

// A loop of another library, for a dispatcher to wait in, so that one thread serves both: see
// `mcp_event_dispatcher_options`. Zero it, then set `size` to `sizeof(mcp_event_foreign_loop)`.
typedef struct mcp_event_foreign_loop {
  // The size of this struct as the caller knows it.
  size_t size;
  // What `mcp_event_dispatcher_backend()` says of a dispatcher in it; as a label. Not null.
  const char *name;
  // Waits until `fd`, the same at each call, is readable, `timeout_ns` is over (a negative one never is), or a
  // handler of the loop's own has run. Runs the handlers that are due, but no endless row of them, and does not go
  // on waiting after one: what it asked of the dispatcher is seen when this returns. To return early is harmless.
  // Returns `MCP_EVENT_TURN_OVER`, `MCP_EVENT_TURN_STOPPED`, or a negative errno, with which the run fails. On the
  // dispatcher's thread. Not null.
  int (*turn)(void *data, int fd, int64_t timeout_ns);
  // Passed to both functions. The dispatcher's once it is made.
  void *data;
  // Frees `data` after the last turn; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_foreign_loop;

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
  // Null, or a libevent `event_base` to run on: the backend is "libevent" then, and run() drives the base, so that
  // events of the program's own on it fire in the same loop. It stays the caller's, who keeps it until the dispatcher
  // is destroyed (inside its own run(), until that returns); between runs it is as it was. While a thread is inside
  // run() no other touches it, unless it was made after `evthread_use_pthreads()`. `MCP_EVENT_INVALID_STATE` if it
  // has a dispatcher already.
  void *libevent_base;
  // A loop of another library to wait in, or null. The dispatcher's own poller is then the best that works here;
  // `backend` and `libevent_base` must be null. The struct itself may go when the dispatcher is made.
  const struct mcp_event_foreign_loop *foreign_loop;
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

#if !defined(_WIN32)
// The system's name for what can be watched: a file descriptor, on Windows a `SOCKET`.
typedef int mcp_event_os_fd;
#endif

#if defined(_WIN32)
// The system's name for what can be watched: a file descriptor, on Windows a `SOCKET`.
typedef size_t mcp_event_os_fd;
#endif

// As `mcp_event_closure`, for file events; `events` is a set of `MCP_EVENT_READ` and so on.
typedef struct mcp_event_file_closure {
  // Runs on the loop's thread. Not null.
  void (*call)(void *data, uint32_t events);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_file_closure;

// Settings of a guard dog. Zero it, then set `size` to `sizeof(mcp_event_guard_dog_options)`. Times are in
// microseconds. A thread stands still for longer than a threshold; `MCP_EVENT_GUARD_DOG_NEVER` turns one off.
typedef struct mcp_event_guard_dog_options {
  // The size of this struct as the caller knows it.
  size_t size;
  // Before that is a miss; 0: 200 ms.
  int64_t miss_us;
  // Before that is a megamiss; 0: one second.
  int64_t megamiss_us;
  // Before the process is killed for it; 0: never.
  int64_t kill_us;
  // Before the process is killed because a share of all threads does so; 0: never.
  int64_t multikill_us;
  // That share, above 0 and up to 1; two threads at least. 0: half of them.
  double multikill_share;
  // How often it looks; 0: twice in the smallest threshold.
  int64_t interval_us;
  // How long the report and the actions of a kill may take before the process is ended; 0: ten seconds.
  int64_t kill_grace_us;
  // A set of `MCP_EVENT_GUARD_DOG_NO_ABORT` and so on.
  uint32_t flags;
  // The signal that asks a thread for its backtrace; 0: SIGURG. Handlers and listeners of it go on as before.
  int backtrace_signal;
  // A simulated clock: then there is no thread, and `mcp_event_guard_dog_scan()` looks. Null for the real one.
  const struct mcp_event_clock *clock;
} mcp_event_guard_dog_options;

// What a guard dog does on an event. Calls that take one own `data` when they succeed, and call `drop(data)` once,
// after the last `call`; when they fail, `data` stays the caller's and `drop` is not called.
typedef struct mcp_event_guard_dog_closure {
  // Runs on a thread of the guard dog's; the report lives as long as the call. Not null.
  void (*call)(void *data, const struct mcp_event_guard_dog_report *report);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_guard_dog_closure;

// A guard dog's figures at one moment, of all that it has watched. Set `size` before asking for them.
typedef struct mcp_event_guard_dog_figures {
  // `sizeof(mcp_event_guard_dog_figures)` as the caller knows it.
  size_t size;
  // How often it looked at all that it watches.
  uint64_t scans;
  // How often a thread stood still for longer than the threshold of a miss.
  uint64_t misses;
  // How often for longer than that of a megamiss.
  uint64_t megamisses;
  // How often for longer than that of a kill.
  uint64_t kills;
  // How often so many stood still at a time that it was a multikill.
  uint64_t multikills;
  // How often a thread got on that a report had told of.
  uint64_t recoveries;
  // Events that nobody was told of, because an action took too long.
  uint64_t dropped_events;
  // Actions that threw.
  uint64_t failed_actions;
  // How many are watched now.
  size_t watched;
} mcp_event_guard_dog_figures;

// The figures of one dispatcher, over the time that it has been watched. Set `size` before asking for them.
typedef struct mcp_event_watched_figures {
  // `sizeof(mcp_event_watched_figures)` as the caller knows it.
  size_t size;
  // How often it stood still for longer than the threshold of a miss.
  uint64_t misses;
  // How often for longer than that of a megamiss.
  uint64_t megamisses;
  // For how long it has stood still, in microseconds, if a report has told of it since it last got on; else -1.
  int64_t stuck_us;
} mcp_event_watched_figures;

// A thread that stands still, or of `MCP_EVENT_GUARD_DOG_RECOVERED`, stood still. Set `size` before asking for it.
// The strings live as long as the report.
typedef struct mcp_event_stuck_thread {
  // `sizeof(mcp_event_stuck_thread)` as the caller knows it.
  size_t size;
  // The dispatcher's name (a pool's workers are named "worker_1" and so on), or the name of the touched watch.
  const char *name;
  // For how long, in microseconds.
  int64_t stuck_us;
  // The system's number for the thread; 0: none is inside the loop, or it is not known.
  int32_t thread_id;
  // What the loop is doing: "file event on fd 7 (accept)". Null for what is touched.
  const char *doing;
  // What its tracked objects say of themselves, innermost first; "" if there are none, null if that is not known.
  const char *tracked_objects;
  // Where it is, a line for each function, innermost first; null if that is not known.
  const char *backtrace;
  // How often it has missed, this time included.
  uint64_t misses;
  // How often it has megamissed, this time included.
  uint64_t megamisses;
} mcp_event_stuck_thread;

// What a loop is doing at one moment. Set `size` before asking for it.
typedef struct mcp_event_doing {
  // `sizeof(mcp_event_doing)` as the caller knows it.
  size_t size;
  // What kind of work it is.
  enum mcp_event_activity activity;
  // The fd or the signal, where the activity has one, else 0.
  int number;
  // The label of the handle or the post, or null. Static.
  const char *label;
} mcp_event_doing;

#if !defined(_WIN32)
// Takes a stream, under the rules of `mcp_event_closure`.
typedef struct mcp_event_stream_closure {
  // With `MCP_EVENT_OK`, the stream is yours. Else it is null, and the failure leaves its words and its errno as a
  // call does. Not null.
  void (*call)(void *data, enum mcp_event_status status, struct mcp_event_stream *stream);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_stream_closure;
#endif

// Takes one message (UTF-8, without a line end). It may be called on any thread, and must not throw.
typedef void (*mcp_event_log)(void *data, int level, const char *message);

// Adds figures to a page, under the rules of `mcp_event_closure`.
typedef struct mcp_event_metrics_source {
  // Adds to the page. On any thread, by several at a time; it must not wait. What it throws is logged. Not null.
  void (*write)(void *data, struct mcp_event_metrics_page *page);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_metrics_source;

// Settings of an endpoint. Zero it, then set `size` to `sizeof(mcp_event_metrics_endpoint_options)`: fields that a
// later version adds then keep their defaults.
typedef struct mcp_event_metrics_endpoint_options {
  // The size of this struct as the caller knows it.
  size_t size;
  // How many connections may be open at a time; 0: 64.
  size_t connection_limit;
  // How long a request may take to come, and then the response to go, in milliseconds; 0: five seconds.
  uint64_t timeout_ms;
} mcp_event_metrics_endpoint_options;

// Settings of a pool. Zero it, then set `size` to `sizeof(mcp_event_pool_options)`: fields that a later version adds
// then keep their defaults.
typedef struct mcp_event_pool_options {
  // The size of this struct as the caller knows it.
  size_t size;
  // How many workers there are at least; 0: one if there is a maximum, else one for each processor.
  size_t min_workers;
  // How many there are at most, as the load demands; 0: always the minimum.
  size_t max_workers;
  // How `mcp_event_pool_next()` chooses: `MCP_EVENT_POOL_ROUND_ROBIN` and so on.
  int policy;
  // What the names of the workers begin with; null: `worker_`.
  const char *name_prefix;
  // The bytes of each thread's stack; 0: the default.
  size_t stack_size;
  // The CPUs, by the system's numbers: worker `i` runs on `cpus[i % cpu_count]` alone. Null: on any.
  const size_t *cpus;
  // How many there are.
  size_t cpu_count;
  // Each worker refuses posts while this many wait; 0: never.
  size_t queue_bound;
  // The poller by name; null: the default.
  const char *backend;
  // A worker joins when the pressure, from 0 to 1, has been above this mark for `grow_after_us`; 0: 0.7.
  double high_mark;
  // One retires when it has been below this mark for `retire_after_us`; 0: 0.2.
  double low_mark;
  // Microseconds; 0: one second.
  int64_t grow_after_us;
  // Microseconds; 0: thirty seconds.
  int64_t retire_after_us;
  // How long after such a step the next one may come, in microseconds; 0: five seconds.
  int64_t cool_down_us;
  // How long a worker that retires may keep what it has, in microseconds; 0: one minute.
  int64_t drain_limit_us;
  // A simulated clock, of the workers and of all these times; null: the real one. It may go once the pool is made.
  const struct mcp_event_clock *clock;
} mcp_event_pool_options;

// What `mcp_event_pool_shutdown()` dropped, of all workers together.
typedef struct mcp_event_pool_report {
  // The size of this struct as the caller knows it; set it before the call.
  size_t size;
  // Posts that had not run, messages of actors included.
  size_t posts_dropped;
  // Closures that `mcp_event_pool_execute()` took and no worker had begun.
  size_t submitted_dropped;
  // Futures on the workers' loops that were not done.
  size_t tasks_dropped;
  // Objects of deferred deletion that were destroyed at the very end.
  size_t deferred_destroyed;
  // Handles that live on and do nothing.
  size_t handles_alive;
  // Workers inside a callback that did not return.
  size_t workers_stuck;
  // Whether all that was queued has run.
  bool is_drained;
} mcp_event_pool_report;

// What can be measured of a loop at a moment. Set `size` before asking for it.
typedef struct mcp_event_load {
  // `sizeof(mcp_event_load)` as the caller knows it.
  size_t size;
  // For how many microseconds the loop has been busy with its present iteration, or by how many the timers of this
  // iteration were late, whichever is more; 0 while it sleeps, and while nobody runs it.
  uint64_t loop_lag_us;
  // How many microseconds too late the last poll returned.
  uint64_t poll_delay_us;
  // The posts that wait.
  uint64_t queue_depth;
} mcp_event_load;

// Where a measurement begins to be pressure, and where it is all of it; linear in between. Both 0: the default.
typedef struct mcp_event_thresholds {
  // Up to here there is no pressure.
  int64_t low;
  // From here on the pressure is 1. Above `low`.
  int64_t high;
} mcp_event_thresholds;

// How a pressure is computed. Zero it, then set `size` to `sizeof(mcp_event_pressure_options)`. A source with
// thresholds that it never reaches does not count.
typedef struct mcp_event_pressure_options {
  // The size of this struct as the caller knows it.
  size_t size;
  // Of `loop_lag_us`, in microseconds; by default 10 and 200 ms.
  struct mcp_event_thresholds loop_lag_us;
  // Of `poll_delay_us`, in microseconds; by default 10 and 200 ms.
  struct mcp_event_thresholds poll_delay_us;
  // Of the posts that wait; by default 1,000 and 20,000.
  struct mcp_event_thresholds queue_depth;
  // The time constant of the exponential smoothing; 0: half a second. One microsecond is as good as none.
  int64_t smoothing_us;
  // By how much the smoothed pressure must turn back before the reported one follows, below 1; 0: 0.05.
  double hysteresis;
  // How often the load is measured; 0: every 100 ms.
  int64_t interval_us;
} mcp_event_pressure_options;

// A pressure that the program measures itself; its data is owned as that of an `mcp_event_closure`.
typedef struct mcp_event_pressure_source {
  // Tells it, from 0 to 1, on the loop's thread, at each measurement. Not null. What is outside counts as the
  // nearer end; what is not a number does not count.
  double (*call)(void *data);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_pressure_source;

// How long a scaled timer waits at least: a time, or a share of its maximum; the other field is 0. Never more than
// the maximum.
typedef struct mcp_event_scaled_timer_minimum {
  // A time in microseconds; negative counts as 0.
  int64_t absolute_us;
  // From 0 to 1; with 1 the timer is not scaled.
  double share;
} mcp_event_scaled_timer_minimum;

// What came of a request. Its strings live as long as it does: as the callback that is given it, or, if a call
// returned it, until `mcp_event_server_answer_destroy()`.
typedef struct mcp_event_server_answer {
  // In short.
  enum mcp_event_call_outcome outcome;
  // The result, as a JSON text; null if there is none.
  const char *result;
  // Why there is no result, in words; null if there is one.
  const char *text;
  // For `MCP_EVENT_CALL_RPC_ERROR`: its code.
  int64_t code;
  // For `MCP_EVENT_CALL_RPC_ERROR`: the server's own words.
  const char *message;
  // For `MCP_EVENT_CALL_RPC_ERROR`: more about it, as a JSON text; null if there is no more.
  const char *data;
  // For `MCP_EVENT_CALL_DOWN`: what the server was doing.
  enum mcp_event_server_status status;
} mcp_event_server_answer;

// News of a request that takes its time. It, and its text, live as long as the callback that is given it.
typedef struct mcp_event_server_progress {
  // How far it is.
  double progress;
  // Whether it is known how far it will go.
  bool has_total;
  // How far it will go, if that is known.
  double total;
  // In words; null if the server says nothing.
  const char *message;
} mcp_event_server_progress;

// Takes news of a request, under the rules of `mcp_event_closure`.
typedef struct mcp_event_progress_closure {
  // Called any number of times, always before the answer. Null: the server is not asked for news.
  void (*call)(void *data, const struct mcp_event_server_progress *progress);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_progress_closure;

// How a request is made. Zero it, then set `size` to `sizeof(mcp_event_call_options)`: fields that a later version
// adds then keep their defaults.
typedef struct mcp_event_call_options {
  // The size of this struct as the caller knows it.
  size_t size;
  // How long the answer may take, a wait for the server included, in microseconds; 0: as configured.
  int64_t timeout_us;
  // `MCP_EVENT_FAIL_WHEN_DOWN` or `MCP_EVENT_WAIT_WHEN_DOWN`.
  int when_down;
  // Where the callbacks of this request run; null: where those of the manager do. If it is shut down or destroyed,
  // what it was still to call is dropped without a call.
  struct mcp_event_dispatcher *dispatcher;
  // Told how far the request is. Its parameters must be an object then, or none.
  struct mcp_event_progress_closure on_progress;
} mcp_event_call_options;

// Takes what came of a request, under the rules of `mcp_event_closure`.
typedef struct mcp_event_answer_closure {
  // Called once. Not null.
  void (*call)(void *data, const struct mcp_event_server_answer *answer);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_answer_closure;

// What is known of one server. Set `size` before asking for it. The strings live as long as the list, or as the
// callback that is given it.
typedef struct mcp_event_server_info {
  // `sizeof(mcp_event_server_info)` as the caller knows it.
  size_t size;
  // Its name in the configuration.
  const char *name;
  // What it is doing.
  enum mcp_event_server_status status;
  // That in one word, in lower case.
  const char *status_name;
  // Why, in words.
  const char *reason;
  // How long it has been doing so, in microseconds.
  int64_t status_age_us;
  // Its process; 0: it has none.
  uint32_t pid;
  // The sort of server it is, as configured; null: nothing is said.
  const char *category;
  // What it can do, as configured.
  const char *const *labels;
  // How many labels there are.
  size_t label_count;
  // The names of its tools, as it last listed them.
  const char *const *tools;
  // How many tools there are.
  size_t tool_count;
  // Its own name, as it said in the last handshake; this and the following are null before the first one.
  const char *peer_name;
  // Its version.
  const char *peer_version;
  // The revision of the protocol that was agreed on.
  const char *protocol_version;
  // Its capabilities, as a JSON text.
  const char *capabilities;
  // What it says about its use, for a model; also null if it says nothing.
  const char *instructions;
  // How often it was started again, in this life of the manager.
  uint64_t restarts;
  // How long the last health check took, in microseconds; -1: it did not pass, or there was none.
  int64_t last_ping_us;
  // Health checks that failed in a row.
  uint32_t failed_checks;
  // Requests that wait for their answers.
  size_t in_flight;
} mcp_event_server_info;

// Settings of a manager. Zero it, then set `size` to `sizeof(mcp_event_server_manager_options)`: fields that a later
// version adds then keep their defaults.
typedef struct mcp_event_server_manager_options {
  // The size of this struct as the caller knows it.
  size_t size;
  // On how many threads the servers are looked after; 0: one.
  size_t workers;
  // No threads of the manager's own, but this system, which must outlive the manager; null: threads.
  struct mcp_event_actor_system *system;
  // Where callbacks run; null: a thread of the manager's own. If it is shut down or destroyed, what it was still to
  // call is dropped without a call.
  struct mcp_event_dispatcher *dispatcher;
  // The state file, unless the configuration names one. Without either, nothing is remembered. Null: none.
  const char *state_path;
  // What the names of the manager's actors begin with; null: "mcp". Two managers in one system need two.
  const char *name;
} mcp_event_server_manager_options;

// Takes what changed, under the rules of `mcp_event_closure`.
typedef struct mcp_event_server_info_closure {
  // Called with each change of a server's status or reason. Not null.
  void (*call)(void *data, const struct mcp_event_server_info *info);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_server_info_closure;

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

// The figures of a dispatcher, or of a pool, at one moment. Set `size` before asking for them.
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
  // How long the loop has spun instead of sleeping, in microseconds; see
  // `mcp_event_dispatcher_set_busy_poll()`.
  uint64_t time_spun_us;
  // How many times it has.
  uint64_t spins;
  // How many of these were ended by work, and not by a timer or the end of the budget.
  uint64_t spins_paid;
  // Messages that the loop's own thread sent to its actors; those of other threads are posts.
  uint64_t mail_run;
  // Callbacks that took longer than `mcp_event_dispatcher_set_slow_callback_threshold_us()` allows.
  uint64_t slow_callbacks;
  // Tasks of the pool, given to `mcp_event_pool_execute()`, that this loop has begun.
  uint64_t submitted_run;
} mcp_event_stats;

#if !defined(_WIN32)
// Takes what a stream receives, under the rules of `mcp_event_closure`.
typedef struct mcp_event_receive_closure {
  // `what` is `MCP_EVENT_RECEIVED_DATA` or another of these; the bytes, at least one, live as long as the call. Not
  // null.
  void (*call)(void *data, int what, const void *bytes, size_t length);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_receive_closure;
#endif

#if !defined(_WIN32)
// Is told how a send ended, under the rules of `mcp_event_closure`.
typedef struct mcp_event_sent_closure {
  // Called once, unless the stream is destroyed before. A failure is `MCP_EVENT_OS_ERROR`, and leaves its words and
  // its errno as a call does. Not null.
  void (*call)(void *data, enum mcp_event_status status);
  // Passed to both functions.
  void *data;
  // Frees `data`; null if there is nothing to free. On any thread.
  void (*drop)(void *data);
} mcp_event_sent_closure;
#endif

// Takes a piece of a dump: `length` bytes of text, not zero-terminated.
typedef void (*mcp_event_dump_sink)(void *sink_data, const char *text, size_t length);

// Describes `object` by calls of `sink(sink_data, ...)`, indented by `indent` levels.
typedef void (*mcp_event_dump)(const void *object, int32_t indent, mcp_event_dump_sink sink, void *sink_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Makes an actor without a parent; `options` may be null. On success the library owns the behaviour's data, or its
// factory; on failure they stay the caller's. `MCP_EVENT_NAME_TAKEN` if there is one of this name,
// `MCP_EVENT_OUT_OF_RANGE` without a worker of this number, `MCP_EVENT_INVALID_STATE` once the system stops.
enum mcp_event_status mcp_event_actor_create(struct mcp_event_actor_system *system,
                                             const struct mcp_event_actor_behaviour *behaviour,
                                             const struct mcp_event_actor_options *options,
                                             struct mcp_event_actor **out);

// Another handle of the same actor.
enum mcp_event_status mcp_event_actor_clone(const struct mcp_event_actor *actor,
                                            struct mcp_event_actor **out);

// Destroys the handle; the actor lives on.
enum mcp_event_status mcp_event_actor_destroy(struct mcp_event_actor *actor);

// Queues `message`, behind all that this thread sent to the actor before; it is never handled inside this call.
// `MCP_EVENT_CLOSED` if the actor has stopped or is about to, `MCP_EVENT_QUEUE_FULL` at the mailbox's bound.
enum mcp_event_status mcp_event_actor_tell(const struct mcp_event_actor *actor,
                                           struct mcp_event_message message);

// Likewise, but waits while the mailbox is full, on a thread that runs no loop. In a callback of a loop, whose
// thread must not wait, it is `MCP_EVENT_QUEUE_FULL` then.
enum mcp_event_status mcp_event_actor_tell_wait(const struct mcp_event_actor *actor,
                                                struct mcp_event_message message);

// Sends a request, whose outcome comes to `closure`, once, on the thread of `dispatcher`; should that be shut
// down, the closure is dropped without a call. After `timeout_us`, unless it is 0, the outcome is
// `MCP_EVENT_TIMED_OUT`. A request that is refused, as by `mcp_event_actor_tell()`, has no outcome: the message
// and the closure's data stay the caller's.
enum mcp_event_status mcp_event_actor_ask(const struct mcp_event_actor *actor,
                                          struct mcp_event_message message,
                                          struct mcp_event_dispatcher *dispatcher,
                                          int64_t timeout_us,
                                          struct mcp_event_reply_closure closure);

// Sends a request, and waits for the reply, which is the caller's then: no longer than `timeout_us`, unless it is
// 0. `MCP_EVENT_NO_REPLY`, `MCP_EVENT_TIMED_OUT`: the request was taken, and its message with it. The message stays
// the caller's after all else: what `mcp_event_actor_tell()` refuses with, and `MCP_EVENT_INVALID_STATE` in a
// callback of a loop, whose thread must not wait.
enum mcp_event_status mcp_event_actor_ask_wait(const struct mcp_event_actor *actor,
                                               struct mcp_event_message message,
                                               int64_t timeout_us,
                                               struct mcp_event_message *out);

// Stops the actor for good, after the messages that are queued. It takes no more from now on.
enum mcp_event_status mcp_event_actor_stop(const struct mcp_event_actor *actor);

// Stops the actor for good, after the message that it handles. What is queued is dropped.
enum mcp_event_status mcp_event_actor_stop_now(const struct mcp_event_actor *actor);

// Calls `closure` when the actor has ended for good, on its dispatcher's thread; inside this call, if it has.
enum mcp_event_status mcp_event_actor_when_ended(const struct mcp_event_actor *actor,
                                                 struct mcp_event_ended_closure closure);

// Its id, unique in the process, which it keeps over restarts.
enum mcp_event_status mcp_event_actor_id(const struct mcp_event_actor *actor, uint64_t *out);

// Its name, or null if it has none. It lives as long as the handle.
enum mcp_event_status mcp_event_actor_name(const struct mcp_event_actor *actor, const char **out);

// What it is doing.
enum mcp_event_status mcp_event_actor_get_state(const struct mcp_event_actor *actor,
                                                enum mcp_event_actor_state *out);

// How many messages wait to be handled.
enum mcp_event_status mcp_event_actor_queue_depth(const struct mcp_event_actor *actor, size_t *out);

// The actor itself, as a handle of your own.
enum mcp_event_status mcp_event_actor_context_actor(struct mcp_event_actor_context *context,
                                                    struct mcp_event_actor **out);

// The dispatcher that the actor lives on, for its own timers, file events and requests. It stays the system's.
enum mcp_event_status mcp_event_actor_context_dispatcher(struct mcp_event_actor_context *context,
                                                         struct mcp_event_dispatcher **out);

// The actor of this name in the same system, under the rules of `mcp_event_actor_system_find()`.
enum mcp_event_status mcp_event_actor_context_find(struct mcp_event_actor_context *context,
                                                   const char *name,
                                                   const char *message_type,
                                                   struct mcp_event_actor **out);

// Makes a child of the actor, under the rules of `mcp_event_actor_create()`.
enum mcp_event_status mcp_event_actor_context_create_child(struct mcp_event_actor_context *context,
                                                           const struct mcp_event_actor_behaviour *behaviour,
                                                           const struct mcp_event_actor_options *options,
                                                           struct mcp_event_actor **out);

// Takes the reply of the request that is being handled, for you to send or destroy, then or later. What is not
// taken is dropped when the handler returns. `MCP_EVENT_INVALID_STATE` if it is no request, or was taken.
enum mcp_event_status mcp_event_actor_context_take_reply(struct mcp_event_actor_context *context,
                                                         struct mcp_event_reply **out);

// Stops the actor once the callback has returned.
enum mcp_event_status mcp_event_actor_context_stop(struct mcp_event_actor_context *context);

// Makes the actor fail, with this text, once the callback has returned, whatever that returns.
enum mcp_event_status mcp_event_actor_context_fail(struct mcp_event_actor_context *context,
                                                   const char *reason);

// Inside a `signal` callback: does with the signal what an actor without one does. Elsewhere nothing.
enum mcp_event_status mcp_event_actor_context_pass_on(struct mcp_event_actor_context *context);

// Inside a `stopping` callback: the actor stops when it calls `mcp_event_actor_context_finish()`, or when its time
// limit is over. Elsewhere nothing.
enum mcp_event_status mcp_event_actor_context_finish_later(struct mcp_event_actor_context *context);

// All is done that was put off by `mcp_event_actor_context_finish_later()`.
enum mcp_event_status mcp_event_actor_context_finish(struct mcp_event_actor_context *context);

// Sends the actor `message` after `delay_us`, unless this life of it ends before, which drops it. The bound of the
// mailbox does not count. `*out` names the timer.
enum mcp_event_status mcp_event_actor_context_after_us(struct mcp_event_actor_context *context,
                                                       int64_t delay_us,
                                                       struct mcp_event_message message,
                                                       uint64_t *out);

// Sends the actor what `source` makes, every `interval_us`, without drift, until this life of it ends; ticks that
// the loop was too busy for are skipped. What the source throws is the actor's failure.
enum mcp_event_status mcp_event_actor_context_every_us(struct mcp_event_actor_context *context,
                                                       int64_t interval_us,
                                                       struct mcp_event_message_source source,
                                                       uint64_t *out);

// Ends a timer of the actor; `*out` says whether there was one. A message that it has sent already still comes.
enum mcp_event_status mcp_event_actor_context_cancel(struct mcp_event_actor_context *context,
                                                     uint64_t timer,
                                                     bool *out);

// Asks to be told, once, when `actor` ends: `MCP_EVENT_SIGNAL_DOWN`.
enum mcp_event_status mcp_event_actor_context_monitor(struct mcp_event_actor_context *context,
                                                      const struct mcp_event_actor *actor);

// Ties the actor to another: when one fails, the other is told, and fails too unless its `signal` callback thinks
// otherwise.
enum mcp_event_status mcp_event_actor_context_link(struct mcp_event_actor_context *context,
                                                   const struct mcp_event_actor *actor);

// Unties them.
enum mcp_event_status mcp_event_actor_context_unlink(struct mcp_event_actor_context *context,
                                                     const struct mcp_event_actor *actor);

// Makes a reply that is not part of a request yet, for a message of your own to carry. Its outcome comes to
// `closure` on the thread of `dispatcher`; should that be shut down, the closure is dropped without a call.
// After `timeout_us`, unless it is 0, the outcome is `MCP_EVENT_TIMED_OUT`.
enum mcp_event_status mcp_event_reply_create(struct mcp_event_dispatcher *dispatcher,
                                             int64_t timeout_us,
                                             struct mcp_event_reply_closure closure,
                                             struct mcp_event_reply **out);

// Sends the reply, and destroys the handle. Nothing is sent if nobody waits for it any more; the message is
// dropped then. On failure both stay the caller's.
enum mcp_event_status mcp_event_reply_send(struct mcp_event_reply *reply, struct mcp_event_message message);

// Drops it: who asked learns that no reply comes.
enum mcp_event_status mcp_event_reply_destroy(struct mcp_event_reply *reply);

// Makes a system, whose workers run; `options` may be null.
enum mcp_event_status mcp_event_actor_system_create(const struct mcp_event_actor_system_options *options,
                                                    struct mcp_event_actor_system **out);

// Stops all actors, the youngest first, each after the messages that are queued for it, and waits for them.
// `MCP_EVENT_INVALID_STATE` in a callback of a loop, whose thread must not wait.
enum mcp_event_status mcp_event_actor_system_stop(struct mcp_event_actor_system *system);

// Begins to stop all actors, the youngest first. No new ones are made from now on.
enum mcp_event_status mcp_event_actor_system_begin_stop(struct mcp_event_actor_system *system);

// Waits until all actors have stopped, no longer than `limit_us`; `*out` says whether they have.
enum mcp_event_status mcp_event_actor_system_wait_stopped(struct mcp_event_actor_system *system,
                                                          int64_t limit_us,
                                                          bool *out);

// How many dispatchers actors are placed on.
enum mcp_event_status mcp_event_actor_system_workers(const struct mcp_event_actor_system *system,
                                                     size_t *out);

// The dispatcher of worker `index`; it stays the system's. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
enum mcp_event_status mcp_event_actor_system_dispatcher(const struct mcp_event_actor_system *system,
                                                        size_t index,
                                                        struct mcp_event_dispatcher **out);

// The actor of this name, as a handle of your own. `MCP_EVENT_NOT_FOUND` if there is none;
// `MCP_EVENT_INVALID_ARGUMENT` if its `message_type` is another one (null is one too).
enum mcp_event_status mcp_event_actor_system_find(const struct mcp_event_actor_system *system,
                                                  const char *name,
                                                  const char *message_type,
                                                  struct mcp_event_actor **out);

// All actors at this moment.
enum mcp_event_status mcp_event_actor_system_tree(const struct mcp_event_actor_system *system,
                                                  struct mcp_event_actor_tree **out);

// Stops all actors and destroys the system. With workers it waits for the actors, unless it is called in a
// callback; dispatchers of yours must run until the actors have stopped.
enum mcp_event_status mcp_event_actor_system_destroy(struct mcp_event_actor_system *system);

// How many actors there were.
enum mcp_event_status mcp_event_actor_tree_size(const struct mcp_event_actor_tree *tree, size_t *out);

// Fills in what was known of actor number `index`: parents come before their children, those before the
// parent's next sibling. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
enum mcp_event_status mcp_event_actor_tree_get(const struct mcp_event_actor_tree *tree,
                                               size_t index,
                                               struct mcp_event_actor_info *out);

// The tree as a table for people to read, children indented under their parents. It lives as long as the tree.
enum mcp_event_status mcp_event_actor_tree_text(const struct mcp_event_actor_tree *tree,
                                                const char **out);

// Frees it.
enum mcp_event_status mcp_event_actor_tree_destroy(struct mcp_event_actor_tree *tree);

// The name of the poller that a dispatcher made now, with none named, would run on. Static.
enum mcp_event_status mcp_event_default_backend(const char **out);

// The name of one of the backends that this version knows, whether it can be used here or not; counted from 0, and
// `MCP_EVENT_OUT_OF_RANGE` after the last. Static.
enum mcp_event_status mcp_event_backend_name(size_t index,
                                             const char **out);

// `MCP_EVENT_OK` if a dispatcher can run on the poller of that name; `MCP_EVENT_UNAVAILABLE` if it is not built in or
// does not work here, and `mcp_event_last_error()` says why; `MCP_EVENT_INVALID_ARGUMENT` if nobody knows it.
enum mcp_event_status mcp_event_backend_check(const char *name);

// Makes a clock; give it to a dispatcher in its options.
enum mcp_event_status mcp_event_clock_create(struct mcp_event_clock **out);

// Moves time forward and wakes the loops on this clock. From any thread.
enum mcp_event_status mcp_event_clock_advance_ns(struct mcp_event_clock *clock, int64_t nanoseconds);

// Lets the clock go; dispatchers on it keep it.
enum mcp_event_status mcp_event_clock_destroy(struct mcp_event_clock *clock);

// From now on, when a thread of the process meets one of the signals, writes what its loops are doing, and their
// tracked objects, innermost first. Then the former handler runs, or the signal's default action is taken. `options`
// may be null. Installed once more, the new options replace the former ones. To be called before the loops run: a
// thread gets the stack that the dump of a stack overflow needs when it enters `mcp_event_dispatcher_run()`.
// `MCP_EVENT_INVALID_ARGUMENT` for no signal, or others, and for a descriptor that is open for reading only;
// `MCP_EVENT_OS_ERROR` for one that is not open (EBADF).
enum mcp_event_status mcp_event_crash_dump_install(const struct mcp_event_crash_dump_options *options);

// Writes no dumps any more, and brings the former handlers back, but where somebody has installed another one since.
// Nothing, if none is installed.
enum mcp_event_status mcp_event_crash_dump_uninstall(void);

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
// The closure may destroy the dispatcher, even before this has returned. `MCP_EVENT_CLOSED` after a shutdown,
// `MCP_EVENT_QUEUE_FULL` at the bound, `MCP_EVENT_FORKED` in a child.
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

// Spins for up to `budget_us` microseconds before each sleep, so that what comes meanwhile is seen at once; 0, as
// at first: sleeps at once. If `adaptive`, only while that pays: while what the loop waits for mostly comes
// within the budget; a loop that stays idle stops after a few waits. A spin ends with whatever would end the
// sleep; it takes a processor of its own while it lasts. No loop spins on a simulated clock, in a process with
// one processor to run on, or in a non-blocking run. `MCP_EVENT_INVALID_ARGUMENT` for a negative budget and one
// above a second.
enum mcp_event_status mcp_event_dispatcher_set_busy_poll(struct mcp_event_dispatcher *dispatcher,
                                                         int64_t budget_us,
                                                         bool adaptive);

// The name of the poller it runs on: "epoll". Static.
enum mcp_event_status mcp_event_dispatcher_backend(const struct mcp_event_dispatcher *dispatcher,
                                                   const char **out);

// The libevent `event_base` that it waits in, for events of the program's own, which then fire in the poll of each
// iteration; null unless its backend is "libevent". It stays whose it is: nobody else frees it. Free events on it
// before the dispatcher is destroyed. While the loop runs, only its thread touches the base, unless that was made after
// `evthread_use_pthreads()`.
enum mcp_event_status mcp_event_dispatcher_libevent_base(const struct mcp_event_dispatcher *dispatcher,
                                                         void **out);

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
                                                  mcp_event_os_fd fd,
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

// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
enum mcp_event_status mcp_event_file_event_set_label(struct mcp_event_file_event *event, const char *label);

// Makes a guard dog, and starts its threads. `options` may be null. `MCP_EVENT_INVALID_ARGUMENT` for thresholds that
// are out of order or all off, and for what is negative.
enum mcp_event_status mcp_event_guard_dog_create(const struct mcp_event_guard_dog_options *options,
                                                 struct mcp_event_guard_dog **out);

// Watches a dispatcher, until it is destroyed; nothing, if it is watched already. `MCP_EVENT_INVALID_STATE` if the
// guard dog is stopped.
enum mcp_event_status mcp_event_guard_dog_watch(struct mcp_event_guard_dog *dog,
                                                struct mcp_event_dispatcher *dispatcher);

// Watches all workers of a pool, also those that join it later. Otherwise as `mcp_event_guard_dog_watch()`.
enum mcp_event_status mcp_event_guard_dog_watch_pool(struct mcp_event_guard_dog *dog,
                                                     struct mcp_event_pool *pool);

// Watches something else, by the name that reports give it: it is to call `mcp_event_touched_watch_touch()` at least
// so often as the thresholds ask for, from now on. The watch ends when `*out` is destroyed.
enum mcp_event_status mcp_event_guard_dog_watch_touched(struct mcp_event_guard_dog *dog,
                                                        const char *name,
                                                        struct mcp_event_touched_watch **out);

// Shows that the thread gets on. From the thread that is watched: reports have its backtrace.
enum mcp_event_status mcp_event_touched_watch_touch(const struct mcp_event_touched_watch *watch);

// When the guard dog last saw that it had been touched, in nanoseconds of `CLOCK_MONOTONIC`.
enum mcp_event_status mcp_event_touched_watch_last_seen_ns(const struct mcp_event_touched_watch *watch,
                                                           int64_t *out);

// Ends the watch.
enum mcp_event_status mcp_event_touched_watch_destroy(struct mcp_event_touched_watch *watch);

// Watches a dispatcher no more; `MCP_EVENT_NOT_FOUND` if it was not watched.
enum mcp_event_status mcp_event_guard_dog_unwatch(struct mcp_event_guard_dog *dog,
                                                  struct mcp_event_dispatcher *dispatcher);

// Has `action` called for each `event` (`MCP_EVENT_GUARD_DOG_MISS` and so on) from now on, after the log was
// written, and after the actions that were given before. What it throws is logged, and ends nothing. One that takes
// long delays later reports, not the scans.
enum mcp_event_status mcp_event_guard_dog_on(struct mcp_event_guard_dog *dog,
                                             int event_number,
                                             struct mcp_event_guard_dog_closure action);

// Looks at all that is watched now, and tells what it finds, on this thread, before it returns. For tests, on a
// simulated clock; otherwise it looks by itself.
enum mcp_event_status mcp_event_guard_dog_scan(struct mcp_event_guard_dog *dog);

// Watches no more, for good. What was found is told before this returns; but an action that calls it is not waited
// for. Nothing, if it is stopped already.
enum mcp_event_status mcp_event_guard_dog_stop(struct mcp_event_guard_dog *dog);

// Stops the guard dog, and destroys it. Its own actions may do so.
enum mcp_event_status mcp_event_guard_dog_destroy(struct mcp_event_guard_dog *dog);

// Fills in the figures so far.
enum mcp_event_status mcp_event_guard_dog_get_figures(const struct mcp_event_guard_dog *dog,
                                                      struct mcp_event_guard_dog_figures *out);

// Fills in the figures of one dispatcher; `MCP_EVENT_NOT_FOUND` if it is not watched.
enum mcp_event_status mcp_event_guard_dog_get_watched_figures(const struct mcp_event_guard_dog *dog,
                                                              const struct mcp_event_dispatcher *dispatcher,
                                                              struct mcp_event_watched_figures *out);

// What happened: `MCP_EVENT_GUARD_DOG_MISS` and so on.
enum mcp_event_status mcp_event_guard_dog_report_event(const struct mcp_event_guard_dog_report *report,
                                                       int *out);

// The whole report, as the log has it. It lives as long as the report.
enum mcp_event_status mcp_event_guard_dog_report_text(const struct mcp_event_guard_dog_report *report,
                                                      const char **out);

// How many threads it is about: several for `MCP_EVENT_GUARD_DOG_MULTIKILL`, else one.
enum mcp_event_status mcp_event_guard_dog_report_size(const struct mcp_event_guard_dog_report *report,
                                                      size_t *out);

// Fills in one of its threads. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
enum mcp_event_status mcp_event_guard_dog_report_thread(const struct mcp_event_guard_dog_report *report,
                                                        size_t index,
                                                        struct mcp_event_stuck_thread *out);

// As `mcp_event_dispatcher_post`, and names the closure in reports, with a label under the rules of
// `mcp_event_timer_set_label`.
enum mcp_event_status mcp_event_dispatcher_post_labelled(struct mcp_event_dispatcher *dispatcher,
                                                         const char *label,
                                                         struct mcp_event_closure closure);

// Fills in what the loop is doing right now, without stopping it.
enum mcp_event_status mcp_event_dispatcher_doing(const struct mcp_event_dispatcher *dispatcher,
                                                 struct mcp_event_doing *out);

#if !defined(_WIN32)
// Listens on an address: `127.0.0.1:80`, `[::1]:80`, or `unix:` and a path, which must not exist yet, and stays when
// the listener goes. `closure` is given each connection, or told why one that waits cannot be accepted: then the
// listener rests for a tenth of a second, and tries again.
enum mcp_event_status mcp_event_listener_create(struct mcp_event_dispatcher *dispatcher,
                                                const char *address,
                                                struct mcp_event_stream_closure closure,
                                                struct mcp_event_listener **out);
#endif

#if !defined(_WIN32)
// The address that it listens on, with the port that the system chose; as `mcp_event_listener_create()` takes it.
enum mcp_event_status mcp_event_listener_address(const struct mcp_event_listener *listener,
                                                 struct mcp_event_text **out);
#endif

#if !defined(_WIN32)
// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
enum mcp_event_status mcp_event_listener_set_label(struct mcp_event_listener *listener, const char *text);
#endif

#if !defined(_WIN32)
// Closes the socket: its closure is not called after this returns, under the rules of `mcp_event_timer_destroy`.
enum mcp_event_status mcp_event_listener_destroy(struct mcp_event_listener *listener);
#endif

#if !defined(_WIN32)
// Connects to an address, as `mcp_event_listener_create()` takes it, and tells `closure` on the loop how that ended;
// never inside this call. It fails with ETIMEDOUT when it takes longer than `timeout_us`; with 0, when the system
// gives up. What can be refused at once is refused here.
enum mcp_event_status mcp_event_connect_create(struct mcp_event_dispatcher *dispatcher,
                                               const char *address,
                                               int64_t timeout_us,
                                               struct mcp_event_stream_closure closure,
                                               struct mcp_event_connect **out);
#endif

#if !defined(_WIN32)
// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
enum mcp_event_status mcp_event_connect_set_label(struct mcp_event_connect *connect, const char *text);
#endif

#if !defined(_WIN32)
// Gives up, unless it has ended: its closure is not called after this returns, under the rules of
// `mcp_event_timer_destroy`. A stream that it made stays.
enum mcp_event_status mcp_event_connect_destroy(struct mcp_event_connect *connect);
#endif

// Sends the library's messages up to `max_level` to `log(data, ...)`. `drop(data)`, unless null, is called when it
// is replaced. A null `log` only ends that; the other arguments are not looked at. `MCP_EVENT_INVALID_STATE` if the
// program has a `tracing` subscriber of its own, which then gets them.
enum mcp_event_status mcp_event_set_log(mcp_event_log log,
                                        int max_level,
                                        void *data,
                                        void (*drop)(void *data));

// Makes one that shows nothing yet.
enum mcp_event_status mcp_event_metrics_create(struct mcp_event_metrics **out);

// Shows the figures of a dispatcher, under its name. It may be destroyed before. `MCP_EVENT_INVALID_ARGUMENT` if
// something has this name already.
enum mcp_event_status mcp_event_metrics_add_dispatcher(struct mcp_event_metrics *metrics,
                                                       const struct mcp_event_dispatcher *dispatcher);

// Shows the figures of a pool, and of each of its workers. It may be destroyed before. Fails as
// `mcp_event_metrics_add_dispatcher()` does.
enum mcp_event_status mcp_event_metrics_add_pool(struct mcp_event_metrics *metrics,
                                                 const char *name,
                                                 const struct mcp_event_pool *pool);

// Shows the figures of the servers of a manager that was started. It may be destroyed before. Fails as
// `mcp_event_metrics_add_dispatcher()` does; `MCP_EVENT_INVALID_STATE` before the start.
enum mcp_event_status mcp_event_metrics_add_servers(struct mcp_event_metrics *metrics,
                                                    const char *name,
                                                    const struct mcp_event_server_manager *manager);

// Has `source` add to each page. Fails as `mcp_event_metrics_add_dispatcher()` does.
enum mcp_event_status mcp_event_metrics_add_source(struct mcp_event_metrics *metrics,
                                                   const char *name,
                                                   struct mcp_event_metrics_source source);

// Adds to a page what is in the text format of Prometheus already. It comes at the end: see to it that no family is
// in several texts.
enum mcp_event_status mcp_event_metrics_page_append(struct mcp_event_metrics_page *page,
                                                    const char *appended);

// Shows what has this name no more. `MCP_EVENT_NOT_FOUND` if nothing has.
enum mcp_event_status mcp_event_metrics_remove(struct mcp_event_metrics *metrics, const char *name);

// All figures of this moment in the text format of Prometheus, to be served as
// `text/plain; version=0.0.4; charset=utf-8`.
enum mcp_event_status mcp_event_metrics_prometheus(const struct mcp_event_metrics *metrics,
                                                   struct mcp_event_text **out);

// Destroys it; endpoints that show its figures go on. Its sources are dropped when the last of both is gone.
enum mcp_event_status mcp_event_metrics_destroy(struct mcp_event_metrics *metrics);

// Listens at `address`, "127.0.0.1:9464" or "[::1]:9464", say; port 0 takes a free one. Whoever can reach it reads
// the figures: there is neither encryption nor a password. `options` may be null. `MCP_EVENT_OS_ERROR` when the
// system does not let it, `MCP_EVENT_UNAVAILABLE` in a build without this endpoint.
enum mcp_event_status mcp_event_metrics_endpoint_create(struct mcp_event_dispatcher *dispatcher,
                                                        const char *address,
                                                        const struct mcp_event_metrics *metrics,
                                                        const struct mcp_event_metrics_endpoint_options *options,
                                                        struct mcp_event_metrics_endpoint **out);

// The address that it listens at, with the port that it really has.
enum mcp_event_status mcp_event_metrics_endpoint_address(const struct mcp_event_metrics_endpoint *endpoint,
                                                         struct mcp_event_text **out);

// Closes it and its connections.
enum mcp_event_status mcp_event_metrics_endpoint_destroy(struct mcp_event_metrics_endpoint *endpoint);

// Makes a pool of `size` workers, none of them started; 0 is allowed.
enum mcp_event_status mcp_event_pool_create(size_t size, struct mcp_event_pool **out);

// Makes a pool with other than the default settings, none of whose workers is started. `options` may be null.
// `MCP_EVENT_INVALID_ARGUMENT`, with the reason, for a minimum above the maximum, CPUs that are not ours, marks out
// of order, a stack that is too small.
enum mcp_event_status mcp_event_pool_create_with(const struct mcp_event_pool_options *options,
                                                 struct mcp_event_pool **out);

// Starts all workers, and returns once each owns its loop. If one fails, those started are stopped again.
// Nothing for those that are started already; on the thread of one that is about to end, `MCP_EVENT_INVALID_STATE`.
enum mcp_event_status mcp_event_pool_start(struct mcp_event_pool *pool);

// Waits until what was executed before has begun, but not on the thread of a worker; then asks all workers to stop,
// after what was posted before, and waits for each. The pool can be started again.
enum mcp_event_status mcp_event_pool_stop(struct mcp_event_pool *pool);

// Lets all workers finish, what is posted meanwhile included, but no longer than `limit_us`. What they did not get
// done is dropped, and counted in `report`, unless that is null; set `report->size` first. A callback that does not
// return within a second more is left behind. The pool can be started again, unless a worker is stuck.
// `MCP_EVENT_INVALID_STATE` on the thread of one of its workers.
enum mcp_event_status mcp_event_pool_shutdown(struct mcp_event_pool *pool,
                                              int64_t limit_us,
                                              struct mcp_event_pool_report *report);

// How many workers there are, those that retire not counted.
enum mcp_event_status mcp_event_pool_size(const struct mcp_event_pool *pool, size_t *out);

// The dispatcher of worker `index`; it stays the pool's. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
enum mcp_event_status mcp_event_pool_dispatcher(const struct mcp_event_pool *pool,
                                                size_t index,
                                                struct mcp_event_dispatcher **out);

// The dispatcher of the next worker, by the pool's policy; it stays the pool's, and valid as long as that, also when
// its worker retires: then it refuses posts. `MCP_EVENT_OUT_OF_RANGE` for an empty pool.
enum mcp_event_status mcp_event_pool_next(const struct mcp_event_pool *pool,
                                          struct mcp_event_dispatcher **out);

// The dispatcher of the worker for all that has this key, of `length` bytes, which may be none. A worker that retires
// or joins moves only the keys that are its own. `MCP_EVENT_OUT_OF_RANGE` for an empty pool.
enum mcp_event_status mcp_event_pool_for_key(const struct mcp_event_pool *pool,
                                             const void *key,
                                             size_t length,
                                             struct mcp_event_dispatcher **out);

// Chooses the next worker otherwise from now on: `MCP_EVENT_POOL_ROUND_ROBIN` and so on.
enum mcp_event_status mcp_event_pool_set_policy(struct mcp_event_pool *pool, int policy);

// Has one of the workers run `closure`, whichever is free first; none is bound to it, so one that is held up loses
// it to the others. Those that are executed before a stop still run. What it throws goes where it goes from a post.
// `MCP_EVENT_INVALID_STATE` unless the pool is started; `MCP_EVENT_OUT_OF_RANGE` if it has no workers.
enum mcp_event_status mcp_event_pool_execute(struct mcp_event_pool *pool,
                                             struct mcp_event_closure closure);

// How many of the closures that `mcp_event_pool_execute()` took no worker has begun.
enum mcp_event_status mcp_event_pool_tasks_waiting(const struct mcp_event_pool *pool, size_t *out);

// As `mcp_event_dispatcher_register_watchdog()`, for all workers, also those that start or join later: `touch(data)`
// is called on all their threads. `drop(data)` is called once, when the last one lets go of it.
enum mcp_event_status mcp_event_pool_register_watchdog(struct mcp_event_pool *pool,
                                                       void (*touch)(void *data),
                                                       void *data,
                                                       void (*drop)(void *data),
                                                       int64_t min_touch_interval_us);

// Stops the pool and destroys it and its dispatchers.
enum mcp_event_status mcp_event_pool_destroy(struct mcp_event_pool *pool);

// Tells how late the loop is at this moment, and how much waits, without disturbing it.
enum mcp_event_status mcp_event_dispatcher_load(const struct mcp_event_dispatcher *dispatcher,
                                                struct mcp_event_load *out);

// Makes a driver of a dispatcher's scaled timers; `options` may be null. `MCP_EVENT_INVALID_STATE` if the dispatcher
// has one. While it has, a factor set by hand lasts until the next measurement.
enum mcp_event_status mcp_event_pressure_driver_create(struct mcp_event_dispatcher *dispatcher,
                                                       const struct mcp_event_pressure_options *options,
                                                       struct mcp_event_pressure_driver **out);

// Adds a source of pressure; the largest pressure of all sources counts. One that throws is a callback that throws:
// the loop stops.
enum mcp_event_status mcp_event_pressure_driver_add_source(struct mcp_event_pressure_driver *driver,
                                                           struct mcp_event_pressure_source source);

// The pressure at the last measurement, from 0 to 1.
enum mcp_event_status mcp_event_pressure_driver_pressure(const struct mcp_event_pressure_driver *driver,
                                                         double *out);

// Ends it, and sets the scale factor to 1. No source is called after this returns, under the rules of
// `mcp_event_timer_destroy`.
enum mcp_event_status mcp_event_pressure_driver_destroy(struct mcp_event_pressure_driver *driver);

// Makes a scaled timer, not armed, whose minimum is that of its type (`MCP_EVENT_SCALED_TIMER_OVERLOAD_ACTION_STATE`
// and so on) whenever it is enabled.
enum mcp_event_status mcp_event_scaled_timer_create(struct mcp_event_dispatcher *dispatcher,
                                                    int timer_type,
                                                    struct mcp_event_closure closure,
                                                    struct mcp_event_scaled_timer **out);

// Makes a scaled timer, not armed, with a minimum of its own. What it is enabled for is cut to `max_us`; INT64_MAX
// cuts nothing, and negative counts as 0.
enum mcp_event_status mcp_event_scaled_timer_create_with_minimum(struct mcp_event_dispatcher *dispatcher,
                                                                 struct mcp_event_scaled_timer_minimum minimum,
                                                                 int64_t max_us,
                                                                 struct mcp_event_closure closure,
                                                                 struct mcp_event_scaled_timer **out);

// Arms it to fire once, `max_us` microseconds from now at the latest; replaces what it was armed for. Negative counts
// as 0, which means the next iteration; INT64_MAX never comes, though a factor below 1 may bring it into reach.
enum mcp_event_status mcp_event_scaled_timer_enable_us(struct mcp_event_scaled_timer *timer,
                                                       int64_t max_us);

// Disarms it: no callback begins after this returns.
enum mcp_event_status mcp_event_scaled_timer_disable(struct mcp_event_scaled_timer *timer);

// Whether it is armed; false inside its callback, until it is enabled again.
enum mcp_event_status mcp_event_scaled_timer_enabled(const struct mcp_event_scaled_timer *timer, bool *out);

// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
enum mcp_event_status mcp_event_scaled_timer_set_label(struct mcp_event_scaled_timer *timer,
                                                       const char *label);

// Destroys it, under the rules of `mcp_event_timer_destroy`.
enum mcp_event_status mcp_event_scaled_timer_destroy(struct mcp_event_scaled_timer *timer);

// Sets the minimum of the scaled timers of a type, from when they are enabled the next time. At first it is all of
// the maximum: they are not scaled.
enum mcp_event_status mcp_event_dispatcher_set_scaled_timer_minimum(struct mcp_event_dispatcher *dispatcher,
                                                                    int timer_type,
                                                                    struct mcp_event_scaled_timer_minimum minimum);

// Sets how much of the time between their minimum and their maximum the scaled timers wait: all with 1, as at first,
// nothing with 0. At once, also for those that have waited their minimum already.
enum mcp_event_status mcp_event_dispatcher_set_timer_scale_factor(struct mcp_event_dispatcher *dispatcher,
                                                                  double factor);

// The factor that is set.
enum mcp_event_status mcp_event_dispatcher_timer_scale_factor(const struct mcp_event_dispatcher *dispatcher,
                                                              double *out);

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

// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
enum mcp_event_status mcp_event_schedulable_set_label(struct mcp_event_schedulable *callback,
                                                      const char *label);

// Frees an answer that a call returned.
enum mcp_event_status mcp_event_server_answer_destroy(struct mcp_event_server_answer *answer);

// Sends a request to a server. `params` is a JSON text, or null for none; `options` may be null. What comes of it,
// whatever it is, comes to `closure`, once, also when the manager is destroyed meanwhile. The number is for
// `mcp_event_server_manager_cancel()`; the closure may be called before it is written. The call fails, and both
// closures stay the caller's, for arguments that make no sense, and if the manager was not started.
enum mcp_event_status mcp_event_server_manager_call(struct mcp_event_server_manager *manager,
                                                    const char *server,
                                                    const char *method,
                                                    const char *params,
                                                    const struct mcp_event_call_options *options,
                                                    struct mcp_event_answer_closure closure,
                                                    uint64_t *out);

// Likewise, and waits for what comes of it, which is the caller's to destroy. On the thread of a loop, which must
// not wait, that is `MCP_EVENT_CALL_ON_LOOP`, at once.
enum mcp_event_status mcp_event_server_manager_call_wait(struct mcp_event_server_manager *manager,
                                                         const char *server,
                                                         const char *method,
                                                         const char *params,
                                                         const struct mcp_event_call_options *options,
                                                         struct mcp_event_server_answer **out);

// Cancels the request of this number to this server, which is told. Nothing, if its outcome is known already.
// `MCP_EVENT_NOT_FOUND` for an unknown server, `MCP_EVENT_CLOSED` once the manager has stopped.
enum mcp_event_status mcp_event_server_manager_cancel(struct mcp_event_server_manager *manager,
                                                      const char *server,
                                                      uint64_t call);

// Sends a notification to a server. `params` is a JSON text, or null for none. A server that is not ready does not
// get it. `MCP_EVENT_NOT_FOUND` for an unknown server, `MCP_EVENT_CLOSED` once the manager has stopped.
enum mcp_event_status mcp_event_server_manager_notify(struct mcp_event_server_manager *manager,
                                                      const char *server,
                                                      const char *method,
                                                      const char *params);

// How many servers there are in it.
enum mcp_event_status mcp_event_server_change_size(const struct mcp_event_server_change *change, size_t *out);

// A server: what the change means for it, and its name, which lives as long as the change. Those of one kind stand
// together, in the order of the kinds. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
enum mcp_event_status mcp_event_server_change_get(const struct mcp_event_server_change *change,
                                                  size_t index,
                                                  enum mcp_event_server_change_kind *out_kind,
                                                  const char **out_name);

// Frees it.
enum mcp_event_status mcp_event_server_change_destroy(struct mcp_event_server_change *change);

// Makes a configuration from its JSON text; variables are those of the environment. `MCP_EVENT_INVALID_ARGUMENT`
// for a wrong one: the last error says where in it, as a JSON path.
enum mcp_event_status mcp_event_server_config_create(const char *json,
                                                     struct mcp_event_server_config **out);

// Likewise, from a file. `MCP_EVENT_OS_ERROR` if it cannot be read.
enum mcp_event_status mcp_event_server_config_create_from_file(const char *path,
                                                               struct mcp_event_server_config **out);

// How many things in it have no effect.
enum mcp_event_status mcp_event_server_config_warning_count(const struct mcp_event_server_config *config,
                                                            size_t *out);

// One of them in words, with its JSON path. It lives as long as the configuration. `MCP_EVENT_OUT_OF_RANGE` for an
// index too large.
enum mcp_event_status mcp_event_server_config_warning(const struct mcp_event_server_config *config,
                                                      size_t index,
                                                      const char **out);

// Frees it. Managers that were given it have their own.
enum mcp_event_status mcp_event_server_config_destroy(struct mcp_event_server_config *config);

// How many servers there were.
enum mcp_event_status mcp_event_server_list_size(const struct mcp_event_server_list *list, size_t *out);

// Fills in what was known of server number `index`. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
enum mcp_event_status mcp_event_server_list_get(const struct mcp_event_server_list *list,
                                                size_t index,
                                                struct mcp_event_server_info *out);

// Fills in what was known of the server of this name. `MCP_EVENT_NOT_FOUND` if there is none.
enum mcp_event_status mcp_event_server_list_find(const struct mcp_event_server_list *list,
                                                 const char *name,
                                                 struct mcp_event_server_info *out);

// Frees it.
enum mcp_event_status mcp_event_server_list_destroy(struct mcp_event_server_list *list);

// How many lines there are.
enum mcp_event_status mcp_event_server_log_size(const struct mcp_event_server_log *log, size_t *out);

// A line: its number, counted from 1 over all that the server ever wrote, and its text, which lives as long as the
// log. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
enum mcp_event_status mcp_event_server_log_get(const struct mcp_event_server_log *log,
                                               size_t index,
                                               uint64_t *out_number,
                                               const char **out_text);

// Frees it.
enum mcp_event_status mcp_event_server_log_destroy(struct mcp_event_server_log *log);

// Makes a manager of the servers in `config`, which stays the caller's. It is not started; `options` may be null.
enum mcp_event_status mcp_event_server_manager_create(const struct mcp_event_server_config *config,
                                                      const struct mcp_event_server_manager_options *options,
                                                      struct mcp_event_server_manager **out);

// Has the closure told of each change of a server's status or reason. Replaces the one before.
// `MCP_EVENT_INVALID_STATE` once the manager has been started.
enum mcp_event_status mcp_event_server_manager_on_change(struct mcp_event_server_manager *manager,
                                                         struct mcp_event_server_info_closure closure);

// Ends what an earlier life of the program left behind, by the state file, then starts the servers that are to run.
// Waits for the disk, not for the servers. `MCP_EVENT_OS_ERROR` or `MCP_EVENT_INVALID_STATE` if the state file
// cannot be used, or another manager uses it; one may try again. `MCP_EVENT_INVALID_STATE` in a callback of a loop,
// and for a manager that was started.
enum mcp_event_status mcp_event_server_manager_start(struct mcp_event_server_manager *manager);

// Stops all servers at the same time, and waits until nothing is left of them. What was not answered yet is answered
// with a failure. `MCP_EVENT_INVALID_STATE` in a callback of a loop, whose thread must not wait.
enum mcp_event_status mcp_event_server_manager_stop(struct mcp_event_server_manager *manager);

// Begins to stop all servers, at the same time.
enum mcp_event_status mcp_event_server_manager_begin_stop(struct mcp_event_server_manager *manager);

// Stops all servers, waits until nothing is left of them and the manager's own callbacks have run, and destroys the
// manager. In a callback of a loop it does not wait: all that happens on another thread then.
enum mcp_event_status mcp_event_server_manager_destroy(struct mcp_event_server_manager *manager);

// All servers at this moment.
enum mcp_event_status mcp_event_server_manager_list(const struct mcp_event_server_manager *manager,
                                                    struct mcp_event_server_list **out);

// Has a server run, now and in later lives of the program. `MCP_EVENT_NOT_FOUND` for an unknown one,
// `MCP_EVENT_CLOSED` once the manager has stopped; `MCP_EVENT_INVALID_STATE` in a callback of a loop.
enum mcp_event_status mcp_event_server_manager_start_server(struct mcp_event_server_manager *manager,
                                                            const char *server);

// Has a server not run, now and in later lives of the program, and waits until nothing is left of it. Fails as
// `mcp_event_server_manager_start_server()` does.
enum mcp_event_status mcp_event_server_manager_stop_server(struct mcp_event_server_manager *manager,
                                                           const char *server);

// Ends a server, and starts it anew. Fails as `mcp_event_server_manager_start_server()` does.
enum mcp_event_status mcp_event_server_manager_restart_server(struct mcp_event_server_manager *manager,
                                                              const char *server);

// What a server wrote to its stderr: the lines from `number` on, counted from 1, that are still known. None, for an
// unknown server.
enum mcp_event_status mcp_event_server_manager_log_since(const struct mcp_event_server_manager *manager,
                                                         const char *server,
                                                         uint64_t number,
                                                         struct mcp_event_server_log **out);

// Takes a new configuration over, which stays the caller's, as far as it differs: servers that are the same in both
// do not notice. `MCP_EVENT_CLOSED` once the manager has stopped; `MCP_EVENT_INVALID_STATE` in a callback of a loop.
enum mcp_event_status mcp_event_server_manager_reload(struct mcp_event_server_manager *manager,
                                                      const struct mcp_event_server_config *config,
                                                      struct mcp_event_server_change **out);

// The figures of this moment, and the status of each server, in the text format of Prometheus.
enum mcp_event_status mcp_event_server_manager_prometheus(const struct mcp_event_server_manager *manager,
                                                          struct mcp_event_text **out);

// Destroys it, under the rules of `mcp_event_timer_destroy`.
enum mcp_event_status mcp_event_signal_event_destroy(struct mcp_event_signal_event *event);

// Listens for a signal; the closure runs on the loop's thread, at least once after the last delivery.
// `MCP_EVENT_INVALID_ARGUMENT` for a number that is no signal, cannot be caught, or is a fault of the program.
enum mcp_event_status mcp_event_signal_event_create(struct mcp_event_dispatcher *dispatcher,
                                                    int signal_number,
                                                    struct mcp_event_closure closure,
                                                    struct mcp_event_signal_event **out);

// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
enum mcp_event_status mcp_event_signal_event_set_label(struct mcp_event_signal_event *event,
                                                       const char *label);

// Starts to record the histograms.
enum mcp_event_status mcp_event_dispatcher_enable_stats(struct mcp_event_dispatcher *dispatcher);

// Fills in the figures so far, without stopping the loop.
enum mcp_event_status mcp_event_dispatcher_stats(const struct mcp_event_dispatcher *dispatcher,
                                                 struct mcp_event_stats *out);

// Fills in the figures of all workers of the pool together, also of those that have left it, without stopping a
// loop: counters as sums, histograms as of all that was recorded. `mcp_event_dispatcher_stats()` has those of each.
enum mcp_event_status mcp_event_pool_stats(const struct mcp_event_pool *pool,
                                           struct mcp_event_stats *out);

// Has callbacks that take longer than `threshold_us` counted, in `slow_callbacks`, and told to the log as a warning
// with their kind and label. A negative threshold ends that, as at first. By the dispatcher's clock.
enum mcp_event_status mcp_event_dispatcher_set_slow_callback_threshold_us(struct mcp_event_dispatcher *dispatcher,
                                                                          int64_t threshold_us);

// The figures of a dispatcher in the text format of Prometheus, by its name, to be served as
// `text/plain; version=0.0.4; charset=utf-8`.
enum mcp_event_status mcp_event_dispatcher_prometheus(const struct mcp_event_dispatcher *dispatcher,
                                                      struct mcp_event_text **out);

// The text of the last failure on this thread, or "". It is valid until the next failure on this thread.
const char *mcp_event_last_error(void);

// The errno of the last failure on this thread, if it was `MCP_EVENT_OS_ERROR`, else 0.
int mcp_event_last_os_error(void);

// A status as a word, for logs: "ok", "null argument", ... "unknown status" for other numbers. Static.
const char *mcp_event_status_name(int status);

// The version of the library that runs, as `MCP_EVENT_VERSION`: major * 10000 + minor * 100 + patch. Compare it
// with the header's.
uint32_t mcp_event_version(void);

#if !defined(_WIN32)
// Makes a stream of a connected stream socket, which is its own from then on; its number may be another one. When this
// fails, the fd stays the caller's. The socket is made non-blocking, for all who share its open file.
// `MCP_EVENT_OS_ERROR` when it is no stream socket.
enum mcp_event_status mcp_event_stream_create(struct mcp_event_dispatcher *dispatcher,
                                              mcp_event_os_fd fd,
                                              struct mcp_event_stream **out);
#endif

#if !defined(_WIN32)
// Closes the socket, without sending what still waits, and drops the callbacks: none of them begins after this
// returns, under the rules of `mcp_event_timer_destroy`.
enum mcp_event_status mcp_event_stream_destroy(struct mcp_event_stream *stream);
#endif

#if !defined(_WIN32)
// Tells `closure` what comes in from now on, until it was told of the end or a failure. Replaces the closure before,
// and ends a pause. `MCP_EVENT_INVALID_STATE` when one was told of the end already.
enum mcp_event_status mcp_event_stream_receive(struct mcp_event_stream *stream,
                                               struct mcp_event_receive_closure closure);
#endif

#if !defined(_WIN32)
// Receives nothing, until `mcp_event_stream_resume()`: no call of the receive closure begins after this returns. What
// the peer sends meanwhile fills the system's buffers, until its own sends have to wait.
enum mcp_event_status mcp_event_stream_pause(struct mcp_event_stream *stream);
#endif

#if !defined(_WIN32)
// Ends a pause.
enum mcp_event_status mcp_event_stream_resume(struct mcp_event_stream *stream);
#endif

#if !defined(_WIN32)
// Sends bytes after all that was given before. They are copied as far as the system does not take them at once. Never
// waits. `MCP_EVENT_QUEUE_FULL` when as many as the limit allows wait already, `MCP_EVENT_INVALID_STATE` after a
// shutdown or a failure, `MCP_EVENT_CLOSED` when the dispatcher is gone.
enum mcp_event_status mcp_event_stream_send(struct mcp_event_stream *stream,
                                            const void *bytes,
                                            size_t length);
#endif

#if !defined(_WIN32)
// As `mcp_event_stream_send()`, and calls `closure` on the loop when the system has taken all the bytes, or they cannot
// be sent any more. Never inside this call. Taken is not arrived: of that only an answer of the peer tells.
enum mcp_event_status mcp_event_stream_send_then(struct mcp_event_stream *stream,
                                                 const void *bytes,
                                                 size_t length,
                                                 struct mcp_event_sent_closure closure);
#endif

#if !defined(_WIN32)
// How many bytes that were given to be sent the system has not taken.
enum mcp_event_status mcp_event_stream_queued(const struct mcp_event_stream *stream, size_t *out);
#endif

#if !defined(_WIN32)
// Refuses to send while this many bytes wait, or more; 0: without a limit, as at first. What is accepted is accepted
// whole, so the queue may exceed the limit by one send.
enum mcp_event_status mcp_event_stream_set_send_limit(struct mcp_event_stream *stream,
                                                      size_t bytes);
#endif

#if !defined(_WIN32)
// Fails receiving when nothing comes in for this long while it is not paused; 0, as at first: never.
enum mcp_event_status mcp_event_stream_set_receive_timeout_us(struct mcp_event_stream *stream,
                                                              int64_t microseconds);
#endif

#if !defined(_WIN32)
// Fails sending when bytes wait, and the system takes none of them for this long; 0, as at first: never.
enum mcp_event_status mcp_event_stream_set_send_timeout_us(struct mcp_event_stream *stream,
                                                           int64_t microseconds);
#endif

#if !defined(_WIN32)
// Ends the sending side once all that was given is sent: the peer receives the end. Receiving goes on.
enum mcp_event_status mcp_event_stream_shutdown(struct mcp_event_stream *stream);
#endif

#if !defined(_WIN32)
// Ends both sides at once, whatever waits: receivers, here and at the peer, are told of an end or a failure.
enum mcp_event_status mcp_event_stream_abort(struct mcp_event_stream *stream);
#endif

#if !defined(_WIN32)
// Whether short sends leave at once instead of waiting for more (TCP_NODELAY). For TCP alone.
enum mcp_event_status mcp_event_stream_set_nodelay(struct mcp_event_stream *stream, bool at_once);
#endif

#if !defined(_WIN32)
// Its socket, for options of yours; it stays the stream's.
enum mcp_event_status mcp_event_stream_fd(const struct mcp_event_stream *stream, mcp_event_os_fd *out);
#endif

#if !defined(_WIN32)
// Names its callbacks in reports, under the rules of `mcp_event_timer_set_label`.
enum mcp_event_status mcp_event_stream_set_label(struct mcp_event_stream *stream, const char *text);
#endif

// Its characters, in UTF-8, zero-terminated. They live as long as the text.
enum mcp_event_status mcp_event_text_data(const struct mcp_event_text *text, const char **out);

// Frees it.
enum mcp_event_status mcp_event_text_destroy(struct mcp_event_text *text);

// Destroys it: no callback begins after this returns. From any thread, also inside its own callback. From
// another thread than the loop's it waits for a running callback to return, unless it is called inside a
// callback; so never hold what the callback waits for. A callback that another thread's call has brought about may
// destroy it, and its dispatcher, before that call has returned; else nobody is inside a call on it.
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

// Names its callback in reports of what the loop does. A label is 1 to 100 bytes of UTF-8 without control
// characters, else `MCP_EVENT_INVALID_ARGUMENT`. The process keeps it for ever, so there are to be few: name what
// is done, not for whom; after 4096 different ones it is `MCP_EVENT_INVALID_STATE`.
enum mcp_event_status mcp_event_timer_set_label(struct mcp_event_timer *timer,
                                                const char *label);

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

// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
enum mcp_event_status mcp_event_periodic_timer_set_label(struct mcp_event_periodic_timer *timer,
                                                         const char *label);

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
