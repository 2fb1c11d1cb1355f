#include "mcp/event/actor_reply.h"

#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"

namespace mcp {
namespace event {
namespace detail {

using mcp_event_impl::check;

void throwActorStatus(mcp_event_status status) { mcp_event_impl::throwStatus(status); }

const char* describeAskStatus(AskStatus status) noexcept {
  switch (status) {
    case AskStatus::NoReply:
      return "the request was dropped without a reply";
    case AskStatus::TimedOut:
      return "no reply came in time";
    case AskStatus::Stopped:
      return "the actor takes no more messages: it has stopped, or is about to";
    case AskStatus::Full:
      return "the actor's mailbox is full";
    default:
      return "the reply was taken";
  }
}

mcp_event_reply* createReply(Dispatcher& dispatcher, std::chrono::microseconds timeout,
                             mcp_event_reply_closure closure) {
  mcp_event_dispatcher* const core = mcp_event_impl::DispatcherAccess::require(dispatcher, "ask");
  mcp_event_reply* reply = nullptr;
  check(mcp_event_reply_create(core, timeout.count(), closure, &reply));
  return reply;
}

AwaitedReply::AwaitedReply() { check(mcpev_reply_create_awaited(&reply_, &waiter_)); }

AwaitedReply::~AwaitedReply() {
  if (reply_ != nullptr) {
    mcp_event_reply_destroy(reply_);
  }
  mcpev_waiter_destroy(waiter_);
}

mcp_event_reply* AwaitedReply::takeReply() noexcept {
  mcp_event_reply* const reply = reply_;
  reply_ = nullptr;
  return reply;
}

AskStatus AwaitedReply::wait(std::chrono::microseconds timeout, mcp_event_message* message) {
  const mcp_event_status status = mcpev_waiter_wait(waiter_, timeout.count(), message);
  switch (status) {
    case MCP_EVENT_NO_REPLY:
      return AskStatus::NoReply;
    case MCP_EVENT_TIMED_OUT:
      return AskStatus::TimedOut;
    default:
      check(status);
      return AskStatus::Replied;
  }
}

}  // namespace detail
}  // namespace event
}  // namespace mcp
