// The signal that tests send to their own process.
#ifndef MCP_EVENT_TESTS_CPP_SIGNALS_H
#define MCP_EVENT_TESTS_CPP_SIGNALS_H

#include <gtest/gtest.h>

#include <csignal>

namespace mcp_event_test {

#ifdef _WIN32
constexpr int kSignal = SIGINT;
#else
constexpr int kSignal = SIGUSR1;
#endif

inline void sendSignal() { EXPECT_EQ(0, std::raise(kSignal)); }

}  // namespace mcp_event_test

#endif  // MCP_EVENT_TESTS_CPP_SIGNALS_H
