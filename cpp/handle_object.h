// Closures and handles that live in memory of the core's.
//
// A handle costs one allocation, the core's own: its storage, right before what the handle points to, holds
// the closure and the object behind the user's unique_ptr. Two objects, made and destroyed one by one, lie in
// it:
//
//   Stored     a std::function, or a box with one; destroyed when the core says that it runs no more (drop)
//   Object     the object with the interface: nothing but its vptr; destroyed when the user deletes it
//
// Deleting the object runs its destructor, and then its own operator delete, which frees nothing but tells
// the core to destroy the handle. By then only the object's eight bytes are dead, so the closure, which may
// be running, is still there.
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

// What lies at the beginning of a handle's storage.
template <typename Callback>
class StoredClosure {
 public:
  // What is moved in: the closure, or a box for it.
  using Source = std::conditional_t<sizeof(Callback) <= MCPEV_HANDLE_STORAGE - sizeof(void*) &&
                                        alignof(Callback) <= alignof(void*),
                                    Callback&, Boxed<Callback>>;
  using Stored = std::remove_reference_t<Source>;

  static const mcpev_handle_ops kOps;

  static void init(void* storage, void* from) noexcept {
    static_assert(alignof(Stored) <= alignof(void*), "the storage is aligned for pointers only");
    ::new (storage) Stored(std::move(*static_cast<Stored*>(from)));
  }

 private:
  static void* call(void* storage, uint32_t events) noexcept {
    return catchInto([=] { invoke(*static_cast<Stored*>(storage), events); });
  }
  static void drop(void* storage) noexcept { static_cast<Stored*>(storage)->~Stored(); }
};

template <typename Callback>
const mcpev_handle_ops StoredClosure<Callback>::kOps = {call, drop};

// The object of a handle: `Final` derives from this and implements `InterfaceT` on top of handle().
template <typename Final, typename InterfaceT, typename CallbackT, typename HandleT,
          mcp_event_status (*kDestroy)(HandleT*)>
class HandleObject : public InterfaceT {
 public:
  using Interface = InterfaceT;
  using Callback = CallbackT;
  using Handle = HandleT;
  using Closure = StoredClosure<Callback>;

  static void init(void* storage, void* from) noexcept {
    static_assert(sizeof(Final) == sizeof(void*), "the object holds nothing but its vptr");
    static_assert(alignof(Final) <= alignof(void*), "the storage is aligned for pointers only");
    static_assert(sizeof(typename Closure::Stored) <= kObjectOffset, "both must fit into the storage");
    Closure::init(storage, from);
    ::new (static_cast<void*>(static_cast<unsigned char*>(storage) + kObjectOffset)) Final();
  }

  // The object in a handle's storage.
  static Final* at(Handle* handle) {
    return reinterpret_cast<Final*>(reinterpret_cast<unsigned char*>(handle) - sizeof(void*));
  }

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
  // It is what the storage ends with.
  static constexpr size_t kObjectOffset = MCPEV_HANDLE_STORAGE - sizeof(void*);

  static Handle* handleOf(void* object) {
    return reinterpret_cast<Handle*>(static_cast<unsigned char*>(object) + sizeof(void*));
  }
};

// Makes a handle with `create(init, from, &handle)` of the core's; `function` is the name in errors.
template <typename Object, typename Create>
std::unique_ptr<typename Object::Interface> createHandle(const char* function,
                                                         typename Object::Callback& callback,
                                                         Create&& create) {
  requireCallback(callback, function);
  typename Object::Handle* handle = nullptr;
  typename Object::Closure::Source source(callback);
  check(create(&Object::init, &source, &handle));
  return std::unique_ptr<typename Object::Interface>(Object::at(handle));
}

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_HANDLE_OBJECT_H
