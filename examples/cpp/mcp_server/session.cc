#include "mcp_server/session.h"

#include <algorithm>
#include <utility>

namespace mcp_server {
namespace {

// Oldest first; being dates, they compare as strings.
const std::vector<std::string> kRevisions = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25",
                                             "2026-07-28"};
const std::string kNewestWithInitialize = "2025-11-25";
const std::string kFirstWithoutInitialize = "2026-07-28";
// Since then a tool's caller, often a language model, is told of wrong arguments by a result that it gets to
// see.
const std::string kFirstWithArgumentResults = "2025-11-25";

// Where a request of the newest revision names it.
const char* const kRevisionKey = "io.modelcontextprotocol/protocolVersion";
const char* const kServerInfoKey = "io.modelcontextprotocol/serverInfo";

const Json kServerInfo = {{"name", "mcp-event-example"}, {"title", "McpEvent example"}, {"version", "1.0.0"}};
const Json kCapabilities = {{"tools", Json::object()}};
// The list of tools never changes, and is the same for everybody.
constexpr int kListLifetimeMs = 60 * 60 * 1000;

bool isKnown(const std::string& revision) {
  return std::find(kRevisions.begin(), kRevisions.end(), revision) != kRevisions.end();
}

const std::string& stringParam(const Json& params, const char* name) {
  const auto value = params.find(name);
  if (value == params.end() || !value->is_string()) {
    throw RpcError(kInvalidParams, std::string("Invalid params: \"") + name + "\" must be a string");
  }
  return value->get_ref<const std::string&>();
}

// The value at `params._meta[key]`, or null.
Json metaParam(const Json& params, const char* key) {
  const auto meta = params.find("_meta");
  return meta != params.end() && meta->is_object() ? meta->value(key, Json()) : Json();
}

// The newest revision has every result say that it is complete.
Json inRevision(const std::string& revision, Json result) {
  if (revision >= kFirstWithoutInitialize) {
    result["resultType"] = "complete";
  }
  return result;
}

}  // namespace

Session::Session(mcp::event::Dispatcher& dispatcher, Outlet& outlet)
    : dispatcher_(dispatcher),
      outlet_(outlet),
      remove_ended_(dispatcher.createSchedulableCallback([this] { removeEnded(); })) {}

void Session::receive(const std::string& text) {
  if (text.find_first_not_of(" \t\r") == std::string::npos) {
    return;
  }
  const Answer send = [this](const Json& response) { outlet_.send(response); };
  try {
    const Json message = parse(text);
    if (!message.is_array()) {
      return handle(message, send);
    }
    if (message.empty()) {
      throw RpcError(kInvalidRequest, "Invalid request: an empty batch");
    }
    // The answers to a batch leave together, when the last of its calls has let go of them.
    const std::shared_ptr<Json> responses(new Json(Json::array()), [send](Json* all) {
      if (!all->empty()) {
        send(*all);
      }
      delete all;
    });
    for (const Json& part : message) {
      handle(part, [responses](const Json& response) { responses->push_back(response); });
    }
  } catch (const RpcError& error) {
    send(makeError(nullptr, error));
  }
}

void Session::handle(const Json& message, const Answer& answer) {
  if (isResponse(message)) {
    return;
  }
  try {
    const Request request = readRequest(message);
    if (request.isNotification()) {
      return notified(request);
    }
    requested(request, answer);
  } catch (const RpcError& error) {
    answer(makeError(idOf(message), error));
  } catch (const std::exception& error) {
    answer(
        makeError(idOf(message), RpcError(kInternalError, std::string("Internal error: ") + error.what())));
  }
}

void Session::notified(const Request& notification) {
  // The others, notifications/initialized among them, change nothing for us.
  if (notification.method != "notifications/cancelled") {
    return;
  }
  const auto call = calls_.find(notification.params.value("requestId", Json()));
  // A cancellation may cross the answer on its way.
  if (call != calls_.end()) {
    end(call->first, call->second);
  }
}

void Session::requested(const Request& request, const Answer& answer) {
  const std::string revision = revisionOf(request);
  const std::string& method = request.method;
  Json result;
  if (method == "initialize") {
    result = initialize(request.params);
  } else if (method == "server/discover") {
    result = discover();
  } else if (method == "ping") {
    result = Json::object();
  } else if (method == "tools/list" || method == "tools/call") {
    if (revision.empty()) {
      throw RpcError(kInvalidRequest, "Invalid request: initialize first");
    }
    if (method == "tools/call") {
      return callTool(request, revision, answer);
    }
    result = listTools(request.params, revision);
  } else {
    throw RpcError(kMethodNotFound, "Method not found: " + method);
  }
  answer(makeResult(request.id, std::move(result)));
}

