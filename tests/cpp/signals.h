// The signal that tests send to their own process.
#ifndef MCP_EVENT_TESTS_CPP_SIGNALS_H
#define MCP_EVENT_TESTS_CPP_SIGNALS_H

#include <gtest/gtest.h>
#ifdef _WIN32
#include <winsock2.h>
#endif

#include <csignal>

namespace mcp_event_test {

#ifdef _WIN32
constexpr int kSignal = SIGINT;

// Presses Ctrl-C in a console that no other process has. It arrives a moment later, on a thread of its own.
inline void sendSignal() {
  static const bool has_console = FreeConsole() != 0 && AllocConsole() != 0;
  EXPECT_TRUE(has_console);
  EXPECT_NE(0, GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
}
#else
constexpr int kSignal = SIGUSR1;

inline void sendSignal() { EXPECT_EQ(0, std::raise(kSignal)); }
#endif

}  // namespace mcp_event_test

#endif  // MCP_EVENT_TESTS_CPP_SIGNALS_H
