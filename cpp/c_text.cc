#include "cpp/c_text.h"

#include <stdexcept>

namespace mcp_event_impl {

const char* toCText(const std::string& text) {
  if (text.find('\0') != std::string::npos) {
    throw std::invalid_argument("a zero character in \"" + std::string(text.c_str()) + "\\0...\"");
  }
  return text.c_str();
}

}  // namespace mcp_event_impl