std::string Session::revisionOf(const Request& request) const {
  const Json named = metaParam(request.params, kRevisionKey);
  if (named.is_null()) {
    return revision_;
  }
  if (named.is_string() && isKnown(named)) {
    return named;
  }
  throw RpcError(kUnsupportedProtocolVersion, "Unsupported protocol version",
                 {{"requested", named}, {"supported", kRevisions}});
}

Json Session::initialize(const Json& params) {
  const std::string& wanted = stringParam(params, "protocolVersion");
  if (!revision_.empty()) {
    throw RpcError(kInvalidRequest, "Invalid request: already initialized");
  }
  // A client that wants what we cannot do this way is offered our best, and leaves if that does not suit it.
  revision_ = isKnown(wanted) && wanted <= kNewestWithInitialize ? wanted : kNewestWithInitialize;
  return {{"protocolVersion", revision_}, {"capabilities", kCapabilities}, {"serverInfo", kServerInfo}};
}

Json Session::discover() const {
  return {{"resultType", "complete"},      {"supportedVersions", kRevisions},
          {"capabilities", kCapabilities}, {"ttlMs", kListLifetimeMs},
          {"cacheScope", "public"},        {"_meta", {{kServerInfoKey, kServerInfo}}}};
}

Json Session::listTools(const Json& params, const std::string& revision) const {
  // All tools fit on one page, so we never gave out a cursor.
  if (params.contains("cursor")) {
    throw RpcError(kInvalidParams, "Invalid params: unknown cursor");
  }
  Json result = {{"tools", toolList()}};
  if (revision >= kFirstWithoutInitialize) {
    result["ttlMs"] = kListLifetimeMs;
    result["cacheScope"] = "public";
  }
  return inRevision(revision, std::move(result));
}

void Session::callTool(const Request& request, const std::string& revision, const Answer& answer) {
  const Json& id = request.id;
  if (calls_.count(id) != 0) {
    throw RpcError(kInvalidRequest, "Invalid request: \"id\" is in use");
  }
  const std::string& name = stringParam(request.params, "name");
  const Json arguments = request.params.value("arguments", Json::object());
  if (!arguments.is_object()) {
    throw RpcError(kInvalidParams, "Invalid params: \"arguments\" must be an object");
  }
  StartedTool started;
  try {
    started = startTool(dispatcher_, name, arguments, callerOf(request));
  } catch (const ArgumentError& error) {
    if (revision < kFirstWithArgumentResults) {
      throw RpcError(kInvalidParams, std::string("Invalid params: ") + error.what());
    }
    started.result = textResult(error.what(), true);
  }
  if (started.running) {
    calls_[id] = Call{std::move(started.running), answer, revision, false};
  } else {
    answer(makeResult(id, inRevision(revision, std::move(started.result))));
  }
}

Caller Session::callerOf(const Request& request) {
  const Json id = request.id;
  const Json token = metaParam(request.params, "progressToken");
  Caller caller;
  caller.progress = [this, id, token](int done, int total, const std::string& message) {
    // Progress is a courtesy: a client that did not ask for it or does not keep up gets none.
    if (token.is_null() || calls_.at(id).over || outlet_.congested()) {
      return;
    }
    outlet_.send(makeNotification(
        "notifications/progress",
        {{"progressToken", token}, {"progress", done}, {"total", total}, {"message", message}}));
  };
  caller.finish = [this, id](Json result) {
    Call& call = calls_.at(id);
    if (call.over) {
      return;
    }
    call.answer(makeResult(id, inRevision(call.revision, std::move(result))));
    end(id, call);
  };
  return caller;
}

void Session::cancelAll() {
  for (auto& entry : calls_) {
    end(entry.first, entry.second);
  }
}

void Session::end(const Json& id, Call& call) {
  if (call.over) {
    return;
  }
  call.over = true;
  call.answer = nullptr;
  ended_.push_back(id);
  remove_ended_->scheduleCallbackCurrentIteration();
}

void Session::removeEnded() {
  for (const Json& id : ended_) {
    calls_.erase(id);
  }
  ended_.clear();
}

}  // namespace mcp_server
