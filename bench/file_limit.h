// Thousands of connections need more open files than a shell allows by default.
#ifndef MCP_EVENT_BENCH_FILE_LIMIT_H
#define MCP_EVENT_BENCH_FILE_LIMIT_H

#include <sys/resource.h>

namespace bench {

inline void raise_file_limit() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace bench

#endif  // MCP_EVENT_BENCH_FILE_LIMIT_H
