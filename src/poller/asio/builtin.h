// The asio backend, as src/poller/asio.rs sees it.
#ifndef MCP_EVENT_POLLER_ASIO_BUILTIN_H
#define MCP_EVENT_POLLER_ASIO_BUILTIN_H

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>

#include "mcp/event/foreign_loop.h"
#include "rust/cxx.h"

namespace asio_backend {

using Thrown = std::exception_ptr;
struct Outcome;

// An io_context, and the dispatcher's waiting in it.
class Builtin {
 public:
  explicit Builtin(std::unique_ptr<mcp::event::ForeignLoop> loop) : loop_(std::move(loop)) {}

  // Whatever a handler throws is in the outcome.
  Outcome turn(int32_t fd, int64_t timeout) const noexcept;

  std::size_t object() const noexcept { return reinterpret_cast<std::size_t>(loop_.get()); }

 private:
  const std::unique_ptr<mcp::event::ForeignLoop> loop_;
};

std::unique_ptr<Builtin> create();

// The text of the exception.
rust::String describe(const Thrown& thrown) noexcept;

}  // namespace asio_backend

#endif  // MCP_EVENT_POLLER_ASIO_BUILTIN_H
