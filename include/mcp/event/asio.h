// Dispatchers that wait in an io_context of standalone asio, so that one thread serves both. The header is
// all that there is to it: it works with the version that the program is compiled with, and with a
// libmcp_event that has no asio built in. boost_asio.h has the same for Boost.Asio.
#ifndef MCP_EVENT_ASIO_H
#define MCP_EVENT_ASIO_H

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <asio/version.hpp>
#include <string>

#include "mcp/event/asio_loop.h"

#if !defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR)
#error "asio has no posix::stream_descriptor on this system, so no dispatcher can wait in an io_context."
#endif

namespace mcp {
namespace event {
namespace detail {

template <>
struct AsioLibrary<::asio::io_context> {
  using Descriptor = ::asio::posix::stream_descriptor;
  using Timer = ::asio::steady_timer;
  using Error = ::asio::error_code;
  using Work = ::asio::executor_work_guard<::asio::io_context::executor_type>;

  // With the settings that its types depend on.
  static std::string version() {
    std::string version = "asio " + asioVersion(ASIO_VERSION);
#if defined(ASIO_HAS_IO_URING_AS_DEFAULT)
    version += " on io_uring";
#endif
#if !defined(ASIO_HAS_THREADS)
    version += " without threads";
#endif
    return version;
  }
};

}  // namespace detail
}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_ASIO_H
