// The memory that one of each thing takes.
#ifndef MCP_EVENT_BENCH_MEMORY_OF_ONE_H
#define MCP_EVENT_BENCH_MEMORY_OF_ONE_H

#include "harness.h"

namespace bench {

Experiment memory_of_one(const Program& program);

}  // namespace bench

#endif  // MCP_EVENT_BENCH_MEMORY_OF_ONE_H
