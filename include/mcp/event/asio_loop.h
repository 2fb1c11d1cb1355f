// What asio.h and boost_asio.h have in common: how a dispatcher waits in an io_context. Include one of these.
#ifndef MCP_EVENT_ASIO_LOOP_H
#define MCP_EVENT_ASIO_LOOP_H

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "mcp/event/foreign_loop.h"

namespace mcp {
namespace event {
namespace detail {

// The types that go with an io_context, and the version of its library; asio.h and boost_asio.h specialise
// it.
template <typename Context>
struct AsioLibrary;

// "1.22.1", from a version macro.
inline std::string asioVersion(int version) {
  return std::to_string(version / 100000) + '.' + std::to_string(version / 100 % 1000) + '.' +
         std::to_string(version % 100);
}

// A dispatcher's waiting in an io_context. While it exists the context does not run out of work.
template <typename Context>
class AsioLoop final : public ForeignLoop {
 public:
  using Library = AsioLibrary<Context>;

  // The context is somebody else's, and outlives this object.
  explicit AsioLoop(Context& context)
      : context_(context), work_(context.get_executor()), descriptor_(context), timer_(context) {}

  explicit AsioLoop(std::unique_ptr<Context> context) : AsioLoop(*context) { owned_.swap(context); }

  ~AsioLoop() override {
    // Lest the descriptor close what is the dispatcher's.
    if (descriptor_.is_open()) {
      descriptor_.release();
    }
  }

  Context& context() { return context_; }

  std::string name() const override { return "asio"; }
  std::string type() const override { return Library::version(); }

  ForeignTurn turn(os_fd_t fd, std::chrono::nanoseconds timeout) override {
    pending_->over = false;
    const bool may_wait = timeout != timeout.zero();
    if (may_wait) {
      watch(fd);
      if (timeout > timeout.zero()) {
        limit(timeout);
      }
    }
    std::size_t ran = may_wait ? context_.run_one() : context_.poll_one();
    for (int handlers = 1; ran != 0 && !pending_->over && handlers < kMaxHandlers; ++handlers) {
      ran = context_.poll_one();
    }
    if (context_.stopped()) {
      // The dispatcher hears of it once, and its next run is a new one.
      context_.restart();
      return ForeignTurn::Stopped;
    }
    return ForeignTurn::Over;
  }

 private:
  // How many handlers a turn runs before the dispatcher has its turn.
  static constexpr int kMaxHandlers = 256;

  // What our own handlers tell. They may outlive this object in a context that is not ours.
  struct Pending {
    bool over = false;
    bool watch = false;
    // More than one while cancelled ones are still to be run.
    int limits = 0;
  };

  using Error = typename Library::Error;

  void watch(os_fd_t fd) {
    if (!descriptor_.is_open()) {
      descriptor_.assign(fd);
    }
    if (pending_->watch) {
      return;
    }
    descriptor_.async_wait(Library::Descriptor::wait_read, [pending = pending_](const Error& error) {
      pending->watch = false;
      pending->over = pending->over || !error;
    });
    pending_->watch = true;
  }

  // A limit that is still there and earlier is left alone: it will end a turn early, which costs less than to
  // cancel it.
  void limit(std::chrono::nanoseconds timeout) {
    constexpr std::chrono::hours kLongest(24);
    const auto now = Library::Timer::clock_type::now();
    const auto deadline = now + std::min<std::chrono::nanoseconds>(timeout, kLongest);
    if (pending_->limits > 0 && timer_.expiry() <= deadline) {
      return;
    }
    timer_.expires_at(deadline);
    timer_.async_wait([pending = pending_](const Error& error) {
      --pending->limits;
      pending->over = pending->over || !error;
    });
    ++pending_->limits;
  }

  std::unique_ptr<Context> owned_;
  Context& context_;
  const typename Library::Work work_;
  typename Library::Descriptor descriptor_;
  typename Library::Timer timer_;
  const std::shared_ptr<Pending> pending_ = std::make_shared<Pending>();
};

}  // namespace detail

// A dispatcher whose loop waits in `context`: one thread, that of run(), runs both the dispatcher's callbacks
// and the context's handlers. `context.stop()` ends the run as exit() does, and needs no restart(); what a
// handler throws comes out of run(). Nobody else may run the context meanwhile; it must outlive the
// dispatcher, and does not run out of work before.
template <typename Context>
DispatcherPtr createAsioDispatcher(const std::string& name, Context& context) {
  return createDispatcher(name, std::make_unique<detail::AsioLoop<Context>>(context));
}

// The same in a context of its own, which asioContext() gives.
template <typename Context>
DispatcherPtr createAsioDispatcher(const std::string& name) {
  return createDispatcher(name, std::make_unique<detail::AsioLoop<Context>>(std::make_unique<Context>(1)));
}

// The context that the dispatcher waits in; it lives as long as the dispatcher, or longer. Throws
// std::invalid_argument if that is none, or one of another library, of another version of it, or of a build
// of it with other settings: the library's own, where it is built in, is the one that the library was built
// with.
template <typename Context>
Context& asioContext(const Dispatcher& dispatcher) {
  ForeignLoop* const loop = foreignLoop(dispatcher);
  const std::string wanted = detail::AsioLibrary<Context>::version();
  const std::string found = loop == nullptr ? "no foreign loop" : loop->type();
  if (found != wanted) {
    throw std::invalid_argument("asioContext: the dispatcher waits in " + found + ", not in " + wanted);
  }
  return static_cast<detail::AsioLoop<Context>*>(loop)->context();
}

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_ASIO_LOOP_H
