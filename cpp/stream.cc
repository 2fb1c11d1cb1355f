#include "mcp/event/stream.h"

#include <memory>
#include <utility>

#include "cpp/c_text.h"
#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"

namespace mcp_event_impl {
namespace {

using mcp::event::Received;
using mcp::event::ReceivedCb;
using mcp::event::SentCb;
using mcp::event::Stream;
using mcp::event::StreamCb;
using mcp::event::StreamPtr;

// The failure that a callback is told of, which the core has left as a call does.
std::error_code errorOf(mcp_event_status status) {
  switch (status) {
    case MCP_EVENT_OK:
      return {};
    case MCP_EVENT_OS_ERROR:
      return {mcp_event_last_os_error(), std::generic_category()};
    default:
      return std::make_error_code(std::errc::operation_canceled);
  }
}

// A callback of C++ as a closure of the core's, which owns it once `create` has succeeded.
template <typename Closure, typename Callback, typename Call, typename Create>
mcp_event_status withClosure(Callback callback, Call call, const Create& create) {
  auto owned = std::make_unique<Callback>(std::move(callback));
  Closure closure;
  closure.call = call;
  closure.drop = [](void* data) { delete static_cast<Callback*>(data); };
  closure.data = owned.get();
  const mcp_event_status status = create(closure);
  if (status == MCP_EVENT_OK) {
    owned.release();
  }
  return status;
}

void tellReceived(void* data, int what, const void* bytes, size_t size) {
  const auto kind = static_cast<Received::Kind>(what);
  const auto error = kind == Received::Kind::Failed ? errorOf(MCP_EVENT_OS_ERROR) : std::error_code();
  (*static_cast<ReceivedCb*>(data))({kind, static_cast<const char*>(bytes), size, error});
}

void tellSent(void* data, mcp_event_status status) { (*static_cast<SentCb*>(data))(errorOf(status)); }

void tellStream(void* data, mcp_event_status status, mcp_event_stream* stream) {
  (*static_cast<StreamCb*>(data))(stream == nullptr ? nullptr : StreamPtr(new Stream(stream)),
                                  errorOf(status));
}

// Whether the bytes were taken.
bool isTaken(mcp_event_status status) {
  switch (status) {
    case MCP_EVENT_QUEUE_FULL:
    case MCP_EVENT_INVALID_STATE:
    case MCP_EVENT_CLOSED:
      return false;
    default:
      check(status);
      return true;
  }
}

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

using mcp_event_impl::check;
using mcp_event_impl::DispatcherAccess;
using mcp_event_impl::requireCallback;
using mcp_event_impl::withClosure;

Stream::Stream(Dispatcher& dispatcher, os_fd_t fd) : stream_(nullptr) {
  check(mcp_event_stream_create(DispatcherAccess::require(dispatcher, "Stream"), fd, &stream_));
}

Stream::Stream(mcp_event_stream* stream) noexcept : stream_(stream) {}

Stream::~Stream() { mcp_event_stream_destroy(stream_); }

void Stream::receive(ReceivedCb callback) {
  requireCallback(callback, "Stream::receive");
  check(withClosure<mcp_event_receive_closure>(
      std::move(callback), mcp_event_impl::tellReceived,
      [this](mcp_event_receive_closure closure) { return mcp_event_stream_receive(stream_, closure); }));
}

void Stream::pause() { mcp_event_stream_pause(stream_); }

void Stream::resume() { mcp_event_stream_resume(stream_); }

bool Stream::send(const void* data, size_t size) {
  return mcp_event_impl::isTaken(mcp_event_stream_send(stream_, data, size));
}

bool Stream::send(const void* data, size_t size, SentCb callback) {
  requireCallback(callback, "Stream::send");
  return mcp_event_impl::isTaken(withClosure<mcp_event_sent_closure>(
      std::move(callback), mcp_event_impl::tellSent, [=](mcp_event_sent_closure closure) {
        return mcp_event_stream_send_then(stream_, data, size, closure);
      }));
}

size_t Stream::queued() const {
  size_t bytes = 0;
  mcp_event_stream_queued(stream_, &bytes);
  return bytes;
}

void Stream::setSendLimit(size_t bytes) { mcp_event_stream_set_send_limit(stream_, bytes); }

void Stream::setReceiveTimeout(std::chrono::microseconds limit) {
  check(mcp_event_stream_set_receive_timeout_us(stream_, limit.count()));
}

void Stream::setSendTimeout(std::chrono::microseconds limit) {
  check(mcp_event_stream_set_send_timeout_us(stream_, limit.count()));
}

void Stream::shutdown() { mcp_event_stream_shutdown(stream_); }

void Stream::abort() { mcp_event_stream_abort(stream_); }

void Stream::setNoDelay(bool at_once) { check(mcp_event_stream_set_nodelay(stream_, at_once)); }

os_fd_t Stream::fd() const {
  int fd = -1;
  mcp_event_stream_fd(stream_, &fd);
  return fd;
}

Listener::Listener(Dispatcher& dispatcher, const std::string& address, StreamCb callback)
    : listener_(nullptr) {
  requireCallback(callback, "Listener");
  auto* const core = DispatcherAccess::require(dispatcher, "Listener");
  const char* const text = mcp_event_impl::toCText(address);
  check(withClosure<mcp_event_stream_closure>(
      std::move(callback), mcp_event_impl::tellStream, [&](mcp_event_stream_closure closure) {
        return mcp_event_listener_create(core, text, closure, &listener_);
      }));
}

Listener::~Listener() { mcp_event_listener_destroy(listener_); }

std::string Listener::address() const {
  mcp_event_text* text = nullptr;
  const char* data = nullptr;
  check(mcp_event_listener_address(listener_, &text));
  const std::unique_ptr<mcp_event_text, mcp_event_status (*)(mcp_event_text*)> owned(text,
                                                                                     mcp_event_text_destroy);
  check(mcp_event_text_data(text, &data));
  return data;
}

Connect::Connect(Dispatcher& dispatcher, const std::string& address, std::chrono::microseconds timeout,
                 StreamCb callback)
    : connect_(nullptr) {
  requireCallback(callback, "Connect");
  auto* const core = DispatcherAccess::require(dispatcher, "Connect");
  const char* const text = mcp_event_impl::toCText(address);
  check(withClosure<mcp_event_stream_closure>(
      std::move(callback), mcp_event_impl::tellStream, [&](mcp_event_stream_closure closure) {
        return mcp_event_connect_create(core, text, timeout.count(), closure, &connect_);
      }));
}

Connect::~Connect() { mcp_event_connect_destroy(connect_); }

void setLabel(Stream& stream, const std::string& label) {
  check(mcp_event_stream_set_label(stream.stream_, mcp_event_impl::toCText(label)));
}

void setLabel(Listener& listener, const std::string& label) {
  check(mcp_event_listener_set_label(listener.listener_, mcp_event_impl::toCText(label)));
}

void setLabel(Connect& connect, const std::string& label) {
  check(mcp_event_connect_set_label(connect.connect_, mcp_event_impl::toCText(label)));
}

}  // namespace event
}  // namespace mcp
