// How servers are shown: a table that is kept up to date on a terminal, elsewhere a line for each change.
#ifndef EXAMPLES_SERVER_MANAGER_STATUS_VIEW_H
#define EXAMPLES_SERVER_MANAGER_STATUS_VIEW_H

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "mcp/event/server_info.h"

namespace server_manager {

class StatusView {
 public:
  // `is_terminal` says what `out` is.
  StatusView(std::ostream& out, bool is_terminal) : out_(out), is_terminal_(is_terminal) {}
  StatusView(const StatusView&) = delete;
  StatusView& operator=(const StatusView&) = delete;

  bool isTerminal() const { return is_terminal_; }

  // A line that stays, above the table.
  void say(const std::string& line);

  // A server has changed.
  void change(const mcp::event::ServerInfo& server);

  // Draws the table of these servers in place of the one before. Nothing elsewhere.
  void draw(const std::vector<mcp::event::ServerInfo>& servers);

 private:
  void erase();

  std::ostream& out_;
  const bool is_terminal_;
  // Of the table that stands there now.
  size_t lines_ = 0;
};

}  // namespace server_manager

#endif  // EXAMPLES_SERVER_MANAGER_STATUS_VIEW_H
