#include "libevent_base.h"

#include <event2/event.h>
#include <event2/thread.h>

#include <stdexcept>

namespace bench {

event_base* new_libevent_base() {
  static const bool threads_ready = evthread_use_pthreads() == 0;
  event_base* base = threads_ready ? event_base_new() : nullptr;
  if (base == nullptr) {
    throw std::runtime_error("libevent refuses a base");
  }
  return base;
}

}  // namespace bench
