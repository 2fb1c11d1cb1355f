// What a loop says of itself.
#ifndef EXAMPLES_SUPPORT_LOOP_REPORT_H
#define EXAMPLES_SUPPORT_LOOP_REPORT_H

#include <ostream>

#include "mcp/event/event_loop.h"

namespace support {

// Has the loop time itself from now on.
void recordLoop(mcp::event::Dispatcher& dispatcher);

// Writes one line: how much it did, how long its iterations took, how late it woke.
void reportLoop(std::ostream& out, mcp::event::Dispatcher& dispatcher);

}  // namespace support

#endif  // EXAMPLES_SUPPORT_LOOP_REPORT_H
