// Actors: objects that live on a loop, own their state, and are reached by messages alone.
//
// An actor handles one message at a time, on the thread of its dispatcher, so it needs no lock; any thread
// sends it messages through an ActorRef. What it throws is its own failure alone: it is destroyed, and its
// parent, or the system, decides whether it is started again.
//
// Misuse throws std::invalid_argument or std::logic_error, what cannot be done std::runtime_error.
#ifndef MCP_EVENT_ACTOR_H
#define MCP_EVENT_ACTOR_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mcp/event/actor_events.h"
#include "mcp/event/actor_options.h"
#include "mcp/event/actor_reply.h"
#include "mcp/event/event_loop.h"
#include "mcp_event.h"

namespace mcp {
namespace event {

// What became of a message.
enum class TellResult {
  Accepted,
  // Refused: the actor has stopped, or is about to.
  Stopped,
  // Refused: its mailbox is full.
  Full,
};

template <typename Message>
class ActorContext;

namespace detail {

class ActorLoops;
template <typename Message>
class ActorCell;

// The result of a tell; throws for what is no refusal.
TellResult toTellResult(mcp_event_status status);

ActorReason toActorReason(const mcp_event_actor_reason& reason);
ActorSignal toActorSignal(const mcp_event_actor_signal& signal);

}  // namespace detail

// Reaches an actor, whatever its messages: what an ActorRef<Message> is besides. Cheap to copy; it does not
// keep the actor running, and stays valid over its restarts. One that was moved from throws
// std::invalid_argument.
class AnyActorRef {
 public:
  AnyActorRef(const AnyActorRef& other);
  AnyActorRef(AnyActorRef&& other) noexcept : actor_(other.actor_) { other.actor_ = nullptr; }
  AnyActorRef& operator=(AnyActorRef other) noexcept {
    std::swap(actor_, other.actor_);
    return *this;
  }
  ~AnyActorRef();

  // Unique in the process, and the same over restarts.
  uint64_t id() const;
  // Empty if it has none.
  std::string name() const;
  ActorState state() const;
  // How many messages wait.
  size_t queueDepth() const;

  // Stops the actor for good, after the messages that are queued. It takes no more from now on.
  void stop() const;
  // Stops the actor for good, after the message that it handles. What is queued is destroyed.
  void stopNow() const;

  // Calls `callback` when the actor has ended for good, on its dispatcher's thread; inside this call, if it
  // has.
  void whenEnded(std::function<void(const ActorReason&)> callback) const;

 protected:
  // From a handle of the C ABI, which it owns.
  explicit AnyActorRef(mcp_event_actor* actor) noexcept : actor_(actor) {}
  mcp_event_actor* handle() const noexcept { return actor_; }

 private:
  friend class AnyActorContext;
  mcp_event_actor* actor_;
};

// Reaches an actor that takes messages of type Message, from any thread.
template <typename Message>
class ActorRef : public AnyActorRef {
  static_assert(std::is_move_constructible<Message>::value && std::is_move_assignable<Message>::value,
                "a message must be movable");

 public:
  explicit ActorRef(mcp_event_actor* actor) noexcept : AnyActorRef(actor) {}

  // Queues `message`, behind all that this thread sent to the actor before; it is never handled inside this
  // call. A message that is refused is left as it was.
  TellResult tell(Message&& message) const { return send(message, mcp_event_actor_tell); }
  TellResult tell(const Message& message) const { return tell(Message(message)); }

  // Likewise, but waits while the mailbox is full, on a thread that runs no loop. In a callback of a loop,
  // whose thread must not wait, it is refused then.
  TellResult tellAndWait(Message&& message) const { return send(message, mcp_event_actor_tell_wait); }
  TellResult tellAndWait(const Message& message) const { return tellAndWait(Message(message)); }

  // Sends the request that `make` builds around a Reply<T>, and calls `callback` with an AskResult<T>, once,
  // on the thread of `dispatcher`; should that be shut down, it is destroyed without a call. A `timeout` of
  // zero means none. What `make` throws leaves this call, and then the callback is told that no reply comes.
  template <typename T, typename Make, typename Callback>
  void ask(Make&& make, Dispatcher& dispatcher, Callback callback,
           std::chrono::microseconds timeout = std::chrono::microseconds(0)) const;

  // Sends such a request, and waits for the reply on a thread that runs no loop, no longer than `timeout`
  // unless it is zero. Throws AskError if there is no reply, std::logic_error in a callback of a loop.
  template <typename T, typename Make>
  T askAndWait(Make&& make, std::chrono::microseconds timeout = std::chrono::microseconds(0)) const;

