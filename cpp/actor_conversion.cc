#include "cpp/actor_conversion.h"

#include "cpp/errors.h"

namespace mcp_event_impl {
namespace {

using namespace mcp::event;

template <typename To, typename From>
constexpr bool same(To to, From from) {
  return static_cast<int>(to) == static_cast<int>(from);
}

static_assert(same(Restart::Default, MCP_EVENT_RESTART_DEFAULT), "");
static_assert(same(Restart::Permanent, MCP_EVENT_RESTART_PERMANENT), "");
static_assert(same(Restart::Transient, MCP_EVENT_RESTART_TRANSIENT), "");
static_assert(same(Restart::Never, MCP_EVENT_RESTART_TEMPORARY), "");
static_assert(same(Strategy::OneForOne, MCP_EVENT_ONE_FOR_ONE), "");
static_assert(same(Strategy::OneForAll, MCP_EVENT_ONE_FOR_ALL), "");
static_assert(same(Strategy::RestForOne, MCP_EVENT_REST_FOR_ONE), "");
static_assert(same(Placement::Next, MCP_EVENT_PLACE_NEXT), "");
static_assert(same(Placement::WithParent, MCP_EVENT_PLACE_WITH_PARENT), "");
static_assert(same(Placement::OnWorker, MCP_EVENT_PLACE_ON_WORKER), "");
static_assert(Intensity::kUnlimited == MCP_EVENT_UNLIMITED_RESTARTS, "");
static_assert(same(ActorReason::Kind::Normal, MCP_EVENT_REASON_NORMAL), "");
static_assert(same(ActorReason::Kind::Stopped, MCP_EVENT_REASON_STOPPED), "");
static_assert(same(ActorReason::Kind::Error, MCP_EVENT_REASON_ERROR), "");
static_assert(same(ActorReason::Kind::Panic, MCP_EVENT_REASON_PANIC), "");
static_assert(same(ActorReason::Kind::Linked, MCP_EVENT_REASON_LINKED), "");
static_assert(same(ActorReason::Kind::TooManyRestarts, MCP_EVENT_REASON_TOO_MANY_RESTARTS), "");
static_assert(same(ActorReason::Kind::CutOff, MCP_EVENT_REASON_CUT_OFF), "");
static_assert(same(ActorReason::Kind::Gone, MCP_EVENT_REASON_GONE), "");
static_assert(same(ActorSignal::Kind::Down, MCP_EVENT_SIGNAL_DOWN), "");
static_assert(same(ActorSignal::Kind::LinkFailed, MCP_EVENT_SIGNAL_LINK_FAILED), "");
static_assert(same(ActorEvent::Kind::Failed, MCP_EVENT_ACTOR_FAILED), "");
static_assert(same(ActorEvent::Kind::GivenUp, MCP_EVENT_ACTOR_GIVEN_UP), "");
static_assert(same(ActorEvent::Kind::CutOff, MCP_EVENT_ACTOR_CUT_OFF), "");
static_assert(same(ActorEvent::Kind::DeadLetter, MCP_EVENT_DEAD_LETTER), "");
static_assert(same(ActorState::Starting, MCP_EVENT_ACTOR_STARTING), "");
static_assert(same(ActorState::Running, MCP_EVENT_ACTOR_RUNNING), "");
static_assert(same(ActorState::Draining, MCP_EVENT_ACTOR_DRAINING), "");
static_assert(same(ActorState::Stopping, MCP_EVENT_ACTOR_STOPPING), "");
static_assert(same(ActorState::Restarting, MCP_EVENT_ACTOR_RESTARTING), "");
static_assert(same(ActorState::Stopped, MCP_EVENT_ACTOR_STOPPED), "");

std::string orEmpty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

}  // namespace

mcp_event_intensity toCIntensity(const Intensity& intensity) {
  return {intensity.window.count(), intensity.max_restarts};
}

mcp_event_backoff toCBackoff(const Backoff& backoff) {
  return {backoff.initial.count(), backoff.max.count(), backoff.factor, backoff.jitter,
          backoff.reset_after.count()};
}

mcp_event_actor_options toCOptions(const ActorOptions& options, const char* message_type) {
  mcp_event_actor_options c = {};
  c.size = sizeof c;
  c.name = options.name.empty() ? nullptr : options.name.c_str();
  c.message_type = message_type;
  c.mailbox_bound = options.mailbox;
  c.restart = static_cast<int>(options.restart);
  c.backoff = toCBackoff(options.backoff);
  c.intensity = toCIntensity(options.intensity);
  c.stop_limit_us = options.stop_limit.count();
  c.placement = static_cast<int>(options.placement);
  c.worker = options.worker;
  c.supervision.strategy = static_cast<int>(options.supervision.strategy);
  c.supervision.intensity = toCIntensity(options.supervision.intensity);
  c.supervision.backoff = toCBackoff(options.supervision.backoff);
  c.discard_mail_on_failure = options.discard_mail_on_failure;
  return c;
}

ActorEvent toActorEvent(const mcp_event_actor_event& event) {
  ActorEvent converted;
  converted.kind = static_cast<ActorEvent::Kind>(event.kind);
  converted.actor = event.actor;
  converted.name = orEmpty(event.name);
  if (event.reason != nullptr) {
    converted.reason = detail::toActorReason(*event.reason);
  }
  converted.restarts = event.restarts;
  return converted;
}

ActorInfo toActorInfo(const mcp_event_actor_info& info) {
  ActorInfo converted;
  converted.id = info.id;
  converted.parent = info.parent;
  converted.depth = info.depth;
  converted.name = orEmpty(info.name);
  converted.state = static_cast<ActorState>(info.state);
  converted.dispatcher = info.dispatcher;
  converted.queued = info.queued;
  converted.handled = info.handled;
  converted.restarts = info.restarts;
  return converted;
}

}  // namespace mcp_event_impl

namespace mcp {
namespace event {
namespace detail {

ActorReason toActorReason(const mcp_event_actor_reason& reason) {
  ActorReason converted;
  converted.kind = static_cast<ActorReason::Kind>(reason.kind);
  converted.is_failure = reason.is_failure;
  converted.text = reason.text;
  return converted;
}

ActorSignal toActorSignal(const mcp_event_actor_signal& signal) {
  ActorSignal converted;
  converted.kind = static_cast<ActorSignal::Kind>(signal.kind);
  converted.actor = signal.actor;
  converted.reason = toActorReason(*signal.reason);
  converted.restarts = signal.restarts;
  return converted;
}

}  // namespace detail
}  // namespace event
}  // namespace mcp
