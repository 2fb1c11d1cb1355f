// What the C tests share: checks that end the program, closures that count, and a way to read a loop's mind.
#ifndef MCP_EVENT_TESTS_C_SUPPORT_H
#define MCP_EVENT_TESTS_C_SUPPORT_H

#include <mcp_event.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECK(condition)                            \
  do {                                              \
    if (!(condition)) {                             \
      check_failed(__FILE__, __LINE__, #condition); \
    }                                               \
  } while (0)

// Checks how a call ended; for a failure, also that it left its words, and an errno if and only if it was the
// system's.
#define CHECK_STATUS(expected, call) check_status(__FILE__, __LINE__, #call, (expected), (call))
#define CHECK_OK(call) CHECK_STATUS(MCP_EVENT_OK, call)

_Noreturn void check_failed(const char* file, int line, const char* what);
void check_status(const char* file, int line, const char* call, mcp_event_status expected,
                  mcp_event_status actual);

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

// How often a closure ran and was dropped.
typedef struct tally {
  atomic_int calls;
  atomic_int drops;
  // What the last call of a file closure was told.
  uint32_t events;
} tally;

mcp_event_closure counting(tally* counts);
mcp_event_file_closure counting_file(tally* counts);
// The drop function of both.
void count_drop(void* counts);

// A closure whose data needs no freeing.
mcp_event_closure calling(void (*call)(void* data), void* data);

// Call data: the loop to leave.
void exit_loop(void* dispatcher);

mcp_event_dispatcher* new_dispatcher(void);
// A dispatcher in simulated time, and its clock, which is the caller's to destroy.
mcp_event_dispatcher* new_simulated(mcp_event_clock** clock);
void post(mcp_event_dispatcher* dispatcher, void (*call)(void* data), void* data);
void run_now(mcp_event_dispatcher* dispatcher);
void run_until_exit(mcp_event_dispatcher* dispatcher);
void advance_us(mcp_event_clock* clock, int64_t microseconds);
mcp_event_stats stats_of(const mcp_event_dispatcher* dispatcher);

// Changes the environment; null removes the variable.
void set_environment(const char* variable, const char* value);

// Runs `body(data)` on a thread of its own; wait_for() ends it.
typedef struct thread thread;
thread* start_thread(void (*body)(void* data), void* data);
void wait_for(thread* started);

// A pair of connected fds that closes what is still open.
typedef struct fd_pair {
  mcp_event_os_fd mine;
  mcp_event_os_fd theirs;
} fd_pair;

// No descriptor.
#define NO_FD ((mcp_event_os_fd)-1)

// `mine` reads what is written to `theirs`. On Windows, where only sockets can be watched, both are
// connections over TCP.
fd_pair new_pipe(void);
fd_pair new_socket_pair(void);
void close_mine(fd_pair* pair);
void close_theirs(fd_pair* pair);
void close_both(fd_pair* pair);
void write_byte(mcp_event_os_fd fd);
void read_byte(mcp_event_os_fd fd);

// A blocking connection to `port` of this machine, and what is done with one.
mcp_event_os_fd connect_to(uint16_t port);
void send_text(mcp_event_os_fd connection, const char* text);
// Up to the end, or to `size`, zero included.
void receive_all(mcp_event_os_fd connection, char* text, size_t size);
void close_fd(mcp_event_os_fd fd);

// The signal that tests send to their own process.
#ifdef _WIN32
#define TEST_SIGNAL SIGINT
#else
#define TEST_SIGNAL SIGUSR1
#endif

#endif  // MCP_EVENT_TESTS_C_SUPPORT_H
