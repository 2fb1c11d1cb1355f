#include "cpp/tracked_object.h"

#include <ostream>
#include <streambuf>

#include "mcp/event/event_loop.h"

namespace mcp_event_impl {
namespace {

// Hands everything on to the sink, unbuffered.
class SinkBuffer final : public std::streambuf {
 public:
  SinkBuffer(mcp_event_dump_sink sink, void* sink_data) : sink_(sink), sink_data_(sink_data) {}

 protected:
  int_type overflow(int_type c) override {
    if (!traits_type::eq_int_type(c, traits_type::eof())) {
      const char text = traits_type::to_char_type(c);
      sink_(sink_data_, &text, 1);
    }
    return traits_type::not_eof(c);
  }
  std::streamsize xsputn(const char* text, std::streamsize length) override {
    sink_(sink_data_, text, static_cast<size_t>(length));
    return length;
  }

 private:
  const mcp_event_dump_sink sink_;
  void* const sink_data_;
};

}  // namespace

void dumpTrackedObject(const void* object, int32_t indent, mcp_event_dump_sink sink, void* sink_data) {
  SinkBuffer buffer(sink, sink_data);
  std::ostream os(&buffer);
  try {
    static_cast<const mcp::event::ScopeTrackedObject*>(object)->dumpState(os, indent);
  } catch (...) {
    // The process is dying already; the objects further out are still worth a dump.
    os << "(its dumpState() threw)\n";
  }
}

}  // namespace mcp_event_impl
