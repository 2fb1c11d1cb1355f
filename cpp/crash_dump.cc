#include "mcp/event/crash_dump.h"

#include <stdexcept>

#include "cpp/errors.h"

namespace mcp {
namespace event {

void installCrashDump(const CrashDumpOptions& options) {
  if (options.fd == 0) {
    // The core's default, which is meant by another number here.
    throw std::invalid_argument("installCrashDump: fd 0 is the standard input");
  }
  static const int kNone = 0;
  mcp_event_crash_dump_options wanted{};
  wanted.size = sizeof(wanted);
  wanted.fd = options.fd;
  wanted.signals = options.signals.empty() ? &kNone : options.signals.data();
  wanted.signal_count = options.signals.size();
  mcp_event_impl::check(mcp_event_crash_dump_install(&wanted));
}

void uninstallCrashDump() { mcp_event_impl::check(mcp_event_crash_dump_uninstall()); }

}  // namespace event
}  // namespace mcp
