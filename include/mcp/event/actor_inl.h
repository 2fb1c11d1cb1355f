// The templates of actor.h; include that. Between a C++ actor and the C ABI stands its cell.
#ifndef MCP_EVENT_ACTOR_INL_H
#define MCP_EVENT_ACTOR_INL_H

#include <atomic>

#include "mcp/event/actor.h"
#include "mcp/event/dispatcher_extras.h"

namespace mcp {
namespace event {
namespace detail {

// One life of an actor. The functions are the callbacks of the C ABI; what they let out is caught there.
template <typename Message>
class ActorCell {
 public:
  ActorCell(std::unique_ptr<Actor<Message>> actor, std::shared_ptr<const ActorLoops> loops)
      : actor_(std::move(actor)), loops_(std::move(loops)) {}

  // The behaviour of actors of this type, without data and without a factory.
  static mcp_event_actor_behaviour behaviour() noexcept {
    mcp_event_actor_behaviour behaviour = {};
    behaviour.size = sizeof behaviour;
    behaviour.drop = [](void* data) { delete static_cast<ActorCell*>(data); };
    behaviour.handle = [](void* data, mcp_event_message* message, mcp_event_actor_context* raw) {
      return inside(data, raw, [message](Actor<Message>& actor, ActorContext<Message>& context) {
        actor.handle(std::move(*static_cast<Message*>(message->data)), context);
      });
    };
    behaviour.started = [](void* data, mcp_event_actor_context* raw) {
      return inside(data, raw,
                    [](Actor<Message>& actor, ActorContext<Message>& context) { actor.started(context); });
    };
    behaviour.stopping = [](void* data, mcp_event_actor_context* raw) {
      return inside(data, raw,
                    [](Actor<Message>& actor, ActorContext<Message>& context) { actor.stopping(context); });
    };
    behaviour.stopped = [](void* data, const mcp_event_actor_reason* reason) {
      static_cast<ActorCell*>(data)->actor_->stopped(toActorReason(*reason));
    };
    behaviour.signal = [](void* data, const mcp_event_actor_signal* signal, mcp_event_actor_context* raw) {
      return inside(data, raw, [signal](Actor<Message>& actor, ActorContext<Message>& context) {
        actor.signal(toActorSignal(*signal), context);
      });
    };
    return behaviour;
  }

 private:
  template <typename Call>
  static mcp_event_status inside(void* data, mcp_event_actor_context* raw, Call&& call) {
    ActorCell& cell = *static_cast<ActorCell*>(data);
    ActorContext<Message> context(raw, cell.loops_);
    call(*cell.actor_, context);
    return MCP_EVENT_OK;
  }

  const std::unique_ptr<Actor<Message>> actor_;
  const std::shared_ptr<const ActorLoops> loops_;
};

// Throws if `closure` can be empty and is.
template <typename Closure>
void requireClosure(const Closure& closure, const char* what) {
  if (isEmptyClosure(closure, 0)) {
    throw std::invalid_argument(std::string(what) + " is empty");
  }
}

// Throws unless there is an actor.
template <typename Pointer>
Pointer requireActor(Pointer actor, const char* what) {
  if (actor == nullptr) {
    throw std::invalid_argument(std::string(what) + " is null");
  }
  return actor;
}

// Makes an actor of one life with `create(behaviour)`.
template <typename Message, typename Create>
ActorRef<Message> createOnce(std::unique_ptr<Actor<Message>> actor, std::shared_ptr<const ActorLoops> loops,
                             Create&& create) {
  using Cell = ActorCell<Message>;
  std::unique_ptr<Cell> cell(new Cell(requireActor(std::move(actor), "spawn: the actor"), std::move(loops)));
  mcp_event_actor_behaviour behaviour = Cell::behaviour();
  behaviour.data = cell.get();
  ActorRef<Message> made(create(behaviour));
  static_cast<void>(cell.release());
  return made;
}

// Makes an actor of many lives likewise.
template <typename Message, typename Factory, typename Create>
ActorRef<Message> createAnew(Factory&& factory, std::shared_ptr<const ActorLoops> loops, Create&& create) {
  using Cell = ActorCell<Message>;
  struct Lives {
    typename std::decay<Factory>::type factory;
    std::shared_ptr<const ActorLoops> loops;
  };
  std::unique_ptr<Lives> lives(new Lives{std::forward<Factory>(factory), std::move(loops)});
  mcp_event_actor_behaviour behaviour = Cell::behaviour();
  behaviour.factory = lives.get();
  behaviour.drop_factory = [](void* data) { delete static_cast<Lives*>(data); };
  behaviour.create = [](void* data, void** out) {
    Lives& made = *static_cast<Lives*>(data);
    *out = new Cell(requireActor(made.factory(), "start: what the factory returned"), made.loops);
    return MCP_EVENT_OK;
  };
  ActorRef<Message> made(create(behaviour));
  static_cast<void>(lives.release());
  return made;
}

// An actor that does nothing but handle messages, with a function.
template <typename Message, typename Handler>
class FunctionActor final : public Actor<Message> {
 public:
  explicit FunctionActor(Handler handler) : handler_(std::move(handler)) {
    requireClosure(handler_, "spawn: the handler");
  }

  void handle(Message message, ActorContext<Message>& context) override {
    call(handler_, std::move(message), context, 0);
  }

 private:
  template <typename H>
  static auto call(H& handler, Message&& message, ActorContext<Message>& context, int)
      -> decltype(static_cast<void>(handler(std::move(message), context))) {
    handler(std::move(message), context);
  }
  template <typename H>
  static void call(H& handler, Message&& message, ActorContext<Message>&, long) {
    handler(std::move(message));
  }

