// Runs the MCP servers of a configuration file until it is told to end, and shows how they are.
//
//   server_manager servers.json [state.json]
//
// Ctrl-C or SIGTERM ends it, with all servers; the second one does not wait for them. SIGHUP reads the file
// again.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "mcp/event/dispatcher_extras.h"
#include "mcp/event/event_loop.h"
#include "mcp/event/server_manager.h"
#include "server_manager/status_view.h"

namespace {

using mcp::event::ServerConfig;
using mcp::event::ServerInfo;
using mcp::event::ServerManager;
using mcp::event::ServerStatus;
using server_manager::StatusView;

// How often the table is drawn: often enough for its seconds.
constexpr std::chrono::milliseconds kRefresh(500);

// The configuration in the file; what is odd about it is said.
ServerConfig readConfig(const std::string& path, StatusView& view) {
  const ServerConfig config = ServerConfig::fromFile(path);
  for (const std::string& warning : config.warnings()) {
    view.say("warning: " + warning);
  }
  return config;
}

bool haveEnded(const std::vector<ServerInfo>& servers) {
  return std::all_of(servers.begin(), servers.end(), [](const ServerInfo& server) {
    return server.status == ServerStatus::Stopped || server.status == ServerStatus::Failed;
  });
}

void join(std::string& text, const char* what, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    text += std::string(text.empty() ? "" : ", ") + what + " " + name;
  }
}

// Takes the file over as it is now; a wrong one changes nothing.
void reload(ServerManager& manager, const std::string& path, StatusView& view) {
  try {
    const mcp::event::ServerChange change = manager.reload(readConfig(path, view));
    std::string text;
    join(text, "added", change.added);
    join(text, "removed", change.removed);
    join(text, "changed", change.changed);
    join(text, "relabelled", change.relabelled);
    view.say("read " + path + " again: " + (text.empty() ? "nothing has changed" : text));
  } catch (const std::exception& error) {
    view.say("not taken over: " + std::string(error.what()));
  }
}

enum class Wish { None, Reload, End };

void supervise(const std::string& path, const std::string& state_path) {
  StatusView view(std::cout, ::isatty(STDOUT_FILENO) == 1);
  const auto dispatcher = mcp::event::createPlatformDefaultDispatcherFactory()->createDispatcher("main");
  mcp::event::ServerManagerOptions options;
  // Changes come to the loop that draws them.
  options.dispatcher = dispatcher.get();
  options.state_path = state_path;
  ServerManager manager(readConfig(path, view), options);

  Wish wish = Wish::None;
  const auto show = [&] {
    const std::vector<ServerInfo> servers = manager.list();
    view.draw(servers);
    if (wish == Wish::End && haveEnded(servers)) {
      dispatcher->exit();
    }
  };
  manager.onChange([&](const ServerInfo& server) {
    view.change(server);
    show();
  });
  const auto end = [&] {
    if (wish == Wish::End) {
      // What is left of the servers ends with this process.
      std::_Exit(EXIT_FAILURE);
    }
    wish = Wish::End;
    view.say("ending the servers; once more, and they are not waited for");
    manager.beginStop();
    show();
  };
  const auto on_interrupt = dispatcher->listenForSignal(SIGINT, end);
  const auto on_term = dispatcher->listenForSignal(SIGTERM, end);
  const auto on_hangup = dispatcher->listenForSignal(SIGHUP, [&] {
    // It waits for the manager, which a loop must not.
    wish = wish == Wish::End ? wish : Wish::Reload;
    dispatcher->exit();
  });
  mcp::event::PeriodicTimer refresh(*dispatcher, show);
  if (view.isTerminal()) {
    refresh.enable(kRefresh);
  }

  manager.start();
  view.say("pid " + std::to_string(::getpid()) + "; Ctrl-C ends the servers, SIGHUP reads the file again");
  for (;;) {
    dispatcher->run(mcp::event::RunType::RunUntilExit);
    if (wish != Wish::Reload) {
      break;
    }
    wish = Wish::None;
    reload(manager, path, view);
  }
  manager.stop();
  view.say("all servers have ended");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: server_manager servers.json [state.json]\n";
    return 2;
  }
  try {
    supervise(argv[1], argc == 3 ? argv[2] : "");
  } catch (const std::exception& error) {
    std::cerr << "server_manager: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
