// Requests and replies between actors, and from the outside to actors.
#ifndef MCP_EVENT_ACTOR_REPLY_H
#define MCP_EVENT_ACTOR_REPLY_H

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "mcp/event/event_loop.h"
#include "mcp_event.h"

struct mcpev_waiter;

namespace mcp {
namespace event {

// How a request ended.
enum class AskStatus {
  // With a reply.
  Replied,
  // It was dropped without one: the actor failed, was stopped, or did not care to answer.
  NoReply,
  // The time for it is over.
  TimedOut,
  // It was refused: the actor takes no more messages.
  Stopped,
  // It was refused: the actor's mailbox is full.
  Full,
};

// That there is no reply, and why.
class AskError : public std::runtime_error {
 public:
  AskError(AskStatus status, const char* text) : std::runtime_error(text), status_(status) {}
  AskStatus status() const noexcept { return status_; }

 private:
  AskStatus status_;
};

namespace detail {

// A message of the C ABI that owns a T; `release` it once it is the library's.
template <typename T>
class Boxed {
 public:
  explicit Boxed(T&& value) : box_(new T(std::move(value))) {}

  mcp_event_message message() const noexcept {
    mcp_event_message message;
    message.data = box_.get();
    message.size = sizeof(T);
    message.drop = [](void* data) { delete static_cast<T*>(data); };
    return message;
  }
  T& value() noexcept { return *box_; }
  void release() noexcept { static_cast<void>(box_.release()); }

 private:
  std::unique_ptr<T> box_;
};

// Throws what a status of the C ABI stands for, with the text of this thread's last failure.
[[noreturn]] void throwActorStatus(mcp_event_status status);

inline void checkActorStatus(mcp_event_status status) {
  if (status != MCP_EVENT_OK) {
    throwActorStatus(status);
  }
}

// The words for an AskStatus.
const char* describeAskStatus(AskStatus status) noexcept;

// A reply handle whose outcome comes to `closure` on `dispatcher`. Throws std::invalid_argument for one that
// is not ours and for a negative timeout; the closure's data stays the caller's then.
mcp_event_reply* createReply(Dispatcher& dispatcher, std::chrono::microseconds timeout,
                             mcp_event_reply_closure closure);

// A reply that this thread waits for. Throws std::logic_error in a callback of a loop, whose thread must not
// wait.
class AwaitedReply {
 public:
  AwaitedReply();
  ~AwaitedReply();
  AwaitedReply(const AwaitedReply&) = delete;
  AwaitedReply& operator=(const AwaitedReply&) = delete;

  // The handle to answer with; the caller's, once.
  mcp_event_reply* takeReply() noexcept;

  // Waits, once; no longer than `timeout`, unless it is zero. With Replied, `*message` is the caller's.
  AskStatus wait(std::chrono::microseconds timeout, mcp_event_message* message);

 private:
  mcp_event_reply* reply_ = nullptr;
  mcpev_waiter* waiter_ = nullptr;
};

}  // namespace detail

// Where to send the reply to a request: once, from any thread. It is part of the message, and can only be
// moved. Destroyed without a reply, it tells the one who asked.
template <typename T>
class Reply {
 public:
  // From a handle, which it owns.
  explicit Reply(mcp_event_reply* reply) noexcept : reply_(reply) {}
  Reply(Reply&& other) noexcept : reply_(other.reply_) { other.reply_ = nullptr; }
  Reply& operator=(Reply&& other) noexcept {
    std::swap(reply_, other.reply_);
    return *this;
  }
  ~Reply() {
    if (reply_ != nullptr) {
      mcp_event_reply_destroy(reply_);
    }
  }

  // Whether it can still be sent.
  explicit operator bool() const noexcept { return reply_ != nullptr; }

  // Sends the reply; nothing, if nobody waits for it any more. Throws std::logic_error if it was sent, or
  // moved from.
  void send(T value) {
    if (reply_ == nullptr) {
      throw std::logic_error("Reply::send: it was sent, or moved from");
    }
    detail::Boxed<T> box(std::move(value));
    detail::checkActorStatus(mcp_event_reply_send(reply_, box.message()));
    box.release();
    reply_ = nullptr;
  }

 private:
  mcp_event_reply* reply_;
};

// The outcome of a request.
template <typename T>
class AskResult {
 public:
  // Without a reply.
  explicit AskResult(AskStatus status) : status_(status) {}
  // With one.
  explicit AskResult(std::unique_ptr<T> value) : status_(AskStatus::Replied), value_(std::move(value)) {}

  AskStatus status() const noexcept { return status_; }
  explicit operator bool() const noexcept { return value_ != nullptr; }

  // The reply, to be read or moved from. Throws AskError if there is none.
  T& value() {
    if (value_ == nullptr) {
      throw AskError(status_, detail::describeAskStatus(status_));
    }
    return *value_;
  }

 private:
  AskStatus status_;
  std::unique_ptr<T> value_;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_ACTOR_REPLY_H
