#include "versions.h"

#include <ev.h>
#include <event2/event.h>
#include <uv.h>

#include <asio/version.hpp>

namespace bench {

std::map<std::string, std::string> peer_versions() {
  const auto dotted = [](int major, int minor) {
    return std::to_string(major) + '.' + std::to_string(minor);
  };
  return {{"C++ compiler", __VERSION__},
          {"libevent", event_get_version()},
          {"libuv", uv_version_string()},
          {"libev", dotted(ev_version_major(), ev_version_minor())},
          {"asio", dotted(ASIO_VERSION / 100'000, ASIO_VERSION / 100 % 1000) + '.' +
                       std::to_string(ASIO_VERSION % 100)}};
}

}  // namespace bench
