#include "json.h"

#include <cmath>
#include <cstdio>

namespace bench::json {

std::string text(const std::string& plain) { return '"' + plain + '"'; }

std::string number(double value) {
  if (!std::isfinite(value)) {
    return "null";
  }
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", value);
  return digits;
}

std::string boolean(bool value) { return value ? "true" : "false"; }

std::string list(const std::vector<std::string>& values, const char* separator) {
  std::string all;
  for (const auto& value : values) {
    all += (all.empty() ? "" : separator) + value;
  }
  return '[' + all + ']';
}

std::string object(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string all;
  for (const auto& member : members) {
    all += (all.empty() ? "" : ", ") + text(member.first) + ": " + member.second;
  }
  return '{' + all + '}';
}

}  // namespace bench::json
