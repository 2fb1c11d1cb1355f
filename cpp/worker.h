// The default worker, and what the pool needs of it.
#ifndef MCP_EVENT_CPP_WORKER_H
#define MCP_EVENT_CPP_WORKER_H

#include <memory>
#include <string>

#include "cpp/hidden.h"
#include "mcp/event/event_loop.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

class WorkerLoop;

class DefaultWorker final : public mcp::event::Worker {
 public:
  // `name` is also the thread's, cut to what the platform allows.
  DefaultWorker(const std::string& name, mcp::event::DispatcherPtr dispatcher);
  ~DefaultWorker() override;

  void start(mcp::event::WatchDogSharedPtr guard_dog) override;
  void stop() override;
  mcp::event::Dispatcher& dispatcher() override;

  // Makes the loop exit, and does not wait for it.
  void requestStop();

 private:
  // Shared with the thread, which outlives the worker if that is destroyed on it.
  const std::shared_ptr<WorkerLoop> loop_;
};

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_WORKER_H
