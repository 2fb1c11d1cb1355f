#include "mcp/event/server_call.h"

#include <stdexcept>

namespace mcp {
namespace event {

const std::string& CallResult::get() const {
  switch (outcome) {
    case CallOutcome::Result:
      return json;
    case CallOutcome::RpcError:
      throw RpcError(text, code, message, data);
    case CallOutcome::UnknownServer:
      throw UnknownServer(text);
    case CallOutcome::Down:
      throw ServerDown(text, status);
    case CallOutcome::TimedOut:
      throw CallTimeout(text);
    case CallOutcome::Cancelled:
      throw CallCancelled(text);
    case CallOutcome::ConnectionLost:
      throw ConnectionLost(text);
    case CallOutcome::Malformed:
      throw MalformedAnswer(text);
    case CallOutcome::InvalidRequest:
      throw InvalidRequest(text);
    case CallOutcome::NotReading:
      throw ServerNotReading(text);
    case CallOutcome::OnLoop:
      throw std::logic_error(text);
    case CallOutcome::ManagerStopped:
      throw ManagerStopped(text);
  }
  // Of a later version of the library.
  throw ServerError(text);
}

}  // namespace event
}  // namespace mcp
