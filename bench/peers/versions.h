// Which versions of the C and C++ peers the programs were built with.
#ifndef MCP_EVENT_BENCH_VERSIONS_H
#define MCP_EVENT_BENCH_VERSIONS_H

#include <map>
#include <string>

namespace bench {

// Of the compiler too.
std::map<std::string, std::string> peer_versions();

}  // namespace bench

#endif  // MCP_EVENT_BENCH_VERSIONS_H
