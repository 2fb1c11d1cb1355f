// The example server that is stalled on purpose, and what its guard dog reports of it.

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <regex>
#include <string>

#include "support.h"

namespace mcp_event_test {
namespace {

// Reads up to and with the next `end`; less, if nothing more comes.
std::string readUpTo(int fd, const std::string& end) {
  std::string text;
  for (char c; text.find(end) == std::string::npos && ::read(fd, &c, 1) == 1;) {
    text += c;
  }
  return text;
}

// The server as a process, until this is destroyed.
class Server {
 public:
  Server() {
    std::array<int, 2> out;
    std::array<int, 2> err;
    EXPECT_EQ(0, ::pipe2(out.data(), O_CLOEXEC));
    EXPECT_EQ(0, ::pipe2(err.data(), O_CLOEXEC));
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(err[1], STDERR_FILENO);
      // So that a server that hangs fails the test instead of hanging it.
      ::alarm(60);
      ::execl(STALLED_SERVER, STALLED_SERVER, static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(out[1]);
    ::close(err[1]);
    const std::string greeting = readUpTo(out[0], "\n");
    ::close(out[0]);
    err_ = err[0];
    port_ = static_cast<uint16_t>(std::stoi(greeting.substr(greeting.find(':') + 1)));
  }
  ~Server() { ::close(err_); }

  int connect() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(0, ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    return socket;
  }

  // What it says on its stderr, up to these words; then it is ended.
  std::string endAfter(const std::string& words) {
    const std::string said = readUpTo(err_, words);
    ::kill(pid_, SIGTERM);
    readUpTo(err_, std::string(1, '\0'));
    int status = 0;
    EXPECT_EQ(pid_, ::waitpid(pid_, &status, 0));
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << said;
    return said;
  }

 private:
  pid_t pid_ = -1;
  int err_ = -1;
  uint16_t port_ = 0;
};

std::string ask(int socket, const std::string& line) {
  EXPECT_EQ(static_cast<ssize_t>(line.size()), ::send(socket, line.data(), line.size(), 0));
  return readUpTo(socket, "\n");
}

TEST(StalledServerTest, W4_TheReportTellsWhatTheWorkerIsStuckWith) {
  Server server;
  const int client = server.connect();
  EXPECT_EQ("hello\n", ask(client, "hello\n"));
  // The answer comes once the guard dog has told twice.
  EXPECT_EQ("stall\n", ask(client, "stall\n"));
  EXPECT_EQ("goodbye\n", ask(client, "goodbye\n"));
  ::close(client);
  const std::string said = server.endAfter("gets on, after it was stuck for ");
  const auto expect = [&](const std::string& pattern) {
    EXPECT_TRUE(std::regex_search(said, std::regex(pattern))) << "no " << pattern << " in:\n" << said;
  };
  expect(
      "guard dog: miss: worker_0 has been stuck for [0-9.]+ms \\(thread [0-9]+\\)\n"
      "  doing: file event on fd [0-9]+ \\(client\\)\n"
      "  tracked objects:\n"
      "    request \"stall\"\n"
      "  backtrace:\n"
      "      0: ");
  expect("stalled_server::Database::query\\(\\)");
  expect("stalled_server::Client::");
  expect("guard dog: megamiss: worker_0 has been stuck for ");
  expect("guard dog: recovered: worker_0 gets on, after it was stuck for ");
}

}  // namespace
}  // namespace mcp_event_test
