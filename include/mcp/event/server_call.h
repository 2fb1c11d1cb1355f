// Requests to MCP servers: how they are made, and what comes of them.
#ifndef MCP_EVENT_SERVER_CALL_H
#define MCP_EVENT_SERVER_CALL_H

#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "mcp/event/event_loop.h"
#include "mcp/event/server_info.h"

namespace mcp {
namespace event {

// What to do with a request to a server that is not ready for it.
enum class WhenDown {
  // Fail at once.
  Fail,
  // Wait until the server is ready, no longer than the request's own time. Fails when the server will not be
  // ready of itself.
  Wait,
};

// News of a request that takes its time.
struct CallProgress {
  double progress;
  // How far it will go, if that is known.
  bool has_total;
  double total;
  // In words; empty if the server says nothing.
  std::string message;
};

// How a request is made.
struct CallOptions {
  // How long the answer may take, a wait for the server included; zero: as configured.
  std::chrono::microseconds timeout{0};
  WhenDown when_down = WhenDown::Fail;
  // Where the callbacks of this request run; null: where those of the manager do. If it is shut down or
  // destroyed, they are destroyed without a call.
  Dispatcher* dispatcher = nullptr;
  // Told how far the request is, always before the answer. Its parameters must be an object then, or none.
  std::function<void(const CallProgress&)> on_progress;
};

// Something could not be done to a server. What is thrown is one of those below.
class ServerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// No server has this name.
class UnknownServer : public ServerError {
 public:
  using ServerError::ServerError;
};

// The manager has stopped.
class ManagerStopped : public ServerError {
 public:
  using ServerError::ServerError;
};

// The server is not ready.
class ServerDown : public ServerError {
 public:
  ServerDown(const std::string& text, ServerStatus status) : ServerError(text), status_(status) {}
  // What it was doing.
  ServerStatus status() const noexcept { return status_; }

 private:
  ServerStatus status_;
};

// The server answered with an error.
class RpcError : public ServerError {
 public:
  RpcError(const std::string& text, int64_t code, std::string message, std::string data)
      : ServerError(text), code_(code), message_(std::move(message)), data_(std::move(data)) {}
  int64_t code() const noexcept { return code_; }
  // The server's own words.
  const std::string& message() const noexcept { return message_; }
  // More about it, as a JSON text; empty if there is no more.
  const std::string& data() const noexcept { return data_; }

 private:
  int64_t code_;
  std::string message_;
  std::string data_;
};

// No answer came in time. The server was told that nobody waits any more.
class CallTimeout : public ServerError {
 public:
  using ServerError::ServerError;
};

// The request was cancelled.
class CallCancelled : public ServerError {
 public:
  using ServerError::ServerError;
};

// The server ended, or was stopped, before it answered.
class ConnectionLost : public ServerError {
 public:
  using ServerError::ServerError;
};

// The answer was no valid message.
class MalformedAnswer : public ServerError {
 public:
  using ServerError::ServerError;
};

// The request is not one: its parameters are neither an object nor an array, or its method is empty.
class InvalidRequest : public ServerError {
 public:
  using ServerError::ServerError;
};

// The server does not read what it is sent, and too much waits for it.
class ServerNotReading : public ServerError {
 public:
  using ServerError::ServerError;
};

// What came of a request, in short.
enum class CallOutcome {
  Result,
  RpcError,
  UnknownServer,
  Down,
  TimedOut,
  Cancelled,
  ConnectionLost,
  Malformed,
  InvalidRequest,
  NotReading,
  // The thread of a loop, which must not wait, was to wait for the answer.
  OnLoop,
  ManagerStopped,
};

// What came of a request.
struct CallResult {
  CallOutcome outcome = CallOutcome::Result;
  // The result, as a JSON text; empty if there is none.
  std::string json;
  // Why there is none, in words.
  std::string text;
  // Of an RpcError.
  int64_t code = 0;
  std::string message;
  std::string data;
  // Of a server that is down.
  ServerStatus status = ServerStatus::Running;

  bool ok() const noexcept { return outcome == CallOutcome::Result; }

  // The result. Throws the ServerError that stands for the outcome if there is none; std::logic_error for
  // OnLoop.
  const std::string& get() const;
};

// Tells the requests of a process apart.
using CallId = uint64_t;

using CallCallback = std::function<void(const CallResult&)>;

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_SERVER_CALL_H
