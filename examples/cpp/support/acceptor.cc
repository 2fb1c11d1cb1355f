#include "support/acceptor.h"

#include <chrono>
#include <iostream>
#include <system_error>
#include <utility>

namespace support {

using mcp::event::FileReadyType;
using mcp::event::FileTriggerType;

namespace {
constexpr std::chrono::milliseconds kRetryDelay{100};
}

Acceptor::Acceptor(mcp::event::Dispatcher& dispatcher, uint16_t port, ConnectionCb on_connection)
    : listener_(listenOn(port)),
      on_connection_(std::move(on_connection)),
      retry_(dispatcher.createTimer([this] { acceptAll(); })),
      readable_(dispatcher.createFileEvent(
          listener_.get(), [this](uint32_t) { acceptAll(); }, FileTriggerType::Edge,
          static_cast<uint32_t>(FileReadyType::Read))) {}

void Acceptor::acceptAll() {
  try {
    for (Fd connection = acceptFrom(listener_); connection.valid(); connection = acceptFrom(listener_)) {
      on_connection_(std::move(connection));
    }
  } catch (const std::system_error& error) {
    std::cerr << "cannot accept, trying again soon: " << error.what() << '\n';
    retry_->enableTimer(kRetryDelay);
  }
}

}  // namespace support