 private:
  TellResult send(Message& message,
                  mcp_event_status (*how)(const mcp_event_actor*, mcp_event_message)) const {
    detail::Boxed<Message> box(std::move(message));
    const mcp_event_status status = how(handle(), box.message());
    if (status == MCP_EVENT_OK) {
      box.release();
      return TellResult::Accepted;
    }
    message = std::move(box.value());
    return detail::toTellResult(status);
  }
};

// An actor that takes messages of type Message. Derive from it; all functions run on the thread of its
// dispatcher, one at a time.
template <typename Message>
class Actor {
 public:
  using MessageType = Message;
  using Context = ActorContext<Message>;

  virtual ~Actor() = default;

  // Before the first message of each life.
  virtual void started(Context&) {}
  // For each message.
  virtual void handle(Message message, Context& context) = 0;
  // For news of an actor that this one monitors or is linked to. Unless you say otherwise, it fails with
  // those it is linked to.
  virtual void signal(const ActorSignal& signal, Context& context);
  // When it is to stop, while its children still live. Not after a failure.
  virtual void stopping(Context&) {}
  // The last call, after its children have ended. Not after a failure.
  virtual void stopped(const ActorReason&) {}
};

// Names one of an actor's own timers.
enum class ActorTimer : uint64_t {};

// What an actor may do while it runs, whatever its messages. Valid until the function that is given it
// returns; after that everything throws std::logic_error.
class AnyActorContext {
 public:
  AnyActorContext(const AnyActorContext&) = delete;
  AnyActorContext& operator=(const AnyActorContext&) = delete;

  // The dispatcher it lives on.
  Dispatcher& dispatcher() const;
  // Stops the actor once the function has returned.
  void stop();
  // Inside stopping(): it stops when it calls finish(), or when its time limit is over.
  void finishLater();
  void finish();
  // Inside signal(): does what an actor without one does.
  void passOn();
  // Ends a timer. False if it has ended. A message that it has sent already still comes.
  bool cancel(ActorTimer timer);
  // Asks to be told, once, when `actor` ends.
  void monitor(const AnyActorRef& actor);
  // Ties the two: when one fails, the other is told, and fails too unless its signal() thinks otherwise.
  void link(const AnyActorRef& actor);
  void unlink(const AnyActorRef& actor);

  // Makes a child, as ActorSystem::spawn() makes actors without a parent.
  template <typename Message, typename Handler>
  ActorRef<Message> spawn(Handler handler, const ActorOptions& options = {});
  template <typename Derived>
  ActorRef<typename Derived::MessageType> spawn(std::unique_ptr<Derived> actor,
                                                const ActorOptions& options = {});
  template <typename Factory>
  auto start(Factory factory, const ActorOptions& options = {})
      -> ActorRef<typename std::decay<decltype(*factory())>::type::MessageType>;

  // The actor of this name, as ActorSystem::find() finds it.
  template <typename Message>
  ActorRef<Message> find(const std::string& name) const {
    return ActorRef<Message>(findActor(name, typeid(Message).name()));
  }

 protected:
  AnyActorContext(mcp_event_actor_context* context, std::shared_ptr<const detail::ActorLoops> loops)
      : context_(context), loops_(std::move(loops)) {}
  ~AnyActorContext() = default;
  mcp_event_actor_context* raw() const noexcept { return context_; }

 private:
  mcp_event_actor* createChild(const mcp_event_actor_behaviour& behaviour, const ActorOptions& options,
                               const char* message_type);
  mcp_event_actor* findActor(const std::string& name, const char* message_type) const;

  mcp_event_actor_context* context_;
  std::shared_ptr<const detail::ActorLoops> loops_;
};

// What an actor that takes messages of type Message may do while it runs.
template <typename Message>
class ActorContext : public AnyActorContext {
 public:
  // The actor, for others to reach it.
  ActorRef<Message> self() const {
    mcp_event_actor* actor = nullptr;
    detail::checkActorStatus(mcp_event_actor_context_actor(raw(), &actor));
    return ActorRef<Message>(actor);
  }

  // Sends itself `message` after `delay`, unless this life of it ends before. Its mailbox's bound does not
  // count.
  ActorTimer after(std::chrono::microseconds delay, Message message) {
    detail::Boxed<Message> box(std::move(message));
    uint64_t timer = 0;
    detail::checkActorStatus(mcp_event_actor_context_after_us(raw(), delay.count(), box.message(), &timer));
    box.release();
    return ActorTimer(timer);
  }

