// What becomes known of actors: why they end, what they are told of each other, what they are doing.
#ifndef MCP_EVENT_ACTOR_EVENTS_H
#define MCP_EVENT_ACTOR_EVENTS_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace mcp {
namespace event {

// Why an actor, or one life of it, ended.
struct ActorReason {
  enum class Kind {
    // It stopped itself.
    Normal,
    // Somebody asked it to stop.
    Stopped,
    // It threw.
    Error,
    // The library failed inside it.
    Panic,
    // An actor that it was linked to failed.
    Linked,
    // Its children failed more often than its supervision allows.
    TooManyRestarts,
    // It did not stop within its time limit.
    CutOff,
    // It had ended before it was watched.
    Gone,
  };

  Kind kind = Kind::Normal;
  // Whether it is a failure, and not a stop that somebody wanted.
  bool is_failure = false;
  // In words; with the type and the text of the exception, if it threw.
  std::string text;
};

// What an actor is told of another one.
struct ActorSignal {
  enum class Kind {
    // An actor that it monitors ended. It is told once.
    Down,
    // An actor that it is linked to failed. The link is gone.
    LinkFailed,
  };

  Kind kind = Kind::Down;
  // The id of the other actor.
  uint64_t actor = 0;
  ActorReason reason;
  // Whether that is started again.
  bool restarts = false;
};

// What happened to an actor that somebody should know of.
struct ActorEvent {
  enum class Kind {
    // A life of it ended: it failed, or it is permanent and stopped itself.
    Failed,
    // It failed more often than it may, and is not started again.
    GivenUp,
    // It did not stop within its time limit, and is waited for no longer.
    CutOff,
    // A message came that nobody will handle; it is destroyed.
    DeadLetter,
  };

  Kind kind = Kind::Failed;
  // The id of the actor, and its name if it has one.
  uint64_t actor = 0;
  std::string name;
  // Of Failed and GivenUp.
  ActorReason reason;
  // Of Failed: whether it is started again.
  bool restarts = false;
};

// What an actor is doing.
enum class ActorState {
  // It has not run started() yet.
  Starting,
  // It handles messages.
  Running,
  // It handles the messages that are left, and takes no others.
  Draining,
  // It, and its children, end.
  Stopping,
  // It failed, and waits to be started again.
  Restarting,
  // It ended for good.
  Stopped,
};

// What is known of one actor at one moment.
struct ActorInfo {
  uint64_t id = 0;
  // The id of its parent; 0: it has none.
  uint64_t parent = 0;
  // How many actors are above it.
  size_t depth = 0;
  // Empty if it has none.
  std::string name;
  ActorState state = ActorState::Starting;
  // The name of the dispatcher that it lives on.
  std::string dispatcher;
  // Messages that wait, and messages handled, in all its lives.
  uint64_t queued = 0;
  uint64_t handled = 0;
  // How often it was started again.
  uint32_t restarts = 0;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_ACTOR_EVENTS_H
