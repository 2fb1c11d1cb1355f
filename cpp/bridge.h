// The private C interface between the C++ wrapper (cpp/) and the Rust core (src/ffi/bridge.rs).
//
// Everything here carries closures that live in memory of the core's, or exceptions; all else the wrapper
// takes from the public C ABI (mcp_event.h). Never installed; its symbols are local to the shared library.
#ifndef MCP_EVENT_CPP_BRIDGE_H
#define MCP_EVENT_CPP_BRIDGE_H

#include <stddef.h>
#include <stdint.h>

#include "mcp_event.h"

#ifdef __cplusplus
extern "C" {
#endif

// Bytes of storage (aligned to 8) that the core keeps for the C++ side: in a handle's own allocation, where
// the handle is the address at which the storage ends, and in the node of a post.
enum { MCPEV_HANDLE_STORAGE = 40, MCPEV_POST_STORAGE = 40 };

// Moves the closure at `from` into the storage of a new handle, which stays where it is; called once, before
// the closure can run. Must not throw.
typedef void (*mcpev_init)(void* storage, void* from);

// What the core must know of the closures in handles' storage. It lies in no handle: there is one for those
// without an argument and one for those of file events, installed once, before the first dispatcher.
typedef struct mcpev_handle_ops {
  // Runs it. Null when it returned; when it threw, the exception as a `new std::exception_ptr`, owned by the
  // receiver.
  void* (*call)(void* storage, uint32_t events);
  // Destroys it; the core frees the storage afterwards. Must not throw.
  void (*drop)(void* storage);
} mcpev_handle_ops;
void mcpev_install_handle_ops(const mcpev_handle_ops* plain, const mcpev_handle_ops* of_file_events);

// What it must know of a closure that is posted: one static table for each type of closure.
typedef struct mcpev_post_ops {
  // Moves the closure at `from` into `storage`; called once. Must not throw, and calls nothing of the core's.
  // The storage may be moved as bytes afterwards, until `run` or `drop`.
  void (*init)(void* storage, void* from);
  // Moves it out of `storage`, which is somebody else's from then on; runs it, and destroys it. Returns as
  // mcpev_handle_ops.call does.
  void* (*run)(void* storage);
  // Destroys it without running it. Must not throw.
  void (*drop)(void* storage);
} mcpev_post_ops;

// What the core asks of an exception that a callback threw; installed once, before the first dispatcher.
typedef struct mcpev_exception_ops {
  // Writes the exception's text (UTF-8, cut to `size`, zero-terminated) to `text`.
  void (*describe)(void* exception, char* text, size_t size);
  // Frees it.
  void (*drop)(void* exception);
  // Runs a C user's `call(data)` or, with `file_call`, `file_call(data, events)`, and catches as
  // mcpev_handle_ops.call does.
  void* (*guarded_call)(void (*call)(void*), void (*file_call)(void*, uint32_t), void* data, uint32_t events);
  // Gives it, which is the receiver's from now on, to the handler of what callbacks on workers throw.
  // `worker` is the worker's name, `text` the core's account of the exception. Ends the process rather than
  // throw.
  void (*unhandled)(void* exception, const char* worker, size_t worker_length, const char* text);
} mcpev_exception_ops;
void mcpev_install_exception_ops(const mcpev_exception_ops* ops);

// `name` may hold any bytes; they are kept for logs with replacement characters where they are not UTF-8.
// `backend` is null for the default choice (MCP_EVENT_BACKEND, else the best poller), `libevent_base` is null
// unless the user gives one (mcp_event_dispatcher_options), `clock` is null for the real clock.
mcp_event_status mcpev_dispatcher_create(const char* name, size_t name_length, const char* backend,
                                         void* libevent_base, const mcp_event_clock* clock,
                                         mcp_event_dispatcher** out);

// A dispatcher in `foreign`, whose data is a mcp::event::ForeignLoop.
mcp_event_status mcpev_dispatcher_create_in(const char* name, size_t name_length,
                                            const mcp_event_foreign_loop* foreign,
                                            mcp_event_dispatcher** out);

// The mcp::event::ForeignLoop that the dispatcher waits in, or null.
mcp_event_status mcpev_dispatcher_foreign_loop(const mcp_event_dispatcher* dispatcher, void** out);

// The name, not zero-terminated; it lives as long as the dispatcher.
mcp_event_status mcpev_dispatcher_name(const mcp_event_dispatcher* dispatcher, const char** name,
                                       size_t* length);

// How much it has to do: the posts that wait, and one more unless it sleeps.
mcp_event_status mcpev_dispatcher_backlog(const mcp_event_dispatcher* dispatcher, size_t* out);

// As mcp_event_dispatcher_run; with MCP_EVENT_CALLBACK_FAILED, `*exception` is the C++ exception that a
// callback threw (owned by the caller), or null when it was a Rust panic (its text is the last error).
// `entered(data)`, unless null, is called on this thread once it owns the loop and the loop takes posts
// again, before any queued post runs; not when another thread ran the loop meanwhile.
mcp_event_status mcpev_dispatcher_run_with(mcp_event_dispatcher* dispatcher, int32_t run_type,
                                           void (*entered)(void* data), void* data, void** exception);

// Posts the closure at `from`; one that is refused stays there.
mcp_event_status mcpev_post(mcp_event_dispatcher* dispatcher, const mcpev_post_ops* ops, void* from);

// As mcp_event_dispatcher_deferred_delete(), with a function that returns as mcpev_handle_ops.call
// does.
mcp_event_status mcpev_deferred_delete(mcp_event_dispatcher* dispatcher, void* object,
                                       void* (*destroy)(void* object));

// Each creates a handle whose closure lies in its storage. On failure the closure at `from` was moved from
// and dropped, or left alone; both are safe to destroy.
mcp_event_status mcpev_timer_create(mcp_event_dispatcher* dispatcher, mcpev_init init, void* from,
                                    mcp_event_timer** out);
mcp_event_status mcpev_scaled_timer_create(mcp_event_dispatcher* dispatcher, int32_t timer_type,
                                           mcpev_init init, void* from, mcp_event_scaled_timer** out);
mcp_event_status mcpev_scaled_timer_create_with_minimum(mcp_event_dispatcher* dispatcher, int64_t min_us,
                                                        int64_t max_us, mcpev_init init, void* from,
                                                        mcp_event_scaled_timer** out);
mcp_event_status mcpev_file_event_create(mcp_event_dispatcher* dispatcher, mcp_event_os_fd fd,
                                         int32_t trigger, uint32_t events, mcpev_init init, void* from,
                                         mcp_event_file_event** out);
mcp_event_status mcpev_schedulable_create(mcp_event_dispatcher* dispatcher, mcpev_init init, void* from,
                                          mcp_event_schedulable** out);
mcp_event_status mcpev_signal_event_create(mcp_event_dispatcher* dispatcher, int signal_number,
                                           mcpev_init init, void* from, mcp_event_signal_event** out);

// A reply that a thread waits for; refused in a callback of a loop. `*out` is to be answered with, `*waiter`
// to be destroyed.
typedef struct mcpev_waiter mcpev_waiter;
mcp_event_status mcpev_reply_create_awaited(mcp_event_reply** out, mcpev_waiter** waiter);

// Waits for the outcome, no longer than `timeout_us`, unless it is 0. With MCP_EVENT_OK, `*out` is the
// caller's.
mcp_event_status mcpev_waiter_wait(mcpev_waiter* waiter, int64_t timeout_us, mcp_event_message* out);
void mcpev_waiter_destroy(mcpev_waiter* waiter);

#ifdef __cplusplus
}
#endif

#endif  // MCP_EVENT_CPP_BRIDGE_H
