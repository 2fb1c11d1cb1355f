#include "mcp_server/connection.h"

#include <chrono>
#include <utility>

namespace mcp_server {
namespace {

// With this much unread output, a client gets no more of its requests served until it has read it.
constexpr size_t kCongestion = 256 * 1024;
constexpr std::chrono::seconds kGrace{2};

}  // namespace

Connection::Connection(mcp::event::Dispatcher& dispatcher, int in, int out, ClosedCb on_closed)
    : on_closed_(std::move(on_closed)),
      grace_(dispatcher.createTimer([this] { close("the client did not take what it asked for"); })),
      writer_(
          dispatcher, out, [this] { onDrained(); }, [this](const std::string& reason) { close(reason); }),
      session_(dispatcher, *this),
      reader_(
          dispatcher, in, [this](const std::string& line) { session_.receive(line); },
          [this](const std::string& reason) { onEnd(reason); }) {}

// Calls that end may have a last word to send, for which everything must be there still.
Connection::~Connection() { session_.cancelAll(); }

void Connection::stop() {
  if (ending_) {
    return;
  }
  grace_->enableTimer(kGrace);
  onEnd("");
}

void Connection::send(const Json& message) {
  writer_.write(encode(message));
  if (congested()) {
    reader_.pause();
  }
}

bool Connection::congested() const { return writer_.pending() > kCongestion; }

void Connection::onEnd(const std::string& reason) {
  ending_ = true;
  reader_.stop();
  session_.cancelAll();
  if (!reason.empty() || writer_.pending() == 0) {
    close(reason);
  }
}

void Connection::onDrained() {
  if (ending_) {
    close("");
  } else {
    reader_.resume();
  }
}

void Connection::close(const std::string& failure) {
  if (closed_) {
    return;
  }
  closed_ = true;
  ending_ = true;
  grace_->disableTimer();
  reader_.stop();
  session_.cancelAll();
  on_closed_(failure);
}

}  // namespace mcp_server
