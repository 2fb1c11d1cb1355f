#include "cpp/worker_exception.h"

#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "cpp/errors.h"
#include "mcp/event/dispatcher_extras.h"

namespace mcp_event_impl {
namespace {

using mcp::event::WorkerExceptionHandler;

struct HandlerSlot {
  std::mutex mutex;
  std::shared_ptr<const WorkerExceptionHandler> handler;
};

HandlerSlot& handlerSlot() {
  // Never destroyed: a worker may still run while the process exits.
  static HandlerSlot& slot = *new HandlerSlot();
  return slot;
}

}  // namespace

void handleWorkerException(const std::string& worker, const std::string& where,
                           std::exception_ptr exception) {
  std::shared_ptr<const WorkerExceptionHandler> handler;
  {
    HandlerSlot& slot = handlerSlot();
    const std::lock_guard<std::mutex> lock(slot.mutex);
    handler = slot.handler;
  }
  if (handler != nullptr) {
    (*handler)(worker, std::move(exception));
    return;
  }
  std::fprintf(stderr, "McpEvent: uncaught exception on %s: %s (%s)\n", worker.c_str(),
               describeException(exception).c_str(), where.c_str());
  std::rethrow_exception(exception);
}

}  // namespace mcp_event_impl

namespace mcp {
namespace event {

void setWorkerExceptionHandler(WorkerExceptionHandler handler) {
  auto shared = handler ? std::make_shared<const WorkerExceptionHandler>(std::move(handler)) : nullptr;
  mcp_event_impl::HandlerSlot& slot = mcp_event_impl::handlerSlot();
  const std::lock_guard<std::mutex> lock(slot.mutex);
  slot.handler.swap(shared);
}

}  // namespace event
}  // namespace mcp
