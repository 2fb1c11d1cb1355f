// The ABI that programs compiled against the SDK's headers rely on: see also binary/ and
// exported_symbols.txt.
#include <cstring>
#include <type_traits>

#include "support.h"

namespace mcp_event_test {
namespace {

template <typename Enum, typename Underlying>
constexpr bool hasUnderlying() {
  return std::is_same<typename std::underlying_type<Enum>::type, Underlying>::value;
}

#ifdef _WIN32
static_assert(std::is_same<os_fd_t, SOCKET>::value, "");
#else
static_assert(std::is_same<os_fd_t, int>::value, "");
#endif

static_assert(hasUnderlying<FileReadyType, uint32_t>(), "");
static_assert(static_cast<uint32_t>(FileReadyType::Read) == 1, "");
static_assert(static_cast<uint32_t>(FileReadyType::Write) == 2, "");
static_assert(static_cast<uint32_t>(FileReadyType::Closed) == 4, "");
static_assert(static_cast<uint32_t>(FileReadyType::Error) == 8, "");

static_assert(hasUnderlying<FileTriggerType, int>(), "");
static_assert(static_cast<int>(FileTriggerType::Level) == 0, "");
static_assert(static_cast<int>(FileTriggerType::Edge) == 1, "");
static_assert(static_cast<int>(FileTriggerType::EmulatedEdge) == 2, "");
#ifdef __linux__
static_assert(PlatformDefaultTriggerType == FileTriggerType::Edge, "");
#endif

static_assert(hasUnderlying<RunType, int>(), "");
static_assert(static_cast<int>(RunType::Block) == 0, "");
static_assert(static_cast<int>(RunType::NonBlock) == 1, "");
static_assert(static_cast<int>(RunType::RunUntilExit) == 2, "");

static_assert(hasUnderlying<ScaledTimerType, int>(), "");
static_assert(static_cast<int>(ScaledTimerType::HttpConnectionManagerDecodeDuration) == 0, "");
static_assert(static_cast<int>(ScaledTimerType::HttpConnectionManagerNewStream) == 1, "");
static_assert(static_cast<int>(ScaledTimerType::OverloadActionState) == 2, "");

static_assert(sizeof(ScaledTimerMinimum) == 2 * sizeof(milliseconds), "");
static_assert(sizeof(DispatcherStats) == 2 * sizeof(std::string), "");
static_assert(std::is_same<decltype(FileReadyType::Read | FileReadyType::Write), FileReadyType>::value, "");
static_assert(std::is_same<decltype(FileReadyType::Read & kRead), uint32_t>::value, "");

static_assert(sizeof(FileEvent) == sizeof(void*), "");
static_assert(sizeof(Timer) == sizeof(void*), "");
static_assert(sizeof(SchedulableCallback) == sizeof(void*), "");
static_assert(sizeof(Dispatcher) == sizeof(void*), "");
static_assert(sizeof(LibeventDispatcherFactory) == sizeof(void*), "");
static_assert(sizeof(LibeventDispatcher) == 304, "");

TEST(Abi, TheMaximumOfAScaledTimerIsOpenByDefault) {
  EXPECT_EQ(milliseconds::max(), ScaledTimerMinimum{milliseconds(1)}.max_value);
}

TEST(Abi, MasksCombine) {
  EXPECT_EQ(kRead | kClosed, static_cast<uint32_t>(FileReadyType::Read | FileReadyType::Closed));
  EXPECT_EQ(kWrite, FileReadyType::Write & (kRead | kWrite));
  EXPECT_EQ(0u, FileReadyType::Error & (kRead | kWrite));
}

TEST(Abi, TheLayoutOfLibeventDispatcher) {
  LibeventDispatcher dispatcher("a name that is too long to be held within a string itself");
  const char* const bytes = reinterpret_cast<const char*>(&dispatcher);
  EXPECT_EQ(bytes + 8, reinterpret_cast<const char*>(&dispatcher.name()));
  event_base* base = nullptr;
  std::memcpy(&base, bytes + 40, sizeof(base));
  EXPECT_EQ(dispatcher.base(), base);
}

// The slot of a virtual function: the Itanium ABI stores 1 + its offset in a pointer to member.
template <typename Member>
size_t slotOf(Member member) {
  struct {
    ptrdiff_t function;
    ptrdiff_t adjustment;
  } representation;
  static_assert(sizeof(representation) == sizeof(member), "");
  std::memcpy(&representation, &member, sizeof(member));
  EXPECT_EQ(0, representation.adjustment);
  EXPECT_EQ(1, representation.function % static_cast<ptrdiff_t>(sizeof(void*)));
  return static_cast<size_t>(representation.function) / sizeof(void*);
}

// The functions of a class lie in this order, after its `first` slots.
template <typename... Members>
void expectSlots(size_t first, Members... members) {
  const size_t slots[] = {slotOf(members)...};
  for (const size_t slot : slots) {
    EXPECT_EQ(first++, slot);
  }
}

TEST(Abi, SlotsOfHandles) {
  expectSlots(2, &FileEvent::activate, &FileEvent::setEnabled, &FileEvent::unregisterEventIfEmulatedEdge,
              &FileEvent::registerEventIfEmulatedEdge);
  expectSlots(2, &Timer::disableTimer, &Timer::enableTimer, &Timer::enableHRTimer, &Timer::enabled);
  expectSlots(2, &SchedulableCallback::scheduleCallbackCurrentIteration,
              &SchedulableCallback::scheduleCallbackNextIteration, &SchedulableCallback::cancel,
              &SchedulableCallback::enabled);
  expectSlots(2, &Scheduler::createTimer);
  expectSlots(2, &ScopeTrackedObject::dumpState);
}

TEST(Abi, SlotsOfDispatcher) {
  expectSlots(2, &DispatcherBase::post, &DispatcherBase::isThreadSafe);
  using OfType = TimerPtr (Dispatcher::*)(ScaledTimerType, TimerCb);
  using OfMinimum = TimerPtr (Dispatcher::*)(ScaledTimerMinimum, TimerCb);
  const OfType scaled_by_type = &Dispatcher::createScaledTimer;
  const OfMinimum scaled_by_minimum = &Dispatcher::createScaledTimer;
  expectSlots(4, &Dispatcher::name, &Dispatcher::registerWatchdog, &Dispatcher::createFileEvent,
              &Dispatcher::createTimer, scaled_by_type, scaled_by_minimum,
              &Dispatcher::createSchedulableCallback, &Dispatcher::deferredDelete, &Dispatcher::exit,
              &Dispatcher::listenForSignal, &Dispatcher::run, &Dispatcher::getWatermarkFactory,
              &Dispatcher::pushTrackedObject, &Dispatcher::popTrackedObject,
              &Dispatcher::approximateMonotonicTime, &Dispatcher::updateApproximateMonotonicTime,
              &Dispatcher::clearDeferredDeleteList, &Dispatcher::initializeStats, &Dispatcher::shutdown);
}

TEST(Abi, SlotsOfWorkers) {
  expectSlots(2, &WatchDog::touch, &WatchDog::threadId, &WatchDog::lastTouchTime);
  expectSlots(2, &DispatcherFactory::createDispatcher, &DispatcherFactory::backendName);
  expectSlots(2, &Worker::start, &Worker::stop, &Worker::dispatcher);
  expectSlots(2, &WorkerFactory::createWorker);
  expectSlots(2, &ThreadPool::initialize, &ThreadPool::start, &ThreadPool::stop, &ThreadPool::getWorker,
              &ThreadPool::nextWorker, &ThreadPool::size);
}

static_assert(std::has_virtual_destructor<Dispatcher>::value, "");
static_assert(std::has_virtual_destructor<DeferredDeletable>::value, "");
static_assert(std::has_virtual_destructor<SignalEvent>::value, "");
static_assert(std::has_virtual_destructor<WatermarkFactory>::value, "");

}  // namespace
}  // namespace mcp_event_test
