#include "mcp_server/json_rpc.h"

#include <utility>

namespace mcp_server {
namespace {

// Much deeper than any message of MCP, and far from what the recursion over a message could not bear.
constexpr int kDeepest = 64;

const Json kNoParams = Json::object();

bool isId(const Json& value) { return value.is_string() || value.is_number(); }

}  // namespace

Json parse(const std::string& text) {
  const auto check_depth = [](int depth, Json::parse_event_t, Json&) {
    if (depth > kDeepest) {
      throw RpcError(kParseError, "Parse error: nested too deeply");
    }
    return true;
  };
  try {
    return Json::parse(text, check_depth);
  } catch (const Json::exception&) {
    throw RpcError(kParseError, "Parse error: not a JSON text in UTF-8");
  }
}

bool isResponse(const Json& message) {
  return message.is_object() && !message.contains("method") &&
         (message.contains("result") || message.contains("error"));
}

Request readRequest(const Json& message) {
  if (!message.is_object()) {
    throw RpcError(kInvalidRequest, "Invalid request: not an object");
  }
  const auto version = message.find("jsonrpc");
  if (version == message.end() || *version != "2.0") {
    throw RpcError(kInvalidRequest, "Invalid request: \"jsonrpc\" must be \"2.0\"");
  }
  const auto method = message.find("method");
  if (method == message.end() || !method->is_string()) {
    throw RpcError(kInvalidRequest, "Invalid request: \"method\" must be a string");
  }
  if (message.contains("id") && !isId(message["id"])) {
    throw RpcError(kInvalidRequest, "Invalid request: \"id\" must be a string or a number");
  }
  const Json id = idOf(message);
  const auto params = message.find("params");
  const bool usable = params != message.end() && params->is_object();
  // The sender of a notification would not know what an error is about.
  if (!usable && params != message.end() && !id.is_null()) {
    throw RpcError(kInvalidParams, "Invalid params: \"params\" must be an object");
  }
  return Request{id, method->get<std::string>(), usable ? *params : kNoParams};
}

Json idOf(const Json& message) {
  if (!message.is_object()) {
    return nullptr;
  }
  const auto id = message.find("id");
  return id != message.end() && isId(*id) ? *id : Json();
}

Json makeResult(const Json& id, Json result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

Json makeError(const Json& id, const RpcError& error) {
  Json body = {{"code", error.code}, {"message", error.what()}};
  if (!error.data.is_null()) {
    body["data"] = error.data;
  }
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", std::move(body)}};
}

Json makeNotification(const std::string& method, Json params) {
  return {{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}};
}

std::string encode(const Json& message) { return message.dump() + '\n'; }

}  // namespace mcp_server
