// One thread for two libraries: a TCP server written on asio, and timers and a client written on ours. The
// dispatcher waits in asio's io_context, so neither needs a thread, a lock or a hop to reach the other.
//
//   asio_server

#include <asio.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "mcp/event/asio.h"
#include "mcp/event/dispatcher_extras.h"

namespace {

using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr int kQuestions = 5;

// Answers each line with its number, for as long as the client stays.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, int& answered) : socket_(std::move(socket)), answered_(answered) {}

  void serve() {
    const auto self = shared_from_this();
    asio::async_read_until(socket_, asio::dynamic_buffer(input_), '\n',
                           [self](const asio::error_code& error, std::size_t length) {
                             if (!error) {
                               self->answer(length);
                             }
                           });
  }

 private:
  void answer(std::size_t length) {
    const auto self = shared_from_this();
    output_ = "answer " + std::to_string(++answered_) + " to " + input_.substr(0, length);
    input_.erase(0, length);
    asio::async_write(socket_, asio::buffer(output_), [self](const asio::error_code& error, std::size_t) {
      if (!error) {
        self->serve();
      }
    });
  }

  tcp::socket socket_;
  int& answered_;
  std::string input_;
  std::string output_;
};

void accept(tcp::acceptor& acceptor, int& answered) {
  acceptor.async_accept([&](const asio::error_code& error, tcp::socket socket) {
    if (!error) {
      std::make_shared<Session>(std::move(socket), answered)->serve();
      accept(acceptor, answered);
    }
  });
}

void run() {
  asio::io_context context;
  const mcp::event::DispatcherPtr dispatcher = mcp::event::createAsioDispatcher("shared", context);
  const std::thread::id thread = std::this_thread::get_id();

  int answered = 0;
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  accept(acceptor, answered);
  std::cout << "an asio server on 127.0.0.1:" << acceptor.local_endpoint().port() << ", on a dispatcher on "
            << mcp::event::backendName(*dispatcher) << std::endl;

  // The client: its socket is watched by a file event, its questions come at the ticks of a timer.
  tcp::socket client(context);
  client.connect(acceptor.local_endpoint());
  client.non_blocking(true);
  std::string received;
  int answers = 0;
  const auto incoming = dispatcher->createFileEvent(
      client.native_handle(),
      [&](uint32_t) {
        char buffer[256];
        asio::error_code error;
        received.append(buffer, client.read_some(asio::buffer(buffer), error));
        for (std::size_t end; (end = received.find('\n')) != std::string::npos; received.erase(0, end + 1)) {
          std::cout << "  <- " << received.substr(0, end) << std::endl;
          ++answers;
        }
        if (error && error != asio::error::would_block) {
          throw asio::system_error(error, "the answer");
        }
        if (answers == kQuestions) {
          dispatcher->exit();
        }
      },
      mcp::event::FileTriggerType::Level, static_cast<uint32_t>(mcp::event::FileReadyType::Read));
  int asked = 0;
  mcp::event::PeriodicTimer questions(*dispatcher, [&] {
    const std::string question = "question " + std::to_string(++asked);
    std::cout << "  -> " << question << std::endl;
    asio::write(client, asio::buffer(question + '\n'));
    if (asked == kQuestions) {
      questions.disable();
    }
  });
  questions.enable(milliseconds(20));

  dispatcher->run(mcp::event::RunType::RunUntilExit);
  std::cout << answers << " answers, all on thread " << thread << std::endl;
}

}  // namespace

int main() {
  try {
    run();
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "asio_server: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
