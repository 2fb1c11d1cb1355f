#include "server_manager/status_view.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <ostream>

namespace server_manager {
namespace {

using mcp::event::ServerInfo;
using mcp::event::ServerStatus;
using std::chrono::duration_cast;

const char* colour(ServerStatus status) {
  switch (status) {
    case ServerStatus::Running:
      return "\x1b[32m";
    case ServerStatus::Starting:
    case ServerStatus::Stopping:
    case ServerStatus::Backoff:
      return "\x1b[33m";
    case ServerStatus::Unhealthy:
    case ServerStatus::Failed:
      return "\x1b[31m";
    case ServerStatus::Stopped:
      break;
  }
  return "\x1b[2m";
}

std::string ageOf(const ServerInfo& server) {
  const auto seconds = duration_cast<std::chrono::seconds>(server.status_age).count();
  if (seconds < 60) {
    return std::to_string(seconds) + " s";
  }
  return seconds < 3600 ? std::to_string(seconds / 60) + " min" : std::to_string(seconds / 3600) + " h";
}

std::string pingOf(const ServerInfo& server) {
  return server.last_ping.count() < 0 ? "-" : std::to_string(server.last_ping.count()) + " us";
}

std::string pidOf(const ServerInfo& server) { return server.pid == 0 ? "-" : std::to_string(server.pid); }

}  // namespace

void StatusView::erase() {
  if (lines_ > 0) {
    out_ << "\x1b[" << lines_ << "F\x1b[J";
    lines_ = 0;
  }
}

void StatusView::say(const std::string& line) {
  erase();
  out_ << line << std::endl;
}

void StatusView::change(const ServerInfo& server) {
  if (!is_terminal_) {
    out_ << server.name << ": " << mcp::event::serverStatusName(server.status) << " (" << server.reason << ")"
         << std::endl;
  }
}

void StatusView::draw(const std::vector<ServerInfo>& servers) {
  if (!is_terminal_) {
    return;
  }
  erase();
  size_t width = 6;
  for (const ServerInfo& server : servers) {
    width = std::max(width, server.name.size());
  }
  const int name_width = static_cast<int>(width);
  out_ << std::left << std::setw(name_width) << "SERVER"
       << "  " << std::setw(9) << "STATUS" << std::right << std::setw(8) << "FOR" << std::setw(9) << "PID"
       << std::setw(10) << "RESTARTS" << std::setw(7) << "TOOLS" << std::setw(10) << "PING"
       << "  REASON\n";
  for (const ServerInfo& server : servers) {
    out_ << std::left << std::setw(name_width) << server.name << "  " << colour(server.status) << std::setw(9)
         << mcp::event::serverStatusName(server.status) << "\x1b[0m" << std::right << std::setw(8)
         << ageOf(server) << std::setw(9) << pidOf(server) << std::setw(10) << server.restarts << std::setw(7)
         << server.tools.size() << std::setw(10) << pingOf(server) << "  " << server.reason.substr(0, 60)
         << '\n';
  }
  out_ << std::flush;
  lines_ = servers.size() + 1;
}

}  // namespace server_manager
