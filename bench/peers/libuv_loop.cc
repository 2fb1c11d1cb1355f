#include "libuv_loop.h"

#include <uv.h>

#include <utility>

#include "post_queue.h"

namespace bench {

struct LibuvLoop::Impl {
  uv_loop_t loop;
  uv_async_t wake;
  PostQueue posts;
};

struct LibuvLoop::Timer::Impl {
  uv_timer_t timer;
  std::function<void()> closure;
};

struct LibuvLoop::FileEvent::Impl {
  uv_poll_t poll;
  std::function<void(std::uint32_t)> closure;
};

namespace {

// A handle may be freed only after the loop has let go of it.
template <class Impl, class Handle>
void close_and_free(std::unique_ptr<Impl>& impl, Handle Impl::*handle) {
  if (Impl* const closing = impl.release()) {
    uv_close(reinterpret_cast<uv_handle_t*>(&(closing->*handle)),
             [](uv_handle_t* closed) { delete static_cast<Impl*>(closed->data); });
  }
}

}  // namespace

LibuvLoop::LibuvLoop() : impl_(std::make_unique<Impl>()) {
  uv_loop_init(&impl_->loop);
  uv_async_init(&impl_->loop, &impl_->wake,
                [](uv_async_t* wake) { static_cast<PostQueue*>(wake->data)->drain(); });
  impl_->wake.data = &impl_->posts;
}

LibuvLoop::~LibuvLoop() {
  uv_close(reinterpret_cast<uv_handle_t*>(&impl_->wake), nullptr);
  uv_run(&impl_->loop, UV_RUN_DEFAULT);
  uv_loop_close(&impl_->loop);
}

void LibuvLoop::post(std::function<void()> closure) {
  if (impl_->posts.push(std::move(closure))) {
    uv_async_send(&impl_->wake);
  }
}

void LibuvLoop::run() { uv_run(&impl_->loop, UV_RUN_DEFAULT); }

void LibuvLoop::stop() { uv_stop(&impl_->loop); }

LibuvLoop::Timer::Timer(LibuvLoop& loop, std::function<void()> closure)
    : impl_(new Impl{{}, std::move(closure)}) {
  uv_timer_init(&loop.impl_->loop, &impl_->timer);
  impl_->timer.data = impl_.get();
}

LibuvLoop::Timer::Timer(Timer&&) noexcept = default;

LibuvLoop::Timer::~Timer() { close_and_free(impl_, &Impl::timer); }

void LibuvLoop::Timer::enable(std::chrono::microseconds delay) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(delay);
  uv_timer_start(
      &impl_->timer, [](uv_timer_t* timer) { static_cast<Impl*>(timer->data)->closure(); },
      static_cast<std::uint64_t>(milliseconds.count()), 0);
}

void LibuvLoop::Timer::disable() { uv_timer_stop(&impl_->timer); }

LibuvLoop::FileEvent::FileEvent(LibuvLoop& loop, int fd, std::function<void(std::uint32_t)> closure)
    : impl_(new Impl{{}, std::move(closure)}) {
  uv_poll_init(&loop.impl_->loop, &impl_->poll, fd);
  impl_->poll.data = impl_.get();
  watch_writes(false);
}

LibuvLoop::FileEvent::FileEvent(FileEvent&&) noexcept = default;

LibuvLoop::FileEvent::~FileEvent() { close_and_free(impl_, &Impl::poll); }

void LibuvLoop::FileEvent::watch_writes(bool too) {
  uv_poll_start(&impl_->poll, UV_READABLE | (too ? UV_WRITABLE : 0), [](uv_poll_t* poll, int, int events) {
    static_cast<Impl*>(poll->data)->closure(static_cast<std::uint32_t>(events));
  });
}

}  // namespace bench
