#include "mcp_server/writer.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace mcp_server {

using mcp::event::FileReadyType;
using mcp::event::FileTriggerType;

Writer::Writer(mcp::event::Dispatcher& dispatcher, int fd, DrainedCb on_drained, BrokenCb on_broken)
    : dispatcher_(dispatcher),
      fd_(fd),
      on_drained_(std::move(on_drained)),
      on_broken_(std::move(on_broken)),
      flush_soon_(dispatcher.createSchedulableCallback([this] { flush(); })) {}

void Writer::write(const std::string& text) {
  if (broken_) {
    return;
  }
  buffer_ += text;
  flush_soon_->scheduleCallbackCurrentIteration();
}

void Writer::flush() {
  // Room for more than we have is no news to anybody.
  if (pending() == 0) {
    return;
  }
  while (pending() > 0) {
    const ssize_t size = ::write(fd_, buffer_.data() + written_, pending());
    if (size >= 0) {
      written_ += static_cast<size_t>(size);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      // Its edge calls us when there is room again; room that came in between counts as one.
      if (!writable_) {
        writable_ = dispatcher_.createFileEvent(
            fd_, [this](uint32_t) { flush(); }, FileTriggerType::Edge,
            static_cast<uint32_t>(FileReadyType::Write));
      }
      return;
    } else if (errno != EINTR) {
      broken_ = true;
      buffer_.clear();
      written_ = 0;
      on_broken_(std::strerror(errno));
      return;
    }
  }
  buffer_.clear();
  written_ = 0;
  on_drained_();
}

}  // namespace mcp_server
