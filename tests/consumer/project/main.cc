// A program of a user: a round through the C++ interface and the C one.
#include <mcp/event/dispatcher_extras.h>
#include <mcp/event/event_loop.h>
#include <mcp/event/libevent_dispatcher.h>

#include <memory>

extern "C" int runInC(void);

int main() {
  mcp::event::LibeventDispatcher dispatcher("consumer");
  bool ran = false;
  mcp::event::post(dispatcher, [&, number = std::make_unique<int>(1)] {
    ran = *number == 1;
    dispatcher.exit();
  });
  dispatcher.run(mcp::event::RunType::Block);
  return ran ? runInC() : 1;
}
