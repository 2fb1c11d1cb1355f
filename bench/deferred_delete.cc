// What deferring a deletion costs, the object's own allocation and release included.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "clock.h"
#include "harness.h"
#include "peers/backend_loops.h"
#include "peers/dispatcher_loop.h"

namespace {

constexpr std::size_t kBatch = 1000;

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
double deferred_delete_ns(std::size_t batches) {
  Loop loop;
  std::size_t deaths = 0;
  std::size_t left = batches;
  std::function<void()> defer_batch = [&] {
    for (std::size_t i = 0; i < kBatch; ++i) {
      loop.dispatcher().deferredDelete(std::make_unique<Deletable>(deaths));
    }
    if (--left == 0) {
      loop.stop();
    } else {
      loop.post([&defer_batch] { defer_batch(); });
    }
  };
  loop.post([&defer_batch] { defer_batch(); });
  return bench::ns_per_op(batches * kBatch, [&loop] { loop.run(); });
}

// The object's life without any loop: as many are alive at a time.
double floor_ns(std::size_t batches) {
  std::size_t deaths = 0;
  std::vector<mcp::event::DeferredDeletablePtr> objects(kBatch);
  return bench::ns_per_op(batches * kBatch, [&] {
    for (std::size_t batch = 0; batch < batches; ++batch) {
      for (auto& object : objects) {
        object = std::make_unique<Deletable>(deaths);
      }
      for (auto& object : objects) {
        object.reset();
      }
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bench;
  Program program(argc, argv, "deferred_delete");
  const auto batches = program.count(1000);

  program.run({"batches of 1000",
               batches * kBatch,
               {{"deferredDelete", "ns", {{1.0 / 2, StockLoop::kName}}}},
               ours_and<StockLoop>([batches](auto loop) -> std::vector<double> {
                 return {deferred_delete_ns<typename decltype(loop)::type>(batches)};
               }) + std::vector<Contender>{{"floor (new and delete)",
                                            [batches] { return std::vector<double>{floor_ns(batches)}; }}}});
  return program.finish();
}
