#include "libevent_loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <utility>

#include "libevent_base.h"
#include "post_queue.h"

namespace bench {

struct LibeventLoop::Impl {
  event_base* base = new_libevent_base();
  PostQueue posts;
  event wake;
};

struct LibeventLoop::Timer::Impl {
  event timer;
  std::function<void()> closure;
};

struct LibeventLoop::FileEvent::Impl {
  event ready;
  std::function<void(std::uint32_t)> closure;

  void watch(event_base* base, evutil_socket_t fd, short what) {
    event_assign(
        &ready, base, fd, static_cast<short>(what | EV_PERSIST | EV_ET),
        [](evutil_socket_t, short happened, void* self) {
          static_cast<Impl*>(self)->closure(static_cast<std::uint32_t>(happened));
        },
        this);
    event_add(&ready, nullptr);
  }
};

LibeventLoop::LibeventLoop() : impl_(std::make_unique<Impl>()) {
  event_assign(
      &impl_->wake, impl_->base, -1, EV_PERSIST,
      [](evutil_socket_t, short, void* posts) { static_cast<PostQueue*>(posts)->drain(); }, &impl_->posts);
}

LibeventLoop::~LibeventLoop() {
  event_del(&impl_->wake);
  event_base_free(impl_->base);
}

void LibeventLoop::post(std::function<void()> closure) {
  if (impl_->posts.push(std::move(closure))) {
    event_active(&impl_->wake, EV_TIMEOUT, 1);
  }
}

void LibeventLoop::run() { event_base_loop(impl_->base, EVLOOP_NO_EXIT_ON_EMPTY); }

void LibeventLoop::stop() { event_base_loopbreak(impl_->base); }

LibeventLoop::Timer::Timer(LibeventLoop& loop, std::function<void()> closure)
    : impl_(new Impl{{}, std::move(closure)}) {
  evtimer_assign(
      &impl_->timer, loop.impl_->base,
      [](evutil_socket_t, short, void* self) { static_cast<Impl*>(self)->closure(); }, impl_.get());
}

LibeventLoop::Timer::Timer(Timer&&) noexcept = default;

LibeventLoop::Timer::~Timer() {
  if (impl_) {
    event_del(&impl_->timer);
  }
}

void LibeventLoop::Timer::enable(std::chrono::microseconds delay) {
  const timeval after = to_timeval(delay);
  event_add(&impl_->timer, &after);
}

void LibeventLoop::Timer::disable() { event_del(&impl_->timer); }

LibeventLoop::FileEvent::FileEvent(LibeventLoop& loop, int fd, std::function<void(std::uint32_t)> closure)
    : impl_(new Impl{{}, std::move(closure)}) {
  impl_->watch(loop.impl_->base, fd, EV_READ);
}

LibeventLoop::FileEvent::FileEvent(FileEvent&&) noexcept = default;

LibeventLoop::FileEvent::~FileEvent() {
  if (impl_) {
    event_del(&impl_->ready);
  }
}

// A libevent event that waits cannot change what it waits for.
void LibeventLoop::FileEvent::watch_writes(bool too) {
  event_del(&impl_->ready);
  impl_->watch(event_get_base(&impl_->ready), event_get_fd(&impl_->ready), EV_READ | (too ? EV_WRITE : 0));
}

}  // namespace bench
