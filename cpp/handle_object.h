// Closures and handles that live in memory of the core's.
//
// A handle costs one allocation, the core's own: its storage holds the closure and the object behind the
// user's unique_ptr. Three objects, made and destroyed one by one, lie in it:
//
//   Handle*    the core's handle
//   Stored     a std::function, or a box with one; destroyed when the core says that it runs no more (drop)
//   Object     the object with the interface: nothing but its vptr; destroyed when the user deletes it
//
// Deleting the object runs its destructor, and then its own operator delete, which frees nothing but tells
// the core to destroy the handle. By then only the last eight bytes are dead, so the handle and the closure,
// which may be running, are still there.
#ifndef MCP_EVENT_CPP_HANDLE_OBJECT_H
#define MCP_EVENT_CPP_HANDLE_OBJECT_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "cpp/bridge.h"
#include "cpp/c_text.h"
#include "cpp/errors.h"
#include "cpp/hidden.h"
#include "mcp/event/event_loop.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

inline void invoke(std::function<void()>& callback, uint32_t) { callback(); }
inline void invoke(mcp::event::FileReadyCb& callback, uint32_t events) { callback(events); }

// A closure that does not fit into the storage, as the std::function of libc++, which is larger than that of
// libstdc++ and aligned to more. It is moved from.
template <typename Callback>
struct Boxed {
  explicit Boxed(Callback& closure) : callback(std::make_unique<Callback>(std::move(closure))) {}
  std::unique_ptr<Callback> callback;
};

template <typename Callback>
void invoke(Boxed<Callback>& boxed, uint32_t events) {
  invoke(*boxed.callback, events);
}

// The object of a handle: `Final` derives from this and implements `InterfaceT` on top of handle().
template <typename Final, typename InterfaceT, typename CallbackT, typename HandleT,
          mcp_event_status (*kDestroy)(HandleT*)>
class HandleObject : public InterfaceT {
 public:
  using Interface = InterfaceT;
  using Callback = CallbackT;
  using Handle = HandleT;
  // What `init` moves into the storage: the closure, or a box for it.
  using Source = std::conditional_t<sizeof(Callback) <= MCPEV_HANDLE_STORAGE - 2 * sizeof(void*) &&
                                        alignof(Callback) <= alignof(void*),
                                    Callback&, Boxed<Callback>>;

  static const mcpev_ops kOps;

  // The object in a handle's storage.
  static Final* at(void* storage) { return reinterpret_cast<Final*>(bytes(storage) + kObjectOffset); }

  static void operator delete(void* object) noexcept { kDestroy(handleOf(object)); }

  // Names the callback, with `set` of the core's. Throws std::invalid_argument if the object is not one of
  // ours.
  static void label(InterfaceT& object, const std::string& text,
                    mcp_event_status (*set)(Handle*, const char*)) {
    auto* const ours = dynamic_cast<Final*>(&object);
    if (ours == nullptr) {
      throw std::invalid_argument("setLabel: the handle is not one of this library");
    }
    check(set(ours->handle(), toCText(text)));
  }

 protected:
  Handle* handle() { return handleOf(static_cast<Final*>(this)); }

 private:
  using Stored = std::remove_reference_t<Source>;

  static constexpr size_t kStoredOffset = sizeof(void*);
  static constexpr size_t kObjectOffset = kStoredOffset + sizeof(Stored);

  static unsigned char* bytes(void* storage) { return static_cast<unsigned char*>(storage); }
  static Handle* handleOf(void* object) {
    return static_cast<Handle*>(*reinterpret_cast<void**>(bytes(object) - kObjectOffset));
  }
  static Stored* storedAt(void* storage) { return reinterpret_cast<Stored*>(bytes(storage) + kStoredOffset); }

  static void init(void* storage, void* from, void* handle) noexcept {
    static_assert(sizeof(Final) == sizeof(void*), "the object holds nothing but its vptr");
    static_assert(kObjectOffset + sizeof(Final) <= MCPEV_HANDLE_STORAGE, "all must fit into the storage");
    static_assert(alignof(Stored) <= alignof(void*) && alignof(Final) <= alignof(void*),
                  "the storage is aligned for pointers only");
    ::new (storage) void*(handle);
    ::new (static_cast<void*>(storedAt(storage))) Stored(std::move(*static_cast<Stored*>(from)));
    ::new (static_cast<void*>(bytes(storage) + kObjectOffset)) Final();
  }
  static void* call(void* storage, uint32_t events) noexcept {
    return catchInto([=] { invoke(*storedAt(storage), events); });
  }
  static void drop(void* storage) noexcept { storedAt(storage)->~Stored(); }
};

template <typename Final, typename InterfaceT, typename CallbackT, typename HandleT,
          mcp_event_status (*kDestroy)(HandleT*)>
const mcpev_ops HandleObject<Final, InterfaceT, CallbackT, HandleT, kDestroy>::kOps = {init, call, drop};

// Makes a handle with `create(ops, from, &handle, &storage)` of the core's; `function` is the name in errors.
template <typename Object, typename Create>
std::unique_ptr<typename Object::Interface> createHandle(const char* function,
                                                         typename Object::Callback& callback,
                                                         Create&& create) {
  requireCallback(callback, function);
  typename Object::Handle* handle = nullptr;
  void* storage = nullptr;
  typename Object::Source source(callback);
  check(create(&Object::kOps, &source, &handle, &storage));
  return std::unique_ptr<typename Object::Interface>(Object::at(storage));
}

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_HANDLE_OBJECT_H