  // Sends itself what `make` returns, every `interval`, without drift, until this life of it ends. Ticks that
  // were missed are skipped. What `make` throws is the actor's failure.
  template <typename Make>
  ActorTimer every(std::chrono::microseconds interval, Make make) {
    std::unique_ptr<Make> data(new Make(std::move(make)));
    mcp_event_message_source source;
    source.call = [](void* made, mcp_event_message* out) {
      detail::Boxed<Message> box((*static_cast<Make*>(made))());
      *out = box.message();
      box.release();
    };
    source.data = data.get();
    source.drop = [](void* made) { delete static_cast<Make*>(made); };
    uint64_t timer = 0;
    detail::checkActorStatus(mcp_event_actor_context_every_us(raw(), interval.count(), source, &timer));
    static_cast<void>(data.release());
    return ActorTimer(timer);
  }

 private:
  friend class detail::ActorCell<Message>;
  ActorContext(mcp_event_actor_context* context, const std::shared_ptr<const detail::ActorLoops>& loops)
      : AnyActorContext(context, loops) {}
};

struct ActorSystemOptions {
  // How many workers, each a thread with a dispatcher of its own; 0: one for each processor.
  size_t workers = 0;
  // No workers, but these dispatchers, which you run for as long as there are actors. The first also counts
  // the time for actors without a parent.
  std::vector<Dispatcher*> dispatchers;
  // For each actor without a parent by itself.
  Intensity intensity;
  // For actors without a parent that have none of their own.
  Backoff backoff;
  // Told what happens to actors, on the threads where it happens, several at a time. It must not wait.
  std::function<void(const ActorEvent&)> on_event;
};

// Actors, and the dispatchers that they live on. All functions may be called from any thread.
class ActorSystem {
 public:
  explicit ActorSystem(size_t workers);
  explicit ActorSystem(const ActorSystemOptions& options = {});
  // Stops all actors, and waits for them unless the dispatchers are yours. Not inside a callback of a worker.
  ~ActorSystem();
  ActorSystem(const ActorSystem&) = delete;
  ActorSystem& operator=(const ActorSystem&) = delete;

  // Makes an actor without a parent that has one life, and handles messages with `handler(message, context)`
  // or `handler(message)`: spawn<Message>(handler).
  template <typename Message, typename Handler>
  ActorRef<Message> spawn(Handler handler, const ActorOptions& options = {});
  // Makes an actor without a parent that has one life: `actor`, which derives from Actor<Message>.
  template <typename Derived>
  ActorRef<typename Derived::MessageType> spawn(std::unique_ptr<Derived> actor,
                                                const ActorOptions& options = {});
  // Makes an actor without a parent that `factory()` makes, on its thread, for each of its lives: it returns
  // a std::unique_ptr to what derives from Actor<Message>.
  template <typename Factory>
  auto start(Factory factory, const ActorOptions& options = {})
      -> ActorRef<typename std::decay<decltype(*factory())>::type::MessageType>;

  // The actor of this name. Throws std::runtime_error if there is none, std::invalid_argument if it takes
  // messages of another type.
  template <typename Message>
  ActorRef<Message> find(const std::string& name) const {
    return ActorRef<Message>(findActor(name, typeid(Message).name()));
  }

  // Stops all actors, the youngest first, each after the messages that are queued for it, and waits for them.
  // Throws std::logic_error in a callback of a loop, whose thread must not wait.
  void stop();
  // Begins to stop all actors. No new ones are made from now on.
  void beginStop();
  // Waits until all actors have stopped, no longer than `limit`. Whether they have.
  bool waitStopped(std::chrono::microseconds limit);

  // How many dispatchers actors are placed on, and one of them. Throws std::out_of_range without one of this
  // number.
  size_t workers() const;
  Dispatcher& dispatcher(size_t worker) const;

  // All actors at this moment: parents come before their children, those before the parent's next sibling.
  std::vector<ActorInfo> tree() const;
  // The same as a table for people to read.
  std::string describe() const;

 private:
  struct Impl;

  mcp_event_actor* createActor(const mcp_event_actor_behaviour& behaviour, const ActorOptions& options,
                               const char* message_type);
  mcp_event_actor* findActor(const std::string& name, const char* message_type) const;
  const std::shared_ptr<const detail::ActorLoops>& loops() const;

  const std::unique_ptr<Impl> impl_;
};

}  // namespace event
}  // namespace mcp

#include "mcp/event/actor_inl.h"

#endif  // MCP_EVENT_ACTOR_H
