#include <stdexcept>
#include <string>
#include <utility>

#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "mcp/event/dispatcher_extras.h"
#include "mcp/event/libevent_dispatcher.h"

namespace mcp_event_impl {
namespace {

class BackendDispatcherFactory final : public mcp::event::DispatcherFactory {
 public:
  explicit BackendDispatcherFactory(std::string backend) : backend_(std::move(backend)) {}

  mcp::event::DispatcherPtr createDispatcher(const std::string& name) override {
    CoreOptions options;
    options.backend = backend_.c_str();
    return DispatcherAccess::create(name, options);
  }
  const std::string& backendName() const override { return backend_; }

 private:
  const std::string backend_;
};

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

LibeventDispatcherFactory::~LibeventDispatcherFactory() = default;

DispatcherPtr LibeventDispatcherFactory::createDispatcher(const std::string& name) {
  return std::make_unique<LibeventDispatcher>(name);
}

const std::string& LibeventDispatcherFactory::backendName() const {
  static const std::string backend_name = "libevent";
  return backend_name;
}

DispatcherFactoryPtr createPlatformDefaultDispatcherFactory() {
  const char* backend = nullptr;
  mcp_event_impl::check(mcp_event_default_backend(&backend));
  return std::make_unique<mcp_event_impl::BackendDispatcherFactory>(backend);
}

DispatcherFactoryPtr createLibeventDispatcherFactory() {
  return std::make_unique<LibeventDispatcherFactory>();
}

DispatcherFactoryPtr createAsioDispatcherFactory() { return createDispatcherFactory("asio"); }

DispatcherFactoryPtr createDispatcherFactory(const std::string& backend) {
  // The core takes a C string: one that ends early would be taken for another name.
  if (backend.find('\0') != std::string::npos) {
    throw std::invalid_argument("createDispatcherFactory: the name of the backend contains a NUL");
  }
  mcp_event_impl::check(mcp_event_backend_check(backend.c_str()));
  return std::make_unique<mcp_event_impl::BackendDispatcherFactory>(backend);
}

}  // namespace event
}  // namespace mcp
