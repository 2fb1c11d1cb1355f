// What deferring a deletion costs, the object's own allocation and release included.

#include <cstddef>
#include <memory>
#include <vector>

#include "clock.h"
#include "deferred_deletes.h"
#include "harness.h"
#include "peers/backend_loops.h"
#include "peers/dispatcher_loop.h"

namespace {

// The object's life without any loop: as many are alive at a time.
double floor_ns(std::size_t batches) {
  std::size_t deaths = 0;
  std::vector<mcp::event::DeferredDeletablePtr> objects(bench::kBatch);
  return bench::ns_per_op(batches * bench::kBatch, [&] {
    for (std::size_t batch = 0; batch < batches; ++batch) {
      for (auto& object : objects) {
        object = std::make_unique<bench::Deletable>(deaths);
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
                 return {DeferredDeletes<typename decltype(loop)::type>(batches).run_ns()};
               }) + std::vector<Contender>{{"floor (new and delete)",
                                            [batches] { return std::vector<double>{floor_ns(batches)}; }}}});
  return program.finish();
}
