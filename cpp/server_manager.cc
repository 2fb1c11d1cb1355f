#include "mcp/event/server_manager.h"

#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "cpp/server_conversion.h"

namespace mcp {
namespace event {

using mcp_event_impl::check;
using mcp_event_impl::checkServer;
using mcp_event_impl::DispatcherAccess;
using mcp_event_impl::Owned;
using mcp_event_impl::OwnedCallback;
using mcp_event_impl::requireCallback;
using mcp_event_impl::ServerConfigAccess;
using mcp_event_impl::toCText;
using mcp_event_impl::toCTextOrNull;

namespace {

mcp_event_dispatcher* orNull(const Dispatcher* dispatcher, const char* function) {
  return dispatcher == nullptr ? nullptr : DispatcherAccess::require(*dispatcher, function);
}

using OnProgress = OwnedCallback<CallProgress>;
using OnAnswer = OwnedCallback<CallResult>;
using OnChange = OwnedCallback<ServerInfo>;

// The options of a request, and its callback for news until the request owns that.
class Request {
 public:
  Request(const CallOptions& options, const char* function) : on_progress_(options.on_progress) {
    options_.size = sizeof options_;
    options_.timeout_us = options.timeout.count();
    options_.when_down =
        options.when_down == WhenDown::Wait ? MCP_EVENT_WAIT_WHEN_DOWN : MCP_EVENT_FAIL_WHEN_DOWN;
    options_.dispatcher = orNull(options.dispatcher, function);
    if (options.on_progress) {
      options_.on_progress = on_progress_.closure<mcp_event_progress_closure, mcp_event_server_progress,
                                                  mcp_event_impl::toCallProgress>();
    }
  }

  const mcp_event_call_options* options() const { return &options_; }

  // It was made.
  void release() {
    if (options_.on_progress.call != nullptr) {
      on_progress_.release();
    }
  }

