// Writes to a descriptor without ever waiting for its reader.
#ifndef EXAMPLES_MCP_SERVER_WRITER_H
#define EXAMPLES_MCP_SERVER_WRITER_H

#include <cstddef>
#include <functional>
#include <string>

#include "mcp/event/event_loop.h"

namespace mcp_server {

class Writer {
 public:
  // Called when everything was written.
  using DrainedCb = std::function<void()>;
  // Called once, when nobody can read what we write any more.
  using BrokenCb = std::function<void(const std::string& reason)>;

  Writer(mcp::event::Dispatcher& dispatcher, int fd, DrainedCb on_drained, BrokenCb on_broken);

  // What is written in one iteration leaves together at its end. No callback comes from inside this call.
  void write(const std::string& text);

  // Bytes that the descriptor did not take yet.
  size_t pending() const { return buffer_.size() - written_; }

 private:
  void flush();

  mcp::event::Dispatcher& dispatcher_;
  const int fd_;
  const DrainedCb on_drained_;
  const BrokenCb on_broken_;
  std::string buffer_;
  size_t written_ = 0;
  bool broken_ = false;
  const mcp::event::SchedulableCallbackPtr flush_soon_;
  // Made when the descriptor first refuses to take more: most never do, and a regular file cannot be polled.
  mcp::event::FileEventPtr writable_;
};

}  // namespace mcp_server

#endif  // EXAMPLES_MCP_SERVER_WRITER_H
