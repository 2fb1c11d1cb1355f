#include "mcp_server/line_reader.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace mcp_server {

using mcp::event::FileReadyType;
using mcp::event::FileTriggerType;

namespace {
constexpr size_t kPieceSize = 64 * 1024;
constexpr size_t kLongestLine = 4 * 1024 * 1024;
}  // namespace

LineReader::LineReader(mcp::event::Dispatcher& dispatcher, int fd, LineCb on_line, EndCb on_end)
    : fd_(fd),
      on_line_(std::move(on_line)),
      on_end_(std::move(on_end)),
      more_(dispatcher.createSchedulableCallback([this] { readSome(); })) {
  try {
    readable_ = dispatcher.createFileEvent(
        fd, [this](uint32_t) { readSome(); }, FileTriggerType::Edge,
        static_cast<uint32_t>(FileReadyType::Read));
  } catch (const std::system_error& error) {
    // The kernel's word for "this one is always ready".
    if (error.code() != std::errc::operation_not_permitted) {
      throw;
    }
    more_->scheduleCallbackNextIteration();
  }
}

void LineReader::pause() {
  paused_ = true;
  more_->cancel();
}

void LineReader::resume() {
  if (!paused_ || stopped_) {
    return;
  }
  paused_ = false;
  // An edge that came meanwhile was ignored, so look for ourselves.
  more_->scheduleCallbackNextIteration();
}

void LineReader::stop() {
  stopped_ = true;
  readable_.reset();
  more_->cancel();
}

void LineReader::readSome() {
  if (paused_) {
    return;
  }
  char piece[kPieceSize];
  const ssize_t size = ::read(fd_, piece, sizeof piece);
  if (size > 0) {
    // First, so that a pause() or stop() from a line's callback can take it back.
    more_->scheduleCallbackNextIteration();
    deliver(piece, static_cast<size_t>(size));
  } else if (size == 0) {
    // A last line that nobody ended is a line all the same.
    if (!partial_.empty()) {
      on_line_(std::exchange(partial_, std::string()));
    }
    end("");
  } else if (errno == EINTR) {
    more_->scheduleCallbackNextIteration();
  } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
    end(std::strerror(errno));
  }
}

void LineReader::deliver(const char* data, size_t size) {
  const char* const end_of_data = data + size;
  while (const void* found = std::memchr(data, '\n', static_cast<size_t>(end_of_data - data))) {
    const char* const newline = static_cast<const char*>(found);
    partial_.append(data, newline);
    data = newline + 1;
    on_line_(std::exchange(partial_, std::string()));
    if (stopped_) {
      return;
    }
  }
  partial_.append(data, end_of_data);
  if (partial_.size() > kLongestLine) {
    end("a line is too long");
  }
}

void LineReader::end(const std::string& reason) {
  if (stopped_) {
    return;
  }
  stop();
  on_end_(reason);
}

}  // namespace mcp_server
