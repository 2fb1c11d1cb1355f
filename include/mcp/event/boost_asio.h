// Dispatchers that wait in an io_context of Boost.Asio, so that one thread serves both. The header is all
// that there is to it: it works with the version that the program is compiled with, and with a libmcp_event
// that has no asio built in. asio.h has the same for standalone asio.
#ifndef MCP_EVENT_BOOST_ASIO_H
#define MCP_EVENT_BOOST_ASIO_H

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/version.hpp>
#include <string>

#include "mcp/event/asio_loop.h"

#if !defined(BOOST_ASIO_HAS_POSIX_STREAM_DESCRIPTOR)
#error \
    "Boost.Asio has no posix::stream_descriptor on this system, so no dispatcher can wait in an io_context."
#endif

namespace mcp {
namespace event {
namespace detail {

template <>
struct AsioLibrary<::boost::asio::io_context> {
  using Descriptor = ::boost::asio::posix::stream_descriptor;
  using Timer = ::boost::asio::steady_timer;
  using Error = ::boost::system::error_code;
  using Work = ::boost::asio::executor_work_guard<::boost::asio::io_context::executor_type>;

  // With the settings that its types depend on.
  static std::string version() {
    std::string version = "Boost.Asio " + asioVersion(BOOST_ASIO_VERSION);
#if defined(BOOST_ASIO_HAS_IO_URING_AS_DEFAULT)
    version += " on io_uring";
#endif
#if !defined(BOOST_ASIO_HAS_THREADS)
    version += " without threads";
#endif
    return version;
  }
};

}  // namespace detail
}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_BOOST_ASIO_H