  Handler handler_;
};

// One who asked, until the outcome is known.
template <typename T, typename Callback>
class Request {
 public:
  explicit Request(Callback callback) : callback_(std::move(callback)) {
    requireClosure(callback_, "ask: the callback");
  }

  // It was refused; the end of the reply that follows is no news.
  void refuse(AskStatus status) { refusal_ = status; }

  void settle(mcp_event_status outcome, mcp_event_message* reply) {
    if (outcome == MCP_EVENT_OK) {
      reply->drop = nullptr;
      callback_(AskResult<T>(std::unique_ptr<T>(static_cast<T*>(reply->data))));
    } else {
      callback_(AskResult<T>(outcome == MCP_EVENT_TIMED_OUT ? AskStatus::TimedOut : refusal_.load()));
    }
  }

 private:
  Callback callback_;
  // NoReply: it was not refused.
  std::atomic<AskStatus> refusal_{AskStatus::NoReply};
};

inline AskStatus toAskStatus(TellResult refusal) noexcept {
  return refusal == TellResult::Full ? AskStatus::Full : AskStatus::Stopped;
}

}  // namespace detail

template <typename Message>
void Actor<Message>::signal(const ActorSignal&, Context& context) {
  context.passOn();
}

template <typename Message>
template <typename T, typename Make, typename Callback>
void ActorRef<Message>::ask(Make&& make, Dispatcher& dispatcher, Callback callback,
                            std::chrono::microseconds timeout) const {
  using Request = detail::Request<T, Callback>;
  const auto request = std::make_shared<Request>(std::move(callback));
  std::unique_ptr<std::shared_ptr<Request>> data(new std::shared_ptr<Request>(request));
  mcp_event_reply_closure closure;
  closure.call = [](void* waiting, mcp_event_status outcome, mcp_event_message* reply) {
    (*static_cast<std::shared_ptr<Request>*>(waiting))->settle(outcome, reply);
  };
  closure.data = data.get();
  closure.drop = [](void* waiting) { delete static_cast<std::shared_ptr<Request>*>(waiting); };
  Reply<T> reply(detail::createReply(dispatcher, timeout, closure));
  static_cast<void>(data.release());
  Message message = std::forward<Make>(make)(std::move(reply));
  const TellResult result = tell(std::move(message));
  if (result != TellResult::Accepted) {
    // Before the message, and the reply in it, are destroyed.
    request->refuse(detail::toAskStatus(result));
  }
}

template <typename Message>
template <typename T, typename Make>
T ActorRef<Message>::askAndWait(Make&& make, std::chrono::microseconds timeout) const {
  detail::AwaitedReply awaited;
  const TellResult result = tell(std::forward<Make>(make)(Reply<T>(awaited.takeReply())));
  if (result != TellResult::Accepted) {
    AskResult<T>(detail::toAskStatus(result)).value();
  }
  mcp_event_message message;
  const AskStatus status = awaited.wait(timeout, &message);
  AskResult<T> outcome(status);
  if (status == AskStatus::Replied) {
    outcome = AskResult<T>(std::unique_ptr<T>(static_cast<T*>(message.data)));
  }
  return std::move(outcome.value());
}

template <typename Message, typename Handler>
ActorRef<Message> AnyActorContext::spawn(Handler handler, const ActorOptions& options) {
  return spawn(std::make_unique<detail::FunctionActor<Message, Handler>>(std::move(handler)), options);
}

template <typename Derived>
ActorRef<typename Derived::MessageType> AnyActorContext::spawn(std::unique_ptr<Derived> actor,
                                                               const ActorOptions& options) {
  using Message = typename Derived::MessageType;
  return detail::createOnce<Message>(std::move(actor), loops_,
                                     [&](const mcp_event_actor_behaviour& behaviour) {
                                       return createChild(behaviour, options, typeid(Message).name());
                                     });
}

template <typename Factory>
auto AnyActorContext::start(Factory factory, const ActorOptions& options)
    -> ActorRef<typename std::decay<decltype(*factory())>::type::MessageType> {
  using Message = typename std::decay<decltype(*factory())>::type::MessageType;
  return detail::createAnew<Message>(std::move(factory), loops_,
                                     [&](const mcp_event_actor_behaviour& behaviour) {
                                       return createChild(behaviour, options, typeid(Message).name());
                                     });
}

template <typename Message, typename Handler>
ActorRef<Message> ActorSystem::spawn(Handler handler, const ActorOptions& options) {
  return spawn(std::make_unique<detail::FunctionActor<Message, Handler>>(std::move(handler)), options);
}

template <typename Derived>
ActorRef<typename Derived::MessageType> ActorSystem::spawn(std::unique_ptr<Derived> actor,
                                                           const ActorOptions& options) {
  using Message = typename Derived::MessageType;
  return detail::createOnce<Message>(std::move(actor), loops(),
                                     [&](const mcp_event_actor_behaviour& behaviour) {
                                       return createActor(behaviour, options, typeid(Message).name());
                                     });
}

template <typename Factory>
auto ActorSystem::start(Factory factory, const ActorOptions& options)
    -> ActorRef<typename std::decay<decltype(*factory())>::type::MessageType> {
  using Message = typename std::decay<decltype(*factory())>::type::MessageType;
  return detail::createAnew<Message>(std::move(factory), loops(),
                                     [&](const mcp_event_actor_behaviour& behaviour) {
                                       return createActor(behaviour, options, typeid(Message).name());
                                     });
}

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_ACTOR_INL_H
