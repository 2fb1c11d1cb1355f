// Labels, names for kinds of work ("accept", "tools/call"), and what a loop is doing right now. Labels are
// shown in reports of the guard dog, in crash dumps, and in the log of slow callbacks.
//
// A label is 1 to 100 bytes of UTF-8 without control characters. The process keeps it for ever, so there are
// to be few: name what is done, not for whom. A text that cannot be one is std::invalid_argument; after 4096
// different ones, a new one is std::logic_error.
#ifndef MCP_EVENT_LABEL_H
#define MCP_EVENT_LABEL_H

#include <string>

#include "mcp/event/dispatcher_extras.h"
#include "mcp/event/event_loop.h"

namespace mcp {
namespace event {

// Each names the callback of a handle; also while the loop runs, from any thread. Throws
// std::invalid_argument for a handle that is not one of this library's.
void setLabel(Timer& timer, const std::string& label);
void setLabel(FileEvent& event, const std::string& label);
void setLabel(SchedulableCallback& callback, const std::string& label);
void setLabel(SignalEvent& event, const std::string& label);
void setLabel(PeriodicTimer& timer, const std::string& label);

// As tryPost(), with a label.
bool postLabelled(Dispatcher& dispatcher, const std::string& label, PostCb callback);

// What a loop is busy with.
enum class Activity {
  // Nobody runs it.
  NotRunning = 0,
  // It waits for events.
  Waiting = 1,
  // Its own work, between callbacks.
  Dispatching = 2,
  Post = 3,
  // A message to an actor.
  Message = 4,
  // A future of Rust's that is polled.
  Task = 5,
  Timer = 6,
  FileEvent = 7,
  Signal = 8,
  // A schedulable callback.
  Scheduled = 9,
  // The destruction of an object that was deferred.
  DeferredDelete = 10,
  // Destruction: of destroyed handles' closures, or of what a shutdown drops.
  Destructor = 11,
};

struct Doing {
  Activity activity;
  // The descriptor of a file event, the number of a signal, else 0.
  int number;
  // Empty if there is none.
  std::string label;
};

// What the loop is doing right now, without stopping it. From any thread. Throws std::invalid_argument for a
// dispatcher that is not one of this library's.
Doing doing(Dispatcher& dispatcher);

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_LABEL_H
