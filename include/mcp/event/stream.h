// Connections whose I/O the loop does: what comes in goes to a callback, what goes out is queued in order.
// The same on every backend, fastest on io_uring. See docs/streams.md.
//
// All functions may be called from any thread; callbacks run on the loop's. An object may outlive its
// dispatcher, and does nothing then. Destroying one cancels all: once its destructor has returned, none of
// its callbacks begins; a callback may destroy its own object. Works on dispatchers made by this library; for
// another one the constructors throw std::invalid_argument.
#ifndef MCP_EVENT_STREAM_H
#define MCP_EVENT_STREAM_H

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <system_error>

#include "mcp/event/event_loop.h"

struct mcp_event_stream;
struct mcp_event_listener;
struct mcp_event_connect;

namespace mcp {
namespace event {

// What a stream has received.
struct Received {
  enum class Kind {
    // Bytes, at least one; lent for the call.
    Data = 0,
    // The peer has ended its sending side. Nothing more is received; sending goes on.
    End = 1,
    // Receiving has failed, or took longer than its timeout (std::errc::timed_out). Nothing more is received.
    Failed = 2,
  };
  Kind kind;
  const char* data;
  size_t size;
  // Of Failed.
  std::error_code error;
};

using ReceivedCb = std::function<void(const Received& received)>;
// `error` is empty when the system has taken all the bytes.
using SentCb = std::function<void(const std::error_code& error)>;

class Stream;
using StreamPtr = std::unique_ptr<Stream>;
// Either the stream or the error is empty.
using StreamCb = std::function<void(StreamPtr stream, const std::error_code& error)>;

class Stream {
 public:
  // Takes over a connected stream socket; its number may be another one from then on. Throws
  // std::system_error, and leaves the socket to the caller, when it is not one.
  Stream(Dispatcher& dispatcher, os_fd_t fd);
  // One that is made already, and owned from here on.
  explicit Stream(mcp_event_stream* stream) noexcept;
  // Closes the socket, without sending what still waits.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Tells `callback` what comes in from now on, until it was told of the end or a failure. Replaces the
  // callback before, and ends a pause. Throws std::invalid_argument if it is empty, and std::logic_error when
  // one was told of the end already.
  void receive(ReceivedCb callback);
  // Receives nothing until resume(): no call begins after this returns. The peer's sends have to wait then.
  void pause();
  void resume();

  // Sends bytes after all that was given before; never waits. False, and nothing is sent, when as many as the
  // limit allows wait already, after shutdown() or a failed send, and when the dispatcher is gone.
  bool send(const void* data, size_t size);
  // Likewise, and calls `callback` on the loop when the system has taken all the bytes, or they cannot be
  // sent any more; never inside this call. Throws std::invalid_argument if it is empty.
  bool send(const void* data, size_t size, SentCb callback);
  // How many bytes that were given the system has not taken.
  size_t queued() const;
  // Refuses to send while this many bytes wait, or more; 0, as at first: no limit.
  void setSendLimit(size_t bytes);

  // Fails receiving, or sending, when it stands still for this long while there is something to wait for;
  // zero, as at first: never. Throws std::invalid_argument for a negative limit.
  void setReceiveTimeout(std::chrono::microseconds limit);
  void setSendTimeout(std::chrono::microseconds limit);

  // Ends the sending side once all that was given is sent. Receiving goes on.
  void shutdown();
  // Ends both sides at once, whatever waits.
  void abort();

  // Whether short sends leave at once instead of waiting for more (TCP_NODELAY). Throws std::system_error.
  void setNoDelay(bool at_once);
  // The socket, which stays the stream's.
  os_fd_t fd() const;

 private:
  friend void setLabel(Stream& stream, const std::string& label);
  mcp_event_stream* stream_;
};

// Accepts connections. When the system has no file descriptor, or no memory, for one that waits, or has
// refused 64 in a row, it says so, rests for a tenth of a second, and tries again.
class Listener {
 public:
  // Listens on `127.0.0.1:80`, `[::1]:80`, or `unix:` and a path. Throws std::invalid_argument for what is no
  // address, std::system_error for one that is taken.
  Listener(Dispatcher& dispatcher, const std::string& address, StreamCb callback);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // With the port that the system chose.
  std::string address() const;

 private:
  friend void setLabel(Listener& listener, const std::string& label);
  mcp_event_listener* listener_;
};

// An attempt to connect.
class Connect {
 public:
  // Calls `callback` once, on the loop, never inside this call; with std::errc::timed_out when it takes
  // longer than `timeout`, which is not meant if it is zero. Throws, as the constructor of Listener, what can
  // be refused at once.
  Connect(Dispatcher& dispatcher, const std::string& address, std::chrono::microseconds timeout,
          StreamCb callback);
  // Gives up, unless it has ended.
  ~Connect();
  Connect(const Connect&) = delete;
  Connect& operator=(const Connect&) = delete;

 private:
  friend void setLabel(Connect& connect, const std::string& label);
  mcp_event_connect* connect_;
};

// Each names the callbacks of one in reports, under the rules of mcp/event/label.h.
void setLabel(Stream& stream, const std::string& label);
void setLabel(Listener& listener, const std::string& label);
void setLabel(Connect& connect, const std::string& label);

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_STREAM_H
