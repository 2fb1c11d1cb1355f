#include "mcp/event/metrics.h"

#include <memory>
#include <stdexcept>
#include <utility>

#include "cpp/c_text.h"
#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "cpp/pool_access.h"
#include "cpp/server_conversion.h"

namespace mcp_event_impl {

struct MetricsAccess {
  static const mcp_event_metrics* handle(const mcp::event::MetricsRegistry& registry) {
    return registry.metrics_;
  }
};

namespace {

using Source = std::function<std::string()>;

std::string takeText(mcp_event_text* text) {
  const Owned<mcp_event_text> owned(text, mcp_event_text_destroy);
  const char* data = nullptr;
  check(mcp_event_text_data(text, &data));
  return data;
}

void writePage(void* source, mcp_event_metrics_page* page) {
  check(mcp_event_metrics_page_append(page, toCText((*static_cast<Source*>(source))())));
}

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

using mcp_event_impl::check;
using mcp_event_impl::DispatcherAccess;
using mcp_event_impl::toCText;

void setSlowCallbackThreshold(Dispatcher& dispatcher, std::chrono::microseconds threshold) {
  check(mcp_event_dispatcher_set_slow_callback_threshold_us(
      DispatcherAccess::require(dispatcher, "setSlowCallbackThreshold"), threshold.count()));
}

MetricsRegistry::MetricsRegistry() : metrics_(nullptr) { check(mcp_event_metrics_create(&metrics_)); }

MetricsRegistry::~MetricsRegistry() { mcp_event_metrics_destroy(metrics_); }

void MetricsRegistry::addDispatcher(const Dispatcher& dispatcher) {
  check(mcp_event_metrics_add_dispatcher(metrics_, DispatcherAccess::require(dispatcher, "addDispatcher")));
}

void MetricsRegistry::addPool(const std::string& name, const WorkerPool& pool) {
  check(mcp_event_metrics_add_pool(metrics_, toCText(name), mcp_event_impl::PoolAccess::handle(pool)));
}

void MetricsRegistry::addSource(const std::string& name, std::function<std::string()> source) {
  using mcp_event_impl::Source;
  mcp_event_impl::requireCallback(source, "addSource");
  auto owned = std::make_unique<Source>(std::move(source));
  mcp_event_metrics_source added = {};
  added.write = mcp_event_impl::writePage;
  added.data = owned.get();
  added.drop = [](void* data) { delete static_cast<Source*>(data); };
  check(mcp_event_metrics_add_source(metrics_, toCText(name), added));
  owned.release();
}

bool MetricsRegistry::remove(const std::string& name) {
  const mcp_event_status status = mcp_event_metrics_remove(metrics_, toCText(name));
  if (status == MCP_EVENT_NOT_FOUND) {
    return false;
  }
  check(status);
  return true;
}

std::string MetricsRegistry::prometheus() const {
  mcp_event_text* text = nullptr;
  check(mcp_event_metrics_prometheus(metrics_, &text));
  return mcp_event_impl::takeText(text);
}

MetricsEndpoint::MetricsEndpoint(Dispatcher& dispatcher, const std::string& address,
                                 const MetricsRegistry& registry, const MetricsEndpointOptions& options)
    : endpoint_(nullptr) {
  if (options.timeout.count() < 0) {
    throw std::invalid_argument("MetricsEndpoint: the timeout is negative");
  }
  mcp_event_metrics_endpoint_options settings = {};
  settings.size = sizeof settings;
  settings.connection_limit = options.connection_limit;
  settings.timeout_ms = static_cast<uint64_t>(options.timeout.count());
  check(mcp_event_metrics_endpoint_create(DispatcherAccess::require(dispatcher, "MetricsEndpoint"),
                                          toCText(address), mcp_event_impl::MetricsAccess::handle(registry),
                                          &settings, &endpoint_));
}

MetricsEndpoint::~MetricsEndpoint() { mcp_event_metrics_endpoint_destroy(endpoint_); }

std::string MetricsEndpoint::address() const {
  mcp_event_text* text = nullptr;
  check(mcp_event_metrics_endpoint_address(endpoint_, &text));
  return mcp_event_impl::takeText(text);
}

}  // namespace event
}  // namespace mcp
