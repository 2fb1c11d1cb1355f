#include "mcp/event/actor.h"

#include "cpp/actor_conversion.h"
#include "cpp/actor_loops.h"
#include "cpp/errors.h"

namespace mcp {
namespace event {

using mcp_event_impl::check;

namespace detail {

TellResult toTellResult(mcp_event_status status) {
  switch (status) {
    case MCP_EVENT_OK:
      return TellResult::Accepted;
    case MCP_EVENT_CLOSED:
      return TellResult::Stopped;
    case MCP_EVENT_QUEUE_FULL:
      return TellResult::Full;
    default:
      mcp_event_impl::throwStatus(status);
  }
}

}  // namespace detail

AnyActorRef::AnyActorRef(const AnyActorRef& other) : actor_(nullptr) {
  check(mcp_event_actor_clone(other.actor_, &actor_));
}

AnyActorRef::~AnyActorRef() {
  if (actor_ != nullptr) {
    mcp_event_actor_destroy(actor_);
  }
}

uint64_t AnyActorRef::id() const {
  uint64_t id = 0;
  check(mcp_event_actor_id(actor_, &id));
  return id;
}

std::string AnyActorRef::name() const {
  const char* name = nullptr;
  check(mcp_event_actor_name(actor_, &name));
  return name == nullptr ? std::string() : std::string(name);
}

ActorState AnyActorRef::state() const {
  mcp_event_actor_state state = MCP_EVENT_ACTOR_STOPPED;
  check(mcp_event_actor_get_state(actor_, &state));
  return static_cast<ActorState>(state);
}

size_t AnyActorRef::queueDepth() const {
  size_t depth = 0;
  check(mcp_event_actor_queue_depth(actor_, &depth));
  return depth;
}

void AnyActorRef::stop() const { check(mcp_event_actor_stop(actor_)); }

void AnyActorRef::stopNow() const { check(mcp_event_actor_stop_now(actor_)); }

void AnyActorRef::whenEnded(std::function<void(const ActorReason&)> callback) const {
  using Callback = std::function<void(const ActorReason&)>;
  mcp_event_impl::requireCallback(callback, "whenEnded");
  auto data = std::make_unique<Callback>(std::move(callback));
  mcp_event_ended_closure closure;
  closure.call = [](void* called, const mcp_event_actor_reason* reason) {
    (*static_cast<Callback*>(called))(detail::toActorReason(*reason));
  };
  closure.data = data.get();
  closure.drop = [](void* called) { delete static_cast<Callback*>(called); };
  check(mcp_event_actor_when_ended(actor_, closure));
  static_cast<void>(data.release());
}

Dispatcher& AnyActorContext::dispatcher() const {
  mcp_event_dispatcher* core = nullptr;
  check(mcp_event_actor_context_dispatcher(context_, &core));
  return loops_->of(core);
}

void AnyActorContext::stop() { check(mcp_event_actor_context_stop(context_)); }

void AnyActorContext::finishLater() { check(mcp_event_actor_context_finish_later(context_)); }

void AnyActorContext::finish() { check(mcp_event_actor_context_finish(context_)); }

void AnyActorContext::passOn() { check(mcp_event_actor_context_pass_on(context_)); }

bool AnyActorContext::cancel(ActorTimer timer) {
  bool ended = false;
  check(mcp_event_actor_context_cancel(context_, static_cast<uint64_t>(timer), &ended));
  return ended;
}

void AnyActorContext::monitor(const AnyActorRef& actor) {
  check(mcp_event_actor_context_monitor(context_, actor.actor_));
}

void AnyActorContext::link(const AnyActorRef& actor) {
  check(mcp_event_actor_context_link(context_, actor.actor_));
}

void AnyActorContext::unlink(const AnyActorRef& actor) {
  check(mcp_event_actor_context_unlink(context_, actor.actor_));
}

mcp_event_actor* AnyActorContext::createChild(const mcp_event_actor_behaviour& behaviour,
                                              const ActorOptions& options, const char* message_type) {
  const mcp_event_actor_options c_options = mcp_event_impl::toCOptions(options, message_type);
  mcp_event_actor* actor = nullptr;
  check(mcp_event_actor_context_create_child(context_, &behaviour, &c_options, &actor));
  return actor;
}

mcp_event_actor* AnyActorContext::findActor(const std::string& name, const char* message_type) const {
  mcp_event_actor* actor = nullptr;
  check(mcp_event_actor_context_find(context_, name.c_str(), message_type, &actor));
  return actor;
}

}  // namespace event
}  // namespace mcp
