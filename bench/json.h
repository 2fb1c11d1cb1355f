// Just enough of JSON to write figures down.
#ifndef MCP_EVENT_BENCH_JSON_H
#define MCP_EVENT_BENCH_JSON_H

#include <string>
#include <utility>
#include <vector>

namespace bench::json {

// No name of ours holds a quote or a backslash, so none is escaped.
std::string text(const std::string& plain);

// What is no finite number is null.
std::string number(double value);

std::string boolean(bool value);

// Of values that are JSON already, as are an object's.
std::string list(const std::vector<std::string>& values, const char* separator = ", ");

std::string object(const std::vector<std::pair<std::string, std::string>>& members);

}  // namespace bench::json

#endif  // MCP_EVENT_BENCH_JSON_H
