#include "cpp/errors.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <typeinfo>

#include "cpp/handle_object.h"
#include "cpp/worker_exception.h"

namespace mcp_event_impl {
namespace {

std::string currentExceptionType() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) {
    return "a foreign exception";
  }
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> readable(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? readable.get() : type->name();
}

void describe(void* carried, char* text, size_t size) noexcept {
  if (size == 0) {
    return;
  }
  const std::string description = describeException(*static_cast<std::exception_ptr*>(carried));
  const size_t length = std::min(description.size(), size - 1);
  std::memcpy(text, description.data(), length);
  text[length] = '\0';
}

void drop(void* carried) noexcept { takeException(carried); }

void* guardedCall(void (*call)(void*), void (*file_call)(void*, uint32_t), void* data, uint32_t events) {
  return catchInto([=] {
    if (file_call != nullptr) {
      file_call(data, events);
    } else {
      call(data);
    }
  });
}

void unhandled(void* carried, const char* worker, size_t worker_length, const char* text) noexcept {
  handleWorkerException(std::string(worker, worker_length), text, takeException(carried));
}

const mcpev_exception_ops kExceptionOps = {describe, drop, guardedCall, unhandled};

// Whose numbers the core's system errors are: errno's, or those of GetLastError().
const std::error_category& systemErrors() {
#ifdef _WIN32
  return std::system_category();
#else
  return std::generic_category();
#endif
}

// Programs in C that give the library callbacks written in C++ never make a C++ dispatcher.
const bool kInstalledAtLoad = (installOps(), true);

}  // namespace

void throwStatus(mcp_event_status status) {
  const std::string text = mcp_event_last_error();
  switch (status) {
    case MCP_EVENT_NULL_ARGUMENT:
    case MCP_EVENT_INVALID_ARGUMENT:
      throw std::invalid_argument(text);
    case MCP_EVENT_INVALID_STATE:
    case MCP_EVENT_FORKED:
      throw std::logic_error(text);
    case MCP_EVENT_OUT_OF_RANGE:
      throw std::out_of_range(text);
    case MCP_EVENT_OS_ERROR:
      throw std::system_error(mcp_event_last_os_error(), systemErrors(), text);
    default:
      throw std::runtime_error(text);
  }
}

std::exception_ptr takeException(void* carried) noexcept {
  const std::unique_ptr<std::exception_ptr> owned(static_cast<std::exception_ptr*>(carried));
  return std::move(*owned);
}

std::string describeException(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return currentExceptionType() + ": " + e.what();
  } catch (...) {
    return currentExceptionType();
  }
}

void installOps() {
  static const bool installed = [] {
    mcpev_install_exception_ops(&kExceptionOps);
    mcpev_install_handle_ops(&StoredClosure<std::function<void()>>::kOps,
                             &StoredClosure<mcp::event::FileReadyCb>::kOps);
    return true;
  }();
  static_cast<void>(installed);
}

}  // namespace mcp_event_impl
