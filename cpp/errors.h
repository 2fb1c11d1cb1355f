// How a failure of the core becomes an exception, and an exception something that crosses the core.
#ifndef MCP_EVENT_CPP_ERRORS_H
#define MCP_EVENT_CPP_ERRORS_H

#include <exception>
#include <stdexcept>
#include <string>

#include "cpp/bridge.h"
#include "cpp/hidden.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

// Throws what `status` stands for, with the core's text for the last failure on this thread.
[[noreturn]] void throwStatus(mcp_event_status status);

inline void check(mcp_event_status status) {
  if (status != MCP_EVENT_OK) {
    throwStatus(status);
  }
}

// Throws std::invalid_argument, naming the function that was called, unless `callback` can be called.
template <typename Callback>
void requireCallback(const Callback& callback, const char* function) {
  if (!callback) {
    throw std::invalid_argument(std::string(function) + ": the callback is empty");
  }
}

// Runs `call`; returns what it threw in the form that the core carries, or null.
template <typename Call>
void* catchInto(Call&& call) noexcept {
  try {
    call();
    return nullptr;
  } catch (...) {
    return new std::exception_ptr(std::current_exception());
  }
}

// The exception in what catchInto() returned, which it frees.
std::exception_ptr takeException(void* carried) noexcept;

// The exception's type and text, for a log.
std::string describeException(const std::exception_ptr& exception);

// Tells the core how to handle exceptions, and the closures in handles; must have been called before the
// first dispatcher is made.
void installOps();

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_ERRORS_H
