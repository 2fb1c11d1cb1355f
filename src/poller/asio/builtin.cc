#if defined(__has_include)
#if !__has_include(<asio.hpp>)
#error "The feature asio needs the headers of standalone asio: the package libasio-dev, asio-devel or asio."
#endif
#endif

#include "src/poller/asio/builtin.h"

#include <asio.hpp>
#include <chrono>
#include <utility>

#include "mcp-event/src/poller/asio.rs.h"
#include "mcp/event/asio.h"

namespace asio_backend {

Outcome Builtin::turn(int32_t fd, int64_t timeout) const noexcept {
  Outcome outcome{false, nullptr};
  try {
    outcome.stopped = loop_->turn(fd, std::chrono::nanoseconds(timeout)) == mcp::event::ForeignTurn::Stopped;
  } catch (...) {
    outcome.thrown = std::make_unique<Thrown>(std::current_exception());
  }
  return outcome;
}

std::unique_ptr<Builtin> create() {
  // One thread at a time runs it.
  auto context = std::make_unique<asio::io_context>(1);
  return std::make_unique<Builtin>(
      std::make_unique<mcp::event::detail::AsioLoop<asio::io_context>>(std::move(context)));
}

rust::String describe(const Thrown& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    return rust::String::lossy(exception.what());
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

}  // namespace asio_backend
