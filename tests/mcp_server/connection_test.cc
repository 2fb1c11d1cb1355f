// How the example MCP server deals with the bytes below the messages: pipes, files, slow readers, ends.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "mcp_server/connection.h"
#include "support/socket.h"

namespace mcp_server {
namespace {

using support::Fd;

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    read = Fd(ends[0]);
    write = Fd(ends[1]);
    support::setNonBlocking(read.get());
    support::setNonBlocking(write.get());
  }
  Fd read;
  Fd write;
};

std::string request(int id, const std::string& method, const std::string& params = "{}") {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" + method + R"(","params":)" +
         params + "}\n";
}

const std::string kHello = request(0, "initialize", R"({"protocolVersion":"2025-06-18"})");
const std::string kCountdown = request(9, "tools/call", R"({"name":"countdown","arguments":{"from":1000}})");

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() { std::signal(SIGPIPE, SIG_IGN); }

  void connect(int in, int out) {
    connection_ = std::make_unique<Connection>(*dispatcher_, in, out, [this](const std::string& failure) {
      ++closed_;
      failure_ = failure;
      dispatcher_->exit();
    });
  }

  // Runs the loop until the connection is over.
  void runToTheEnd() { dispatcher_->run(mcp::event::RunType::RunUntilExit); }

  void runALittle() { dispatcher_->run(mcp::event::RunType::NonBlock); }

  // As much of `text` as the pipe takes.
  static size_t write(const Fd& fd, const std::string& text) {
    const ssize_t size = ::write(fd.get(), text.data(), text.size());
    return size > 0 ? static_cast<size_t>(size) : 0;
  }

  // All that is in the pipe or file now.
  static std::string readAll(int fd) {
    std::string text;
    char piece[65536];
    for (ssize_t size; (size = ::read(fd, piece, sizeof piece)) > 0;) {
      text.append(piece, static_cast<size_t>(size));
    }
    return text;
  }

  static std::vector<int> idsIn(const std::string& text) {
    std::vector<int> ids;
    for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      ids.push_back(Json::parse(text.substr(begin, end - begin)).at("id").get<int>());
    }
    return ids;
  }

  const mcp::event::DispatcherPtr dispatcher_ =
      mcp::event::createPlatformDefaultDispatcherFactory()->createDispatcher("test");
  Pipe in_;
  Pipe out_;
  std::unique_ptr<Connection> connection_;
  int closed_ = 0;
  std::string failure_;
};

TEST_F(ConnectionTest, PutsLinesTogetherFromPieces) {
  connect(in_.read.get(), out_.write.get());
  for (const char c : kHello + request(1, "ping")) {
    EXPECT_EQ(write(in_.write, std::string(1, c)), 1u);
    runALittle();
  }
  EXPECT_EQ(idsIn(readAll(out_.read.get())), (std::vector<int>{0, 1}));
  EXPECT_EQ(closed_, 0);
}

TEST_F(ConnectionTest, TheEndOfInputCancelsWhatIsUnderWayAndKeepsWhatWasSaid) {
  connect(in_.read.get(), out_.write.get());
  write(in_.write, kHello + kCountdown + request(1, "ping"));
  in_.write = Fd();
  runToTheEnd();
  EXPECT_EQ(idsIn(readAll(out_.read.get())), (std::vector<int>{0, 1}));
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(failure_, "");
}

TEST_F(ConnectionTest, ALastLineNeedsNoNewline) {
  connect(in_.read.get(), out_.write.get());
  std::string ping = request(1, "ping");
  ping.pop_back();
  write(in_.write, kHello + ping);
  in_.write = Fd();
  runToTheEnd();
  EXPECT_EQ(idsIn(readAll(out_.read.get())), (std::vector<int>{0, 1}));
}

TEST_F(ConnectionTest, ReadsAndWritesRegularFiles) {
  const auto in = std::tmpfile();
  const auto out = std::tmpfile();
  ASSERT_TRUE(in != nullptr && out != nullptr);
  std::string script = kHello;
  std::vector<int> expected = {0};
  for (int id = 1; id <= 5000; ++id) {
    script += request(id, "ping");
    expected.push_back(id);
  }
  std::fputs(script.c_str(), in);
  std::rewind(in);
  connect(::fileno(in), ::fileno(out));
  runToTheEnd();
  std::rewind(out);
  EXPECT_EQ(idsIn(readAll(::fileno(out))), expected);
  EXPECT_EQ(failure_, "");
  std::fclose(in);
  std::fclose(out);
}

TEST_F(ConnectionTest, AnEmptyDeviceIsAnEmptyConversation) {
  const Fd null(::open("/dev/null", O_RDWR | O_NONBLOCK));
  connect(null.get(), null.get());
  runToTheEnd();
  EXPECT_EQ(failure_, "");
}

// A client that asks and asks and reads nothing is not read from any more at some point; when it reads, all
// its answers come.
TEST_F(ConnectionTest, AClientThatDoesNotReadHasToWait) {
  connect(in_.read.get(), out_.write.get());
  write(in_.write, kHello);
  const std::string text(30000, 'x');
  std::vector<int> asked = {0};
  std::string rest;
  int idle_rounds = 0;
  while (idle_rounds < 3) {
    if (rest.empty()) {
      asked.push_back(static_cast<int>(asked.size()));
      rest = request(asked.back(), "tools/call", R"({"name":"echo","arguments":{"text":")" + text + R"("}})");
    }
    const size_t written = write(in_.write, rest);
    rest.erase(0, written);
    idle_rounds = written > 0 ? 0 : idle_rounds + 1;
    runALittle();
    ASSERT_LT(asked.size(), 1000u) << "it goes on reading";
  }
  std::string answers;
  while (idsIn(answers).size() < asked.size()) {
    answers += readAll(out_.read.get());
    rest.erase(0, write(in_.write, rest));
    runALittle();
  }
  EXPECT_EQ(idsIn(answers), asked);
}

TEST_F(ConnectionTest, OutputThatNobodyReadsAnyMoreEndsIt) {
  connect(in_.read.get(), out_.write.get());
  out_.read = Fd();
  write(in_.write, kHello);
  runToTheEnd();
  EXPECT_EQ(closed_, 1);
  EXPECT_NE(failure_, "");
}

TEST_F(ConnectionTest, AnEndlessLineEndsIt) {
  connect(in_.read.get(), out_.write.get());
  const std::string piece(65536, 'x');
  while (closed_ == 0) {
    write(in_.write, piece);
    runALittle();
  }
  EXPECT_NE(failure_, "");
}

TEST_F(ConnectionTest, StopsInTheMiddleOfSomething) {
  connect(in_.read.get(), out_.write.get());
  write(in_.write, kHello + kCountdown);
  runALittle();
  connection_->stop();
  runToTheEnd();
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(failure_, "");
}

}  // namespace
}  // namespace mcp_server
