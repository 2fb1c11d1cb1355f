// When timers fire, against the moment they were due.
#ifndef MCP_EVENT_BENCH_TIMER_LATENESS_H
#define MCP_EVENT_BENCH_TIMER_LATENESS_H

#include "harness.h"

namespace bench {

Experiment timer_lateness(const Program& program);

}  // namespace bench

#endif  // MCP_EVENT_BENCH_TIMER_LATENESS_H
