#include "mcp_server/tools.h"

#include <chrono>
#include <cmath>

namespace mcp_server {
namespace {

const Json kTools = Json::parse(R"([
  {
    "name": "add",
    "title": "Add",
    "description": "Adds two numbers.",
    "inputSchema": {
      "type": "object",
      "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
      "required": ["a", "b"]
    },
    "outputSchema": {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]}
  },
  {
    "name": "echo",
    "title": "Echo",
    "description": "Gives a text back.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
  },
  {
    "name": "countdown",
    "title": "Countdown",
    "description": "Counts down to zero, telling its progress at every step.",
    "inputSchema": {
      "type": "object",
      "properties": {
        "from": {"type": "integer", "minimum": 1, "maximum": 1000},
        "interval_ms": {"type": "integer", "minimum": 0, "maximum": 60000, "default": 100}
      },
      "required": ["from"]
    }
  }
])");

double numberArgument(const Json& arguments, const char* name) {
  const auto value = arguments.find(name);
  if (value == arguments.end() || !value->is_number()) {
    throw ArgumentError(std::string("\"") + name + "\" must be a number");
  }
  return value->get<double>();
}

int integerArgument(const Json& arguments, const char* name, int least, int most) {
  const double value = numberArgument(arguments, name);
  if (value != std::floor(value) || value < least || value > most) {
    throw ArgumentError(std::string("\"") + name + "\" must be a whole number from " + std::to_string(least) +
                        " to " + std::to_string(most));
  }
  return static_cast<int>(value);
}

// Whole numbers are written without a decimal point, as far as a double holds them exactly.
Json toNumber(double value) {
  constexpr double kExact = 9007199254740992.0;
  return value == std::floor(value) && std::fabs(value) < kExact ? Json(static_cast<int64_t>(value))
                                                                 : Json(value);
}

Json add(const Json& arguments) {
  const Json sum = toNumber(numberArgument(arguments, "a") + numberArgument(arguments, "b"));
  Json result = textResult(sum.dump());
  result["structuredContent"] = {{"sum", sum}};
  return result;
}

Json echo(const Json& arguments) {
  const auto text = arguments.find("text");
  if (text == arguments.end() || !text->is_string()) {
    throw ArgumentError("\"text\" must be a string");
  }
  return textResult(text->get<std::string>());
}

class Countdown : public RunningTool {
 public:
  Countdown(mcp::event::Dispatcher& dispatcher, const Json& arguments, const Caller& caller)
      : from_(integerArgument(arguments, "from", 1, 1000)),
        interval_(arguments.contains("interval_ms") ? integerArgument(arguments, "interval_ms", 0, 60000)
                                                    : 100),
        caller_(caller),
        timer_(dispatcher.createTimer([this] { tick(); })) {
    timer_->enableTimer(interval_);
  }

 private:
  void tick() {
    ++done_;
    const int left = from_ - done_;
    caller_.progress(done_, from_, left > 0 ? std::to_string(left) + " to go" : "zero");
    if (left > 0) {
      timer_->enableTimer(interval_);
    } else {
      caller_.finish(textResult("Counted down from " + std::to_string(from_) + "."));
    }
  }

  const int from_;
  const std::chrono::milliseconds interval_;
  const Caller caller_;
  int done_ = 0;
  const mcp::event::TimerPtr timer_;
};

}  // namespace

const Json& toolList() { return kTools; }

StartedTool startTool(mcp::event::Dispatcher& dispatcher, const std::string& name, const Json& arguments,
                      const Caller& caller) {
  if (name == "add") {
    return {nullptr, add(arguments)};
  }
  if (name == "echo") {
    return {nullptr, echo(arguments)};
  }
  if (name == "countdown") {
    return {std::make_unique<Countdown>(dispatcher, arguments, caller), nullptr};
  }
  throw RpcError(kInvalidParams, "Unknown tool: " + name);
}

Json textResult(const std::string& text, bool is_error) {
  return {{"content", Json::array({{{"type", "text"}, {"text", text}}})}, {"isError", is_error}};
}

}  // namespace mcp_server
