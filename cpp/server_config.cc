#include "mcp/event/server_config.h"

#include <cstddef>

#include "cpp/errors.h"
#include "cpp/server_conversion.h"

namespace mcp {
namespace event {

using mcp_event_impl::check;

ServerConfig::ServerConfig(mcp_event_server_config* config)
    : config_(config, mcp_event_server_config_destroy) {}

ServerConfig ServerConfig::parse(const std::string& json) {
  mcp_event_server_config* config = nullptr;
  check(mcp_event_server_config_create(mcp_event_impl::toCText(json), &config));
  return ServerConfig(config);
}

ServerConfig ServerConfig::fromFile(const std::string& path) {
  mcp_event_server_config* config = nullptr;
  check(mcp_event_server_config_create_from_file(mcp_event_impl::toCText(path), &config));
  return ServerConfig(config);
}

std::vector<std::string> ServerConfig::warnings() const {
  size_t count = 0;
  check(mcp_event_server_config_warning_count(config_.get(), &count));
  std::vector<std::string> warnings;
  for (size_t i = 0; i < count; ++i) {
    const char* warning = nullptr;
    check(mcp_event_server_config_warning(config_.get(), i, &warning));
    warnings.push_back(warning);
  }
  return warnings;
}

}  // namespace event
}  // namespace mcp
