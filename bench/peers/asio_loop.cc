#include "asio_loop.h"

#include <asio.hpp>
#include <utility>

namespace bench {

struct AsioLoop::Impl {
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> keep_running = asio::make_work_guard(context);
};

// An aborted wait is still delivered, after the timer or the event is gone: it must not touch them.
struct AsioLoop::Timer::Impl {
  asio::steady_timer timer;
  std::function<void()> closure;
};

struct AsioLoop::FileEvent::Impl {
  asio::posix::stream_descriptor descriptor;
  std::function<void(std::uint32_t)> closure;

  void wait() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
      if (!error) {
        closure(0);
        wait();
      }
    });
  }
};

AsioLoop::AsioLoop() : impl_(std::make_unique<Impl>()) {}
AsioLoop::~AsioLoop() = default;

void AsioLoop::post(std::function<void()> closure) { asio::post(impl_->context, std::move(closure)); }

void AsioLoop::run() {
  impl_->context.restart();
  impl_->context.run();
}

void AsioLoop::stop() { impl_->context.stop(); }

AsioLoop::Timer::Timer(AsioLoop& loop, std::function<void()> closure)
    : impl_(new Impl{asio::steady_timer(loop.impl_->context), std::move(closure)}) {}

AsioLoop::Timer::Timer(Timer&&) noexcept = default;
AsioLoop::Timer::~Timer() = default;

void AsioLoop::Timer::enable(std::chrono::microseconds delay) {
  impl_->timer.expires_after(delay);
  impl_->timer.async_wait([impl = impl_.get()](const asio::error_code& error) {
    if (!error) {
      impl->closure();
    }
  });
}

void AsioLoop::Timer::disable() { impl_->timer.cancel(); }

AsioLoop::FileEvent::FileEvent(AsioLoop& loop, int fd, std::function<void(std::uint32_t)> closure)
    : impl_(new Impl{asio::posix::stream_descriptor(loop.impl_->context, fd), std::move(closure)}) {
  impl_->wait();
}

AsioLoop::FileEvent::FileEvent(FileEvent&&) noexcept = default;

// The descriptor is not the event's to close.
AsioLoop::FileEvent::~FileEvent() {
  if (impl_) {
    impl_->descriptor.release();
  }
}

}  // namespace bench
