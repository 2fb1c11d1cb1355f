// Cuts what a descriptor delivers into lines.
#ifndef EXAMPLES_MCP_SERVER_LINE_READER_H
#define EXAMPLES_MCP_SERVER_LINE_READER_H

#include <cstddef>
#include <functional>
#include <string>

#include "mcp/event/event_loop.h"

namespace mcp_server {

// Reads from a pipe, a socket, a terminal or a regular file; the descriptor should not block. One piece is
// read in an iteration, so that a client who sends without end does not keep the loop from the others.
class LineReader {
 public:
  // A line without its newline.
  using LineCb = std::function<void(const std::string& line)>;
  // Called once, when nothing more will come. `reason` is empty at a plain end of file.
  using EndCb = std::function<void(const std::string& reason)>;

  LineReader(mcp::event::Dispatcher& dispatcher, int fd, LineCb on_line, EndCb on_end);

  // Between the two nothing is read, so that a sender who gets no answers has to wait in its turn. Lines that
  // are read already may still come.
  void pause();
  void resume();

  // No callback begins after this.
  void stop();

 private:
  void readSome();
  void deliver(const char* data, size_t size);
  void end(const std::string& reason);

  const int fd_;
  const LineCb on_line_;
  const EndCb on_end_;
  std::string partial_;
  bool paused_ = false;
  bool stopped_ = false;
  // Reads the next piece. It runs until the descriptor is empty; `readable_` then starts it again.
  const mcp::event::SchedulableCallbackPtr more_;
  // Null for what cannot be polled because it never makes its reader wait, such as a regular file.
  mcp::event::FileEventPtr readable_;
};

}  // namespace mcp_server

#endif  // EXAMPLES_MCP_SERVER_LINE_READER_H