 private:
  OnProgress on_progress_;
  mcp_event_call_options options_ = {};
};

Owned<mcp_event_server_list> listOf(const mcp_event_server_manager* manager) {
  mcp_event_server_list* list = nullptr;
  checkServer(mcp_event_server_manager_list(manager, &list));
  return {list, mcp_event_server_list_destroy};
}

mcp_event_server_info emptyInfo() {
  mcp_event_server_info info = {};
  info.size = sizeof info;
  return info;
}

}  // namespace

ServerManager::ServerManager(const ServerConfig& config, const ServerManagerOptions& options) {
  mcp_event_server_manager_options c_options = {};
  c_options.size = sizeof c_options;
  c_options.workers = options.workers;
  c_options.dispatcher = orNull(options.dispatcher, "ServerManager");
  c_options.state_path = toCTextOrNull(options.state_path);
  check(mcp_event_server_manager_create(ServerConfigAccess::handle(config), &c_options, &manager_));
}

ServerManager::~ServerManager() {
  if (manager_ != nullptr) {
    mcp_event_server_manager_destroy(manager_);
  }
}

void ServerManager::onChange(std::function<void(const ServerInfo&)> callback) {
  requireCallback(callback, "ServerManager::onChange");
  OnChange owned(std::move(callback));
  checkServer(mcp_event_server_manager_on_change(
      manager_,
      owned.closure<mcp_event_server_info_closure, mcp_event_server_info, mcp_event_impl::toServerInfo>()));
  owned.release();
}

void ServerManager::start() { checkServer(mcp_event_server_manager_start(manager_)); }

void ServerManager::stop() { checkServer(mcp_event_server_manager_stop(manager_)); }

void ServerManager::beginStop() { checkServer(mcp_event_server_manager_begin_stop(manager_)); }

std::vector<ServerInfo> ServerManager::list() const {
  const Owned<mcp_event_server_list> list = listOf(manager_);
  size_t size = 0;
  check(mcp_event_server_list_size(list.get(), &size));
  std::vector<ServerInfo> servers;
  for (size_t i = 0; i < size; ++i) {
    mcp_event_server_info info = emptyInfo();
    check(mcp_event_server_list_get(list.get(), i, &info));
    servers.push_back(mcp_event_impl::toServerInfo(info));
  }
  return servers;
}

ServerInfo ServerManager::info(const std::string& server) const {
  const Owned<mcp_event_server_list> list = listOf(manager_);
  mcp_event_server_info info = emptyInfo();
  checkServer(mcp_event_server_list_find(list.get(), toCText(server), &info));
  return mcp_event_impl::toServerInfo(info);
}

void ServerManager::startServer(const std::string& server) {
  checkServer(mcp_event_server_manager_start_server(manager_, toCText(server)));
}

void ServerManager::stopServer(const std::string& server) {
  checkServer(mcp_event_server_manager_stop_server(manager_, toCText(server)));
}

void ServerManager::restartServer(const std::string& server) {
  checkServer(mcp_event_server_manager_restart_server(manager_, toCText(server)));
}

CallId ServerManager::call(const std::string& server, const std::string& method, const std::string& params,
                           const CallOptions& options, CallCallback callback) {
  requireCallback(callback, "ServerManager::call");
  Request request(options, "ServerManager::call");
  OnAnswer owned(std::move(callback));
  const auto closure =
      owned.closure<mcp_event_answer_closure, mcp_event_server_answer, mcp_event_impl::toCallResult>();
  CallId id = 0;
  checkServer(mcp_event_server_manager_call(manager_, toCText(server), toCText(method), toCTextOrNull(params),
                                            request.options(), closure, &id));
  request.release();
  owned.release();
  return id;
}

std::string ServerManager::callAndWait(const std::string& server, const std::string& method,
                                       const std::string& params, const CallOptions& options) {
  Request request(options, "ServerManager::callAndWait");
  mcp_event_server_answer* answer = nullptr;
  checkServer(mcp_event_server_manager_call_wait(manager_, toCText(server), toCText(method),
                                                 toCTextOrNull(params), request.options(), &answer));
  request.release();
  const Owned<mcp_event_server_answer> owned(answer, mcp_event_server_answer_destroy);
  return mcp_event_impl::toCallResult(*answer).get();
}

void ServerManager::cancel(const std::string& server, CallId call) {
  checkServer(mcp_event_server_manager_cancel(manager_, toCText(server), call));
}

void ServerManager::notify(const std::string& server, const std::string& method, const std::string& params) {
  checkServer(
      mcp_event_server_manager_notify(manager_, toCText(server), toCText(method), toCTextOrNull(params)));
}

std::vector<ServerLogLine> ServerManager::logSince(const std::string& server, uint64_t number) const {
  mcp_event_server_log* log = nullptr;
  checkServer(mcp_event_server_manager_log_since(manager_, toCText(server), number, &log));
  const Owned<mcp_event_server_log> owned(log, mcp_event_server_log_destroy);
  size_t size = 0;
  check(mcp_event_server_log_size(log, &size));
  std::vector<ServerLogLine> lines;
  for (size_t i = 0; i < size; ++i) {
    uint64_t line_number = 0;
    const char* text = nullptr;
    check(mcp_event_server_log_get(log, i, &line_number, &text));
    lines.push_back({line_number, text});
  }
  return lines;
}

ServerChange ServerManager::reload(const ServerConfig& config) {
  mcp_event_server_change* change = nullptr;
  checkServer(mcp_event_server_manager_reload(manager_, ServerConfigAccess::handle(config), &change));
  const Owned<mcp_event_server_change> owned(change, mcp_event_server_change_destroy);
  ServerChange converted;
  // In the order of mcp_event_server_change_kind.
  std::vector<std::string>* const lists[] = {&converted.added, &converted.removed, &converted.changed,
                                             &converted.relabelled, &converted.unchanged};
  size_t size = 0;
  check(mcp_event_server_change_size(change, &size));
  for (size_t i = 0; i < size; ++i) {
    mcp_event_server_change_kind kind = MCP_EVENT_SERVER_UNCHANGED;
    const char* name = nullptr;
    check(mcp_event_server_change_get(change, i, &kind, &name));
    lists[kind]->push_back(name);
  }
  return converted;
}

std::string ServerManager::prometheus() const {
  mcp_event_text* text = nullptr;
  checkServer(mcp_event_server_manager_prometheus(manager_, &text));
  const Owned<mcp_event_text> owned(text, mcp_event_text_destroy);
  const char* data = nullptr;
  check(mcp_event_text_data(text, &data));
  return data;
}

}  // namespace event
}  // namespace mcp
