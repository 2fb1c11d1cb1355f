// How much memory this process uses, and how much there is.
#ifndef MCP_EVENT_BENCH_MEMORY_USE_H
#define MCP_EVENT_BENCH_MEMORY_USE_H

#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <string>

namespace bench {

// What is allocated, with what the allocator needs for it.
inline std::size_t heap_bytes() {
  const auto heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

// What the system has given pages for.
inline std::size_t resident_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// What the system could still give without swapping; 0 if it does not tell.
inline std::size_t available_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("MemAvailable:", 0) == 0) {
      return std::stoull(line.substr(line.find(':') + 1)) * 1024;
    }
  }
  return 0;
}

}  // namespace bench

#endif  // MCP_EVENT_BENCH_MEMORY_USE_H
