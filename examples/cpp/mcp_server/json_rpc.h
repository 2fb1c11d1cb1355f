// JSON-RPC 2.0 messages: what comes is checked here, what goes is put together here.
#ifndef EXAMPLES_MCP_SERVER_JSON_RPC_H
#define EXAMPLES_MCP_SERVER_JSON_RPC_H

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace mcp_server {

using Json = nlohmann::json;

enum ErrorCode : int {
  kParseError = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kInvalidParams = -32602,
  kInternalError = -32603,
  kUnsupportedProtocolVersion = -32022,  // MCP's own
};

// What the caller is told when its request cannot be served.
class RpcError : public std::runtime_error {
 public:
  RpcError(ErrorCode error_code, const std::string& message, Json error_data = nullptr)
      : std::runtime_error(message), code(error_code), data(std::move(error_data)) {}

  const ErrorCode code;
  const Json data;
};

// A request or, when nobody waits for an answer, a notification.
struct Request {
  Json id;  // null for a notification
  std::string method;
  const Json& params;  // an object, if need be an empty one; lives in the message

  bool isNotification() const { return id.is_null(); }
};

// Reads the text of one message or of a batch. Throws RpcError: not JSON, or nested beyond reason.
Json parse(const std::string& text);

// Answers to requests of ours look like this. We make none, so nobody waits for them.
bool isResponse(const Json& message);

// Throws RpcError for what is no request.
Request readRequest(const Json& message);

// The id to answer `message` with, whatever else is wrong with it; null when it has none that could be used.
Json idOf(const Json& message);

Json makeResult(const Json& id, Json result);
Json makeError(const Json& id, const RpcError& error);
Json makeNotification(const std::string& method, Json params);

// One line of text, with its newline.
std::string encode(const Json& message);

}  // namespace mcp_server

#endif  // EXAMPLES_MCP_SERVER_JSON_RPC_H
