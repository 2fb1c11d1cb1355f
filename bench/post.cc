// What a post costs: from one or four other threads to a loop that runs, and from the loop to itself.

#include <cstddef>
#include <vector>

#include "chained_posts.h"
#include "foreign_posts.h"
#include "harness.h"
#include "peers/asio_loop.h"
#include "peers/backend_loops.h"
#include "peers/crossbeam_loop.h"
#include "peers/dispatcher_loop.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"

int main(int argc, char** argv) {
  using namespace bench;
  Program program(argc, argv, "post");
  const auto posts = program.count(500'000);
  const auto chained = program.count(200'000);

  program.run({"one producer thread",
               posts,
               {{"post", "ns", {{1.0 / 4, StockLoop::kName}, {0.8, CrossbeamLoop::kName}}}},
               ours_and<StockLoop, CrossbeamLoop, AsioLoop, LibeventLoop, LibuvLoop, LibevLoop>(
                   [posts](auto loop) -> std::vector<double> {
                     return {foreign_post_ns<typename decltype(loop)::type, kFewWords>(1, posts)};
                   })});
  program.run({"four producer threads",
               posts,
               {{"post", "ns", {{1.0 / 5, StockLoop::kName}}}},
               ours_and<StockLoop, CrossbeamLoop, AsioLoop, LibeventLoop, LibuvLoop, LibevLoop>(
                   [posts](auto loop) -> std::vector<double> {
                     return {foreign_post_ns<typename decltype(loop)::type, kFewWords>(4, posts)};
                   })});
  program.run({"one producer thread, closures of 48 bytes",
               posts,
               {{"post", "ns"}},
               ours_and<StockLoop, AsioLoop, LibeventLoop, LibuvLoop, LibevLoop>(
                   [posts](auto loop) -> std::vector<double> {
                     return {foreign_post_ns<typename decltype(loop)::type, kManyWords>(1, posts)};
                   })});
  program.run({"to itself, chained",
               chained,
               {{"post", "ns", {{1.0 / 40, StockLoop::kName}, {0.5, AsioLoop::kName}}}},
               ours_and<StockLoop, AsioLoop, LibeventLoop, LibuvLoop, LibevLoop>(
                   [chained](auto loop) -> std::vector<double> {
                     return {ChainedPosts<typename decltype(loop)::type>(chained).run_ns()};
                   })});
  return program.finish();
}
