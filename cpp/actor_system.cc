#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/actor_conversion.h"
#include "cpp/actor_loops.h"
#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "cpp/hidden.h"
#include "mcp/event/actor.h"
#include "mcp/event/libevent_dispatcher.h"

namespace mcp {
namespace event {

using mcp_event_impl::check;

namespace {

using EventHook = std::function<void(const ActorEvent&)>;

ThreadPoolPtr startWorkers(size_t workers) {
  if (workers == 0) {
    workers = std::max(1u, std::thread::hardware_concurrency());
  }
  ThreadPoolPtr pool = createThreadPool();
  const DispatcherFactoryPtr dispatchers = createLibeventDispatcherFactory();
  const WorkerFactoryPtr factory = createDefaultWorkerFactory();
  pool->initialize(workers, *dispatchers, *factory);
  pool->start();
  return pool;
}

std::vector<Dispatcher*> dispatchersOf(ThreadPool& pool) {
  std::vector<Dispatcher*> dispatchers;
  for (size_t i = 0; i < pool.size(); ++i) {
    dispatchers.push_back(&pool.getWorker(i).dispatcher());
  }
  return dispatchers;
}

mcp_event_actor_system* createSystem(const ActorSystemOptions& options,
                                     const std::vector<Dispatcher*>& dispatchers) {
  std::vector<mcp_event_dispatcher*> cores;
  for (const Dispatcher* dispatcher : dispatchers) {
    if (dispatcher == nullptr) {
      throw std::invalid_argument("ActorSystem: a dispatcher is null");
    }
    cores.push_back(mcp_event_impl::DispatcherAccess::require(*dispatcher, "ActorSystem"));
  }
  mcp_event_actor_system_options c_options = {};
  c_options.size = sizeof c_options;
  c_options.dispatchers = cores.data();
  c_options.dispatcher_count = cores.size();
  c_options.intensity = mcp_event_impl::toCIntensity(options.intensity);
  c_options.backoff = mcp_event_impl::toCBackoff(options.backoff);
  std::unique_ptr<EventHook> hook;
  if (options.on_event) {
    hook = std::make_unique<EventHook>(options.on_event);
    c_options.on_event.call = [](void* called, const mcp_event_actor_event* event) {
      (*static_cast<EventHook*>(called))(mcp_event_impl::toActorEvent(*event));
    };
    c_options.on_event.data = hook.get();
    c_options.on_event.drop = [](void* called) { delete static_cast<EventHook*>(called); };
  }
  mcp_event_actor_system* system = nullptr;
  check(mcp_event_actor_system_create(&c_options, &system));
  static_cast<void>(hook.release());
  return system;
}

// A tree of the C ABI.
class Tree {
 public:
  explicit Tree(const mcp_event_actor_system* system) { check(mcp_event_actor_system_tree(system, &tree_)); }
  ~Tree() { mcp_event_actor_tree_destroy(tree_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  std::vector<ActorInfo> list() const {
    size_t size = 0;
    check(mcp_event_actor_tree_size(tree_, &size));
    std::vector<ActorInfo> actors;
    for (size_t i = 0; i < size; ++i) {
      mcp_event_actor_info info = {};
      info.size = sizeof info;
      check(mcp_event_actor_tree_get(tree_, i, &info));
      actors.push_back(mcp_event_impl::toActorInfo(info));
    }
    return actors;
  }
  std::string text() const {
    const char* text = nullptr;
    check(mcp_event_actor_tree_text(tree_, &text));
    return text;
  }

 private:
  mcp_event_actor_tree* tree_ = nullptr;
};

ActorSystemOptions onWorkers(size_t workers) {
  if (workers == 0) {
    throw std::invalid_argument("ActorSystem: a system needs a worker");
  }
  ActorSystemOptions options;
  options.workers = workers;
  return options;
}

}  // namespace

struct MCP_EVENT_HIDDEN ActorSystem::Impl {
  explicit Impl(const ActorSystemOptions& options) {
    if (options.dispatchers.empty()) {
      pool = startWorkers(options.workers);
    } else if (options.workers > 0) {
      throw std::invalid_argument("ActorSystem: workers and dispatchers; a system has one or the other");
    }
    const std::vector<Dispatcher*> dispatchers = pool == nullptr ? options.dispatchers : dispatchersOf(*pool);
    system = createSystem(options, dispatchers);
    std::vector<mcp_event_dispatcher*> cores;
    for (size_t i = 0; i < dispatchers.size(); ++i) {
      mcp_event_dispatcher* core = nullptr;
      check(mcp_event_actor_system_dispatcher(system, i, &core));
      cores.push_back(core);
    }
    auto known = std::make_shared<detail::ActorLoops>(dispatchers);
    known->setCores(std::move(cores));
    loops = std::move(known);
  }
  ~Impl() {
    if (pool != nullptr) {
      // Refused in a callback, whose thread must not wait.
      mcp_event_actor_system_stop(system);
    }
    mcp_event_actor_system_destroy(system);
  }

  // The workers end last.
  ThreadPoolPtr pool;
  mcp_event_actor_system* system = nullptr;
  std::shared_ptr<const detail::ActorLoops> loops;
};

ActorSystem::ActorSystem(size_t workers) : ActorSystem(onWorkers(workers)) {}

ActorSystem::ActorSystem(const ActorSystemOptions& options) : impl_(std::make_unique<Impl>(options)) {}

ActorSystem::~ActorSystem() = default;

void ActorSystem::stop() { check(mcp_event_actor_system_stop(impl_->system)); }

void ActorSystem::beginStop() { check(mcp_event_actor_system_begin_stop(impl_->system)); }

bool ActorSystem::waitStopped(std::chrono::microseconds limit) {
  bool stopped = false;
  check(mcp_event_actor_system_wait_stopped(impl_->system, limit.count(), &stopped));
  return stopped;
}

size_t ActorSystem::workers() const {
  size_t workers = 0;
  check(mcp_event_actor_system_workers(impl_->system, &workers));
  return workers;
}

Dispatcher& ActorSystem::dispatcher(size_t worker) const { return impl_->loops->at(worker); }

std::vector<ActorInfo> ActorSystem::tree() const { return Tree(impl_->system).list(); }

std::string ActorSystem::describe() const { return Tree(impl_->system).text(); }

mcp_event_actor* ActorSystem::createActor(const mcp_event_actor_behaviour& behaviour,
                                          const ActorOptions& options, const char* message_type) {
  const mcp_event_actor_options c_options = mcp_event_impl::toCOptions(options, message_type);
  mcp_event_actor* actor = nullptr;
  check(mcp_event_actor_create(impl_->system, &behaviour, &c_options, &actor));
  return actor;
}

mcp_event_actor* ActorSystem::findActor(const std::string& name, const char* message_type) const {
  mcp_event_actor* actor = nullptr;
  check(mcp_event_actor_system_find(impl_->system, name.c_str(), message_type, &actor));
  return actor;
}

const std::shared_ptr<const detail::ActorLoops>& ActorSystem::loops() const { return impl_->loops; }

}  // namespace event
}  // namespace mcp
