// crossbeam-channel as a loop that can only post: a thread that receives closures and calls them.
#ifndef MCP_EVENT_BENCH_CROSSBEAM_LOOP_H
#define MCP_EVENT_BENCH_CROSSBEAM_LOOP_H

#include <cstdint>
#include <new>
#include <type_traits>

// crossbeam_peer/src/lib.rs
extern "C" {
struct crossbeam_channel;
struct crossbeam_message {
  void (*call)(void* payload);
  std::uint64_t payload[3];
};
crossbeam_channel* crossbeam_peer_create();
void crossbeam_peer_destroy(crossbeam_channel*);
void crossbeam_peer_send(const crossbeam_channel*, const crossbeam_message*);
void crossbeam_peer_run(const crossbeam_channel*);
}

namespace bench {

class CrossbeamLoop {
 public:
  static constexpr const char* kName = "crossbeam-channel";
  CrossbeamLoop() = default;
  CrossbeamLoop(const CrossbeamLoop&) = delete;
  ~CrossbeamLoop() { crossbeam_peer_destroy(channel_); }

  // The closure travels by value, as in a std::function that needs no allocation.
  template <class Closure>
  void post(Closure closure) {
    static_assert(
        std::is_trivially_copyable<Closure>::value && sizeof(Closure) <= sizeof(crossbeam_message::payload),
        "the message holds small, plain closures");
    crossbeam_message message{[](void* payload) { (*static_cast<Closure*>(payload))(); }, {}};
    new (message.payload) Closure(closure);
    crossbeam_peer_send(channel_, &message);
  }
  void run() { crossbeam_peer_run(channel_); }
  void stop() {
    const crossbeam_message end{};
    crossbeam_peer_send(channel_, &end);
  }

 private:
  crossbeam_channel* const channel_ = crossbeam_peer_create();
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_CROSSBEAM_LOOP_H
