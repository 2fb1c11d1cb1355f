// A binary user: it knows stock_event_loop.h alone, and runs on libmcp_event.so. It exercises every class
// across the boundary, in both directions, and tells on the standard error what does not hold.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <stdexcept>

#include "stock_event_loop.h"

namespace {

using namespace mcp::event;
using std::chrono::milliseconds;

int failures = 0;

void check(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "does not hold: %s\n", what);
    ++failures;
  }
}
#define CHECK(condition) check(condition, #condition)

// A dispatcher with bytes behind it that show whether it keeps to its 304.
struct Fenced {
  explicit Fenced(const std::string& name) : dispatcher(name) { std::memset(fence, kFence, sizeof(fence)); }
  bool intact() const {
    return std::all_of(std::begin(fence), std::end(fence), [](unsigned char byte) { return byte == kFence; });
  }

  static constexpr unsigned char kFence = 0xa5;
  LibeventDispatcher dispatcher;
  unsigned char fence[64];
};

void useHandles(Dispatcher& dispatcher) {
  std::string journal;
  int fds[2];
  CHECK(pipe(fds) == 0);
  CHECK(write(fds[1], "x", 1) == 1);

  std::unique_ptr<FileEvent> event = dispatcher.createFileEvent(
      fds[0], [&](uint32_t events) { journal += "event" + std::to_string(events) + " "; },
      FileTriggerType::Edge, 1);
  std::unique_ptr<Timer> timer = dispatcher.createTimer([&] { journal += "timer "; });
  std::unique_ptr<Timer> typed = dispatcher.createScaledTimer(ScaledTimerType::NewStream, [] {});
  std::unique_ptr<Timer> capped = dispatcher.createScaledTimer(
      ScaledTimerMinimum{milliseconds(0), milliseconds(0)}, [&] { journal += "capped "; });
  std::unique_ptr<SchedulableCallback> callback =
      dispatcher.createSchedulableCallback([&] { journal += "current "; });
  struct Object : DeferredDeletable {
    explicit Object(std::string& journal) : journal(journal) {}
    ~Object() override { journal += "deleted "; }
    std::string& journal;
  };

  dispatcher.deferredDelete(std::unique_ptr<DeferredDeletable>(new Object(journal)));
  dispatcher.post([&] {
    journal += "post ";
    callback->scheduleCallbackCurrentIteration();
  });
  timer->enableTimer(milliseconds(0));
  capped->enableHRTimer(std::chrono::seconds(100));
  typed->enableTimer(milliseconds::max());
  CHECK(timer->enabled() && typed->enabled());
  typed->disableTimer();
  CHECK(!typed->enabled());
  dispatcher.run(RunType::NonBlock);
  CHECK(journal == "deleted post current event1 timer capped ");

  journal.clear();
  event->activate(2);
  dispatcher.run(RunType::NonBlock);
  CHECK(journal == "event2 ");
  event->registerEventIfEmulatedEdge(1);
  event->unregisterEventIfEmulatedEdge(1);
  event->setEnabled(0);
  callback->scheduleCallbackNextIteration();
  CHECK(callback->enabled());
  callback->cancel();
  CHECK(!callback->enabled());
  close(fds[0]);
  close(fds[1]);
}

void useDispatcher(Dispatcher& dispatcher) {
  CHECK(!dispatcher.isThreadSafe());
  useHandles(dispatcher);
  CHECK(dispatcher.isThreadSafe());

  bool signalled = false;
  const std::unique_ptr<SignalEvent> signal_event = dispatcher.listenForSignal(SIGUSR1, [&] {
    signalled = true;
    dispatcher.exit();
  });
  raise(SIGUSR1);
  dispatcher.run(RunType::Block);
  CHECK(signalled);

  struct Tracked : ScopeTrackedObject {
    void dumpState(std::ostream&, int) const override {}
  };
  const Tracked tracked{};
  dispatcher.pushTrackedObject(&tracked);
  dispatcher.popTrackedObject(&tracked);
  bool refused = false;
  try {
    dispatcher.popTrackedObject(&tracked);
  } catch (const std::logic_error&) {
    refused = true;
  }
  CHECK(refused);

  const std::shared_ptr<WatchDog> dog = createWatchDog(std::this_thread::get_id());
  const auto before = dog->lastTouchTime();
  dispatcher.registerWatchdog(dog, milliseconds(100));
  dispatcher.post([] {});
  dispatcher.run(RunType::NonBlock);
  CHECK(dog->lastTouchTime() >= before);
  CHECK(dog->threadId() == std::this_thread::get_id());

  DispatcherStats stats;
  dispatcher.initializeStats(stats);
  CHECK(stats.loop_duration_us.find("count=") == 0);
  CHECK(stats.poll_delay_us.find("count=") == 0);

  dispatcher.updateApproximateMonotonicTime();
  CHECK(dispatcher.approximateMonotonicTime() <= std::chrono::steady_clock::now());
  CHECK(&dispatcher.getWatermarkFactory() == &dispatcher.getWatermarkFactory());
  dispatcher.clearDeferredDeleteList();
  dispatcher.shutdown();
  CHECK(dog.use_count() == 1);
}

