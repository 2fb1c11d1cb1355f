#include "support/loop_report.h"

#include <string>

#include "mcp/event/dispatcher_extras.h"

namespace support {

void recordLoop(mcp::event::Dispatcher& dispatcher) { mcp::event::loopStats(dispatcher); }

void reportLoop(std::ostream& out, mcp::event::Dispatcher& dispatcher) {
  const mcp::event::LoopStats stats = mcp::event::loopStats(dispatcher);
  const auto figures = [](const mcp::event::LoopHistogram& histogram) {
    return "p50 " + std::to_string(histogram.p50) + " us, p99 " + std::to_string(histogram.p99) + " us";
  };
  out << "loop " << dispatcher.name() << ": " << stats.iterations << " iterations, " << stats.events
      << " events, " << stats.timers_fired << " timers; duration " << figures(stats.loop_duration_us)
      << "; poll delay " << figures(stats.poll_delay_us) << '\n';
}

}  // namespace support
