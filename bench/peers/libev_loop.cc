#include "libev_loop.h"

#include <ev.h>

#include <utility>

#include "post_queue.h"

namespace bench {

struct LibevLoop::Impl {
  struct ev_loop* loop = ev_loop_new(EVBACKEND_EPOLL);
  ev_async wake;
  PostQueue posts;
};

struct LibevLoop::Timer::Impl {
  struct ev_loop* loop;
  ev_timer timer;
  std::function<void()> closure;
};

struct LibevLoop::FileEvent::Impl {
  struct ev_loop* loop;
  ev_io ready;
  std::function<void(std::uint32_t)> closure;
};

LibevLoop::LibevLoop() : impl_(std::make_unique<Impl>()) {
  ev_async_init(&impl_->wake,
                [](struct ev_loop*, ev_async* wake, int) { static_cast<PostQueue*>(wake->data)->drain(); });
  impl_->wake.data = &impl_->posts;
  ev_async_start(impl_->loop, &impl_->wake);
}

LibevLoop::~LibevLoop() {
  ev_async_stop(impl_->loop, &impl_->wake);
  ev_loop_destroy(impl_->loop);
}

void LibevLoop::post(std::function<void()> closure) {
  if (impl_->posts.push(std::move(closure))) {
    ev_async_send(impl_->loop, &impl_->wake);
  }
}

void LibevLoop::run() { ev_run(impl_->loop, 0); }

void LibevLoop::stop() { ev_break(impl_->loop, EVBREAK_ALL); }

LibevLoop::Timer::Timer(LibevLoop& loop, std::function<void()> closure)
    : impl_(new Impl{loop.impl_->loop, {}, std::move(closure)}) {
  ev_timer_init(
      &impl_->timer,
      [](struct ev_loop*, ev_timer* timer, int) { static_cast<Impl*>(timer->data)->closure(); }, 0, 0);
  impl_->timer.data = impl_.get();
}

LibevLoop::Timer::Timer(Timer&&) noexcept = default;

LibevLoop::Timer::~Timer() {
  if (impl_) {
    ev_timer_stop(impl_->loop, &impl_->timer);
  }
}

void LibevLoop::Timer::enable(std::chrono::microseconds delay) {
  ev_timer_stop(impl_->loop, &impl_->timer);
  ev_timer_set(&impl_->timer, std::chrono::duration<double>(delay).count(), 0);
  ev_timer_start(impl_->loop, &impl_->timer);
}

void LibevLoop::Timer::disable() { ev_timer_stop(impl_->loop, &impl_->timer); }

LibevLoop::FileEvent::FileEvent(LibevLoop& loop, int fd, std::function<void(std::uint32_t)> closure)
    : impl_(new Impl{loop.impl_->loop, {}, std::move(closure)}) {
  ev_io_init(
      &impl_->ready,
      [](struct ev_loop*, ev_io* ready, int events) {
        static_cast<Impl*>(ready->data)->closure(static_cast<std::uint32_t>(events));
      },
      fd, EV_READ);
  impl_->ready.data = impl_.get();
  ev_io_start(impl_->loop, &impl_->ready);
}

LibevLoop::FileEvent::FileEvent(FileEvent&&) noexcept = default;

LibevLoop::FileEvent::~FileEvent() {
  if (impl_) {
    ev_io_stop(impl_->loop, &impl_->ready);
  }
}

void LibevLoop::FileEvent::watch_writes(bool too) {
  ev_io_stop(impl_->loop, &impl_->ready);
  ev_io_modify(&impl_->ready, EV_READ | (too ? EV_WRITE : 0));
  ev_io_start(impl_->loop, &impl_->ready);
}

}  // namespace bench
