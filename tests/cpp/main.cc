// Runs the tests. Where MCP_EVENT_BACKEND names a backend that is known and cannot be used in this build or
// on this system, says why and runs none: ctest counts that as skipped.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "mcp/event/backends.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  testing::InitGoogleTest(&argc, argv);
  const char* const named = std::getenv("MCP_EVENT_BACKEND");
  for (const mcp::event::Backend& backend : mcp::event::backends()) {
    if (named != nullptr && backend.name == named && !backend.works) {
      std::cerr << backend.reason << '\n';
      return kSkipped;
    }
  }
  return RUN_ALL_TESTS();
}
