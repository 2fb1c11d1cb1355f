#include "stock_loop.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "libevent_base.h"

namespace bench {
namespace {

using mcp::event::FileReadyType;

[[noreturn]] void not_in_the_stand_in() {
  throw std::logic_error("not part of the stand-in for the stock loop");
}

bool has(std::uint32_t mask, FileReadyType type) { return (mask & static_cast<std::uint32_t>(type)) != 0; }

class StockTimer : public mcp::event::Timer {
 public:
  StockTimer(StockDispatcher& dispatcher, mcp::event::TimerCb callback)
      : dispatcher_(dispatcher),
        callback_(std::move(callback)),
        event_(evtimer_new(dispatcher.base(), fire, this)) {}
  ~StockTimer() override { event_free(event_); }

  void disableTimer() override {
    event_del(event_);
    enabled_ = false;
  }
  void enableTimer(std::chrono::milliseconds delay) override { enableHRTimer(delay); }
  void enableHRTimer(std::chrono::microseconds delay) override {
    const timeval after = to_timeval(delay);
    event_add(event_, &after);
    enabled_ = true;
  }
  bool enabled() override { return enabled_; }

 private:
  static void fire(evutil_socket_t, short, void* self) {
    auto& timer = *static_cast<StockTimer*>(self);
    timer.enabled_ = false;
    timer.dispatcher_.updateApproximateMonotonicTime();
    timer.callback_();
  }

  StockDispatcher& dispatcher_;
  const mcp::event::TimerCb callback_;
  event* const event_;
  bool enabled_ = false;
};

class StockSchedulable : public mcp::event::SchedulableCallback {
 public:
  StockSchedulable(StockDispatcher& dispatcher, std::function<void()> callback)
      : timer_(dispatcher, std::move(callback)) {}
  void scheduleCallbackCurrentIteration() override { schedule(); }
  void scheduleCallbackNextIteration() override { schedule(); }
  void cancel() override { timer_.disableTimer(); }
  bool enabled() override { return timer_.enabled(); }

 private:
  void schedule() {
    if (!timer_.enabled()) {
      timer_.enableTimer(std::chrono::milliseconds(0));
    }
  }

  StockTimer timer_;
};

class StockFileEvent : public mcp::event::FileEvent {
 public:
  StockFileEvent(StockDispatcher& dispatcher, int fd, mcp::event::FileReadyCb callback,
                 mcp::event::FileTriggerType trigger, std::uint32_t mask)
      : dispatcher_(dispatcher),
        fd_(fd),
        callback_(std::move(callback)),
        edge_(trigger == mcp::event::FileTriggerType::Edge),
        event_(event_new(dispatcher.base(), fd, events_of(mask), ready, this)) {
    event_add(event_, nullptr);
  }
  ~StockFileEvent() override { event_free(event_); }

  void activate(std::uint32_t mask) override {
    event_active(event_, static_cast<short>(events_of(mask) & ~(EV_PERSIST | EV_ET)), 1);
  }
  void setEnabled(std::uint32_t mask) override {
    event_del(event_);
    event_assign(event_, dispatcher_.base(), fd_, events_of(mask), ready, this);
    event_add(event_, nullptr);
  }
  void unregisterEventIfEmulatedEdge(std::uint32_t) override {}
  void registerEventIfEmulatedEdge(std::uint32_t) override {}

 private:
  short events_of(std::uint32_t mask) const {
    int events = EV_PERSIST | (edge_ ? EV_ET : 0);
    events |= has(mask, FileReadyType::Read) ? EV_READ : 0;
    events |= has(mask, FileReadyType::Write) ? EV_WRITE : 0;
    events |= has(mask, FileReadyType::Closed) ? EV_CLOSED : 0;
    return static_cast<short>(events);
  }

  static void ready(evutil_socket_t, short what, void* self) {
    auto& event = *static_cast<StockFileEvent*>(self);
    std::uint32_t mask = 0;
    mask |= (what & EV_READ) != 0 ? static_cast<std::uint32_t>(FileReadyType::Read) : 0;
    mask |= (what & EV_WRITE) != 0 ? static_cast<std::uint32_t>(FileReadyType::Write) : 0;
    mask |= (what & EV_CLOSED) != 0 ? static_cast<std::uint32_t>(FileReadyType::Closed) : 0;
    event.dispatcher_.updateApproximateMonotonicTime();
    event.callback_(mask);
  }

