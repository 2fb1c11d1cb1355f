// What the timers of Dispatcher::createScaledTimer() are scaled by. One that is enabled for a maximum fires
// at minimum + (maximum - minimum) * factor, and the factor is one for all scaled timers of a dispatcher.
//
// All functions may be called from any thread. They work on dispatchers made by this library
// (LibeventDispatcher and what derives from it); for another one they throw std::invalid_argument.
#ifndef MCP_EVENT_SCALED_TIMERS_H
#define MCP_EVENT_SCALED_TIMERS_H

#include <chrono>
#include <cstdint>
#include <functional>

#include "mcp/event/event_loop.h"

struct mcp_event_pressure_driver;

namespace mcp {
namespace event {

// Sets how much of the time between their minimum and their maximum the scaled timers wait: all with 1, as at
// first, nothing with 0. At once, also for those that have waited their minimum already. Throws
// std::invalid_argument unless `factor` is a number from 0 to 1.
void setTimerScaleFactor(Dispatcher& dispatcher, double factor);

// The factor that is set.
double timerScaleFactor(const Dispatcher& dispatcher);

// Sets the minimum of the scaled timers of a type, capped at their maximum, from when they are enabled the
// next time; negative counts as 0. At first it is all of the maximum. Throws std::invalid_argument if `type`
// is not one of the enum's values.
void setScaledTimerMinimum(Dispatcher& dispatcher, ScaledTimerType type, std::chrono::microseconds minimum);

// Likewise, as a share of the maximum. Throws std::invalid_argument unless `share` is a number from 0 to 1.
void setScaledTimerMinimumShare(Dispatcher& dispatcher, ScaledTimerType type, double share);

// What can be measured of a loop at a moment.
struct LoopLoad {
  // For how long the loop has been busy with its present iteration, or by how much the timers of this
  // iteration were late, whichever is more; zero while it sleeps, and while nobody runs it.
  std::chrono::microseconds loop_lag;
  // How much too late the last poll returned.
  std::chrono::microseconds poll_delay;
  // The posts that wait.
  uint64_t queue_depth;
};

// How late the loop is at this moment, and how much waits. The loop is not disturbed.
LoopLoad loopLoad(const Dispatcher& dispatcher);

// How pressure is computed from load. A zero always means the library's default.
struct PressureOptions {
  template <typename T>
  struct Thresholds {
    // Up to here there is no pressure.
    T low{0};
    // From here on the pressure is 1; linear in between. Above `low`, or both zero.
    T high{0};
  };

  // Of LoopLoad::loop_lag and poll_delay; by default 10 and 200 ms.
  Thresholds<std::chrono::microseconds> loop_lag;
  Thresholds<std::chrono::microseconds> poll_delay;
  // Of LoopLoad::queue_depth; by default 1,000 and 20,000.
  Thresholds<int64_t> queue_depth;
  // The time constant of the exponential smoothing; by default half a second. One microsecond is as good as
  // none.
  std::chrono::microseconds smoothing{0};
  // By how much the smoothed pressure must turn back before the reported one follows, below 1; by default
  // 0.05.
  double hysteresis = 0;
  // How often the load is measured; by default every 100 ms.
  std::chrono::microseconds interval{0};
};

// Tells a pressure of the user's own, from 0 to 1. What is outside counts as the nearer end, what is not a
// number does not count.
using PressureSource = std::function<double()>;

// Scales the timers of a dispatcher by its load: measures that again and again, on the loop, makes a pressure
// from 0 to 1 of it, and sets the scale factor to 1 minus the pressure. Its destructor sets the factor to 1.
// While there is a driver, a factor set by hand lasts until the next measurement. It may outlive its
// dispatcher.
class PressureDriver {
 public:
  // Throws std::invalid_argument for options that make no sense, and std::logic_error if the dispatcher has a
  // driver already.
  explicit PressureDriver(Dispatcher& dispatcher, const PressureOptions& options = PressureOptions());
  ~PressureDriver();
  PressureDriver(const PressureDriver&) = delete;
  PressureDriver& operator=(const PressureDriver&) = delete;

  // Adds a source, which is called at each measurement, on the loop's thread; the largest pressure of all
  // sources counts. What it throws is as what a callback throws: the loop stops, and run() throws it. Throws
  // std::invalid_argument if `source` is empty.
  void addSource(PressureSource source);

  // The pressure at the last measurement, from 0 to 1.
  double pressure() const;

 private:
  mcp_event_pressure_driver* driver_;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_SCALED_TIMERS_H
