#include <stdexcept>
#include <string>
#include <utility>

#include "cpp/worker.h"
#include "mcp/event/event_loop.h"

namespace mcp_event_impl {
namespace {

class DefaultWorkerFactory final : public mcp::event::WorkerFactory {
 public:
  mcp::event::WorkerPtr createWorker(uint32_t index,
                                     mcp::event::DispatcherFactory& dispatcher_factory) override {
    const std::string name = "worker_" + std::to_string(index);
    mcp::event::DispatcherPtr dispatcher = dispatcher_factory.createDispatcher(name);
    if (dispatcher == nullptr) {
      throw std::invalid_argument("createWorker: the dispatcher factory returned null for " + name);
    }
    return std::make_unique<DefaultWorker>(name, std::move(dispatcher));
  }
};

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

WorkerFactoryPtr createDefaultWorkerFactory() {
  return std::make_unique<mcp_event_impl::DefaultWorkerFactory>();
}

}  // namespace event
}  // namespace mcp