  StockDispatcher& dispatcher_;
  const int fd_;
  const mcp::event::FileReadyCb callback_;
  const bool edge_;
  event* const event_;
};

}  // namespace

StockDispatcher::StockDispatcher(const std::string& name) : name_(name), base_(new_libevent_base()) {
  if (pipe2(wake_pipe_, O_NONBLOCK | O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe2");
  }
  wake_event_ = event_new(
      base_, wake_pipe_[0], EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) {
        auto& dispatcher = *static_cast<StockDispatcher*>(self);
        char bytes[64];
        (void)!read(dispatcher.wake_pipe_[0], bytes, sizeof bytes);
        dispatcher.run_posts();
      },
      this);
  event_add(wake_event_, nullptr);
  deferred_delete_event_ = event_new(
      base_, -1, 0,
      [](evutil_socket_t, short, void* self) {
        static_cast<StockDispatcher*>(self)->clearDeferredDeleteList();
      },
      this);
}

StockDispatcher::~StockDispatcher() {
  clearDeferredDeleteList();
  event_free(deferred_delete_event_);
  event_free(wake_event_);
  close(wake_pipe_[0]);
  close(wake_pipe_[1]);
  event_base_free(base_);
}

void StockDispatcher::post(mcp::event::PostCb callback) {
  bool was_empty;
  {
    const std::lock_guard<std::mutex> lock(post_mutex_);
    was_empty = posts_.empty();
    posts_.push_back(std::move(callback));
  }
  if (was_empty) {
    const char byte = 1;
    // A full pipe wakes as well.
    (void)!write(wake_pipe_[1], &byte, 1);
  }
}

void StockDispatcher::run_posts() {
  std::list<mcp::event::PostCb> batch;
  {
    const std::lock_guard<std::mutex> lock(post_mutex_);
    batch.swap(posts_);
  }
  for (; !batch.empty(); batch.pop_front()) {
    batch.front()();
  }
}

void StockDispatcher::deferredDelete(mcp::event::DeferredDeletablePtr&& object) {
  to_delete_.push_back(std::move(object));
  if (to_delete_.size() == 1) {
    event_active(deferred_delete_event_, EV_TIMEOUT, 1);
  }
}

void StockDispatcher::clearDeferredDeleteList() {
  std::vector<mcp::event::DeferredDeletablePtr> batch;
  batch.swap(to_delete_);
  for (auto& object : batch) {
    object.reset();
  }
}

void StockDispatcher::exit() {
  exit_requested_ = true;
  if (!isThreadSafe()) {
    post([] {});
  }
}

void StockDispatcher::run(mcp::event::RunType type) {
  thread_ = std::this_thread::get_id();
  if (type == mcp::event::RunType::NonBlock) {
    event_base_loop(base_, EVLOOP_NONBLOCK);
    return;
  }
  while (!exit_requested_) {
    updateApproximateMonotonicTime();
    event_base_loop(base_, EVLOOP_ONCE);
  }
  exit_requested_ = false;
}

mcp::event::FileEventPtr StockDispatcher::createFileEvent(mcp::event::os_fd_t fd,
                                                          mcp::event::FileReadyCb callback,
                                                          mcp::event::FileTriggerType trigger,
                                                          std::uint32_t events) {
  return std::make_unique<StockFileEvent>(*this, fd, std::move(callback), trigger, events);
}

mcp::event::TimerPtr StockDispatcher::createTimer(mcp::event::TimerCb callback) {
  return std::make_unique<StockTimer>(*this, std::move(callback));
}

mcp::event::SchedulableCallbackPtr StockDispatcher::createSchedulableCallback(
    std::function<void()> callback) {
  return std::make_unique<StockSchedulable>(*this, std::move(callback));
}

void StockDispatcher::registerWatchdog(const mcp::event::WatchDogSharedPtr&, std::chrono::milliseconds) {
  not_in_the_stand_in();
}
mcp::event::TimerPtr StockDispatcher::createScaledTimer(mcp::event::ScaledTimerType, mcp::event::TimerCb) {
  not_in_the_stand_in();
}
mcp::event::TimerPtr StockDispatcher::createScaledTimer(mcp::event::ScaledTimerMinimum, mcp::event::TimerCb) {
  not_in_the_stand_in();
}
mcp::event::SignalEventPtr StockDispatcher::listenForSignal(int, mcp::event::SignalCb) {
  not_in_the_stand_in();
}
mcp::event::WatermarkFactory& StockDispatcher::getWatermarkFactory() { not_in_the_stand_in(); }
void StockDispatcher::pushTrackedObject(const mcp::event::ScopeTrackedObject*) { not_in_the_stand_in(); }
void StockDispatcher::popTrackedObject(const mcp::event::ScopeTrackedObject*) { not_in_the_stand_in(); }
void StockDispatcher::initializeStats(mcp::event::DispatcherStats&) { not_in_the_stand_in(); }

}  // namespace bench
