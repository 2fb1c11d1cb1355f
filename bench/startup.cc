// What it takes until there is a first dispatcher, and then another: prints three times in nanoseconds.
//
//   startup LIBRARY
//
// The first is for loading the library into a C++ program, all symbols bound; the second for making the first
// dispatcher; the third, a median, for making one more and destroying it.

#include <dlfcn.h>
#include <mcp_event.h>

#include <cstdio>
#include <cstdlib>

#include "clock.h"
#include "figures.h"

namespace {

template <class Function>
Function* find(void* library, const char* name) {
  void* const found = dlsym(library, name);
  if (found == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(1);
  }
  return reinterpret_cast<Function*>(found);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s LIBRARY\n", argv[0]);
    return 2;
  }
  const auto start = bench::now_ns();
  void* const library = dlopen(argv[1], RTLD_NOW);
  const auto loaded = bench::now_ns();
  if (library == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  const auto create = find<decltype(mcp_event_dispatcher_create)>(library, "mcp_event_dispatcher_create");
  const auto destroy = find<decltype(mcp_event_dispatcher_destroy)>(library, "mcp_event_dispatcher_destroy");
  mcp_event_dispatcher* first = nullptr;
  const auto first_ns = bench::ns_per_op(1, [&] { create("first", nullptr, &first); });
  constexpr std::size_t kMore = 100;
  bench::Rounds more_ns;
  for (std::size_t i = 0; i < kMore; ++i) {
    more_ns.push_back(bench::ns_per_op(1, [&] {
      mcp_event_dispatcher* more = nullptr;
      create("more", nullptr, &more);
      destroy(more);
    }));
  }
  destroy(first);
  std::printf("%lld %.0f %.0f\n", static_cast<long long>(loaded - start), first_ns, bench::median(more_ns));
}
