// Pairs of connected descriptors, and connections, on every system.
#ifdef _WIN32
#include <winsock2.h>
typedef int io_size_t;
typedef int socklen_t;
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
typedef ssize_t io_size_t;
#endif
#include <string.h>

#include "support.h"

#ifdef _WIN32

static io_size_t read_some(mcp_event_os_fd fd, char* data, size_t size) {
  return recv(fd, data, (int)size, 0);
}
static io_size_t write_some(mcp_event_os_fd fd, const char* data, size_t size) {
  return send(fd, data, (int)size, 0);
}
void close_fd(mcp_event_os_fd fd) { CHECK(closesocket(fd) == 0); }
static void start_sockets(void) {
  WSADATA data;
  CHECK(WSAStartup(MAKEWORD(2, 2), &data) == 0);
}

#else

static io_size_t read_some(mcp_event_os_fd fd, char* data, size_t size) { return read(fd, data, size); }
static io_size_t write_some(mcp_event_os_fd fd, const char* data, size_t size) {
  return write(fd, data, size);
}
void close_fd(mcp_event_os_fd fd) { CHECK(close(fd) == 0); }
static void start_sockets(void) {}

#endif

static struct sockaddr_in loopback(uint16_t port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

mcp_event_os_fd connect_to(uint16_t port) {
  start_sockets();
  const mcp_event_os_fd connection = (mcp_event_os_fd)socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connection != NO_FD);
  const struct sockaddr_in peer = loopback(port);
  CHECK(connect(connection, (const struct sockaddr*)&peer, sizeof peer) == 0);
  return connection;
}

void send_text(mcp_event_os_fd connection, const char* text) {
  CHECK(write_some(connection, text, strlen(text)) == (io_size_t)strlen(text));
}

void receive_all(mcp_event_os_fd connection, char* text, size_t size) {
  size_t length = 0;
  io_size_t received = 0;
  while ((received = read_some(connection, text + length, size - 1 - length)) > 0) {
    length += (size_t)received;
  }
  CHECK(received == 0);
  text[length] = '\0';
}

#ifdef _WIN32

fd_pair new_socket_pair(void) {
  start_sockets();
  const mcp_event_os_fd listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  CHECK(bind(listener, (const struct sockaddr*)&address, sizeof address) == 0);
  CHECK(listen(listener, 1) == 0);
  CHECK(getsockname(listener, (struct sockaddr*)&address, &length) == 0);
  fd_pair pair;
  pair.theirs = connect_to(ntohs(address.sin_port));
  pair.mine = accept(listener, NULL, NULL);
  CHECK(pair.mine != NO_FD);
  close_fd(listener);
  return pair;
}

fd_pair new_pipe(void) { return new_socket_pair(); }

#else

fd_pair new_pipe(void) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  return (fd_pair){.mine = ends[0], .theirs = ends[1]};
}

fd_pair new_socket_pair(void) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  return (fd_pair){.mine = ends[0], .theirs = ends[1]};
}

#endif

static void close_once(mcp_event_os_fd* fd) {
  if (*fd != NO_FD) {
    close_fd(*fd);
    *fd = NO_FD;
  }
}

void close_mine(fd_pair* pair) { close_once(&pair->mine); }

void close_theirs(fd_pair* pair) { close_once(&pair->theirs); }

void close_both(fd_pair* pair) {
  close_mine(pair);
  close_theirs(pair);
}

void write_byte(mcp_event_os_fd fd) { CHECK(write_some(fd, "x", 1) == 1); }

void read_byte(mcp_event_os_fd fd) {
  char byte;
  CHECK(read_some(fd, &byte, 1) == 1);
}