void useOwnAllocations() {
  {
    Fenced on_stack("on the stack");
    CHECK(on_stack.dispatcher.name() == "on the stack");
    const char* const backend = std::getenv("MCP_EVENT_BACKEND");
    const bool on_libevent = backend != nullptr && std::strcmp(backend, "libevent") == 0;
    CHECK((on_stack.dispatcher.base() != nullptr) == on_libevent);
    useDispatcher(on_stack.dispatcher);
    CHECK(on_stack.intact());
  }
  const std::unique_ptr<Dispatcher> on_heap(new LibeventDispatcher("on the heap"));
  useDispatcher(*on_heap);
  useDispatcher(*std::make_unique<LibeventDispatcher>("by make_unique"));
}

// What the library calls in a class of the user's.
struct CountingDog : WatchDog {
  void touch() override { ++touches; }
  std::thread::id threadId() const override { return std::this_thread::get_id(); }
  std::chrono::steady_clock::time_point lastTouchTime() const override { return {}; }
  int touches = 0;
};

struct OwnFactory : DispatcherFactory {
  std::unique_ptr<Dispatcher> createDispatcher(const std::string& name) override {
    names += name + " ";
    return std::make_unique<LibeventDispatcher>(name);
  }
  const std::string& backendName() const override { return names; }
  std::string names;
};

struct OwnWorkerFactory : WorkerFactory {
  std::unique_ptr<Worker> createWorker(uint32_t index, DispatcherFactory& dispatchers) override {
    return stock->createWorker(index + 10, dispatchers);
  }
  std::unique_ptr<WorkerFactory> stock = createDefaultWorkerFactory();
};

void useOwnSubclasses() {
  OwnFactory dispatchers;
  OwnWorkerFactory workers;
  const std::unique_ptr<ThreadPool> pool = createThreadPool();
  pool->initialize(2, dispatchers, workers);
  CHECK(dispatchers.names == "worker_10 worker_11 ");
  const std::shared_ptr<CountingDog> dog = std::make_shared<CountingDog>();
  Worker& worker = pool->getWorker(1);
  worker.start(dog);
  worker.dispatcher().post([] {});
  worker.stop();
  CHECK(dog->touches >= 1);
  CHECK(dog.use_count() == 1);
}

void usePool() {
  LibeventDispatcherFactory own_factory;
  CHECK(own_factory.backendName() == "libevent");
  CHECK(!createPlatformDefaultDispatcherFactory()->backendName().empty());
  const std::unique_ptr<DispatcherFactory> dispatchers = createLibeventDispatcherFactory();
  const std::unique_ptr<WorkerFactory> workers = createDefaultWorkerFactory();
  const std::unique_ptr<Worker> worker = workers->createWorker(9, own_factory);
  CHECK(worker->dispatcher().name() == "worker_9");
  worker->start();
  worker->stop();

  const std::unique_ptr<ThreadPool> pool = createThreadPool();
  pool->initialize(2, *dispatchers, *workers);
  CHECK(pool->size() == 2);
  int ran[2] = {0, 0};
  pool->getWorker(0).dispatcher().post([&] { ++ran[0]; });
  pool->getWorker(1).dispatcher().post([&] { ++ran[1]; });
  CHECK(&pool->nextWorker() == &pool->getWorker(0));
  pool->start();
  pool->stop();
  CHECK(ran[0] == 1 && ran[1] == 1);
}

}  // namespace

int main() {
  useOwnAllocations();
  useOwnSubclasses();
  usePool();
  return failures == 0 ? 0 : 1;
}
