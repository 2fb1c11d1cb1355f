// What actors are to be: names, mailboxes, places, and the conditions of their restarts. A zero or a default
// always means the library's default.
#ifndef MCP_EVENT_ACTOR_OPTIONS_H
#define MCP_EVENT_ACTOR_OPTIONS_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace mcp {
namespace event {

// Whether an actor that ended is started again.
enum class Restart {
  // When it failed, if it is made by a factory; else never.
  Default,
  // Always, also when it stopped itself; but not when somebody else stopped it.
  Permanent,
  // When it failed.
  Transient,
  Never,
};

// Which children are started again when one of them is.
enum class Strategy {
  OneForOne,
  // All of them, in their order.
  OneForAll,
  // That one, and those that were started after it.
  RestForOne,
};

// The worker that an actor lives on.
enum class Placement {
  // The next one, round robin.
  Next,
  // The parent's; without a parent, the next one.
  WithParent,
  // The one whose number is said.
  OnWorker,
};

// How often actors may be started again: up to `max_restarts` times within `window`.
struct Intensity {
  static constexpr uint32_t kUnlimited = UINT32_MAX;

  // Zero: the default, unless `max_restarts` is kUnlimited.
  std::chrono::microseconds window{0};
  uint32_t max_restarts = 0;
};

// How long to wait before an actor is started again: longer with each failure that follows closely.
struct Backoff {
  // Before the first restart. Zero: the default, whatever the other fields are.
  std::chrono::microseconds initial{0};
  // The longest wait; zero: thirty seconds.
  std::chrono::microseconds max{0};
  // What each further wait is multiplied by; at least 1. Zero: 2.
  double factor = 0;
  // The share of a wait, 0 to 1, that is random.
  double jitter = 0;
  // An actor that lived so long is at the first wait again; zero: `max`.
  std::chrono::microseconds reset_after{0};
};

// How an actor looks after its children.
struct Supervision {
  Strategy strategy = Strategy::OneForOne;
  // Of all children together; by default three restarts within five seconds. One more, and the actor itself
  // fails.
  Intensity intensity;
  // For children that have none of their own; by default they do not wait.
  Backoff backoff;
};

struct ActorOptions {
  // To find it by; unique in the system. Empty: none.
  std::string name;
  // How many messages may wait; 0: any number.
  uint32_t mailbox = 0;
  Restart restart = Restart::Default;
  // By default its parent's.
  Backoff backoff;
  // Of its own restarts: one more, and it is given up. By default they count with its siblings'.
  Intensity intensity;
  // How long it may take to stop, its children included, before it is cut off; zero: five seconds.
  std::chrono::microseconds stop_limit{0};
  Placement placement = Placement::Next;
  // For Placement::OnWorker, counted from 0.
  size_t worker = 0;
  // How it looks after its children.
  Supervision supervision;
  // When it fails, drop what waits in its mailbox, instead of keeping it for the next life.
  bool discard_mail_on_failure = false;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_ACTOR_OPTIONS_H
