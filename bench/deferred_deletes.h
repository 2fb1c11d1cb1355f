// Batches of objects, each of which is made and handed over for deletion.
#ifndef MCP_EVENT_BENCH_DEFERRED_DELETES_H
#define MCP_EVENT_BENCH_DEFERRED_DELETES_H

#include <mcp/event/event_loop.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "clock.h"

namespace bench {

inline constexpr std::size_t kBatch = 1000;

// A small connection's worth of object, whose destruction can be seen.
class Deletable : public mcp::event::DeferredDeletable {
 public:
  explicit Deletable(std::size_t& deaths) : deaths_(deaths) {}
  ~Deletable() override { ++deaths_; }

 private:
  std::size_t& deaths_;
  std::uint64_t payload_[6] = {};
};

template <class Loop>
class DeferredDeletes {
 public:
  explicit DeferredDeletes(std::size_t batches) : batches_(batches), left_(batches) {}

  // Nanoseconds an object, its own allocation and release included.
  double run_ns() {
    loop_.post([this] { defer_batch(); });
    return ns_per_op(batches_ * kBatch, [this] { loop_.run(); });
  }

 private:
  void defer_batch() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      loop_.dispatcher().deferredDelete(std::make_unique<Deletable>(deaths_));
    }
    if (--left_ == 0) {
      loop_.stop();
    } else {
      loop_.post([this] { defer_batch(); });
    }
  }

  const std::size_t batches_;
  std::size_t left_;
  std::size_t deaths_ = 0;
  Loop loop_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_DEFERRED_DELETES_H
