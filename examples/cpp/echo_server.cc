// A TCP echo server: one loop, edge-triggered, for clients that read as slowly as they like.
//
//   echo_server [port]

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <unordered_map>
#include <utility>

#include "mcp/event/event_loop.h"
#include "support/acceptor.h"
#include "support/loop_report.h"
#include "support/socket.h"

namespace {

using mcp::event::Dispatcher;
using mcp::event::FileReadyType;
using mcp::event::FileTriggerType;
using support::Fd;

const uint32_t kReadWrite = static_cast<uint32_t>(FileReadyType::Read | FileReadyType::Write);
constexpr int kStepsInOneGo = 32;

class Client : public mcp::event::DeferredDeletable {
 public:
  Client(Dispatcher& dispatcher, Fd socket, std::function<void()> on_closed)
      : socket_(std::move(socket)),
        on_closed_(std::move(on_closed)),
        // Registered once for both directions: with edges, an event costs nothing while nothing changes.
        event_(dispatcher.createFileEvent(
            socket_.get(), [this](uint32_t) { echo(); }, FileTriggerType::Edge, kReadWrite)) {}

 private:
  // An edge is told once, so go on until the kernel has no more to read or takes no more to write. Nothing is
  // read while something waits to be written: a client that does not read is not read from.
  void echo() {
    for (int step = 0; step < kStepsInOneGo; ++step) {
      const bool moved = begin_ < end_ ? writeSome() : readSome();
      if (!moved) {
        return;
      }
    }
    // It is the others' turn now, and ours again in the next iteration.
    event_->activate(kReadWrite);
  }

  bool readSome() {
    const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (size <= 0) {
      return goOn(size);
    }
    begin_ = 0;
    end_ = static_cast<size_t>(size);
    return true;
  }

  bool writeSome() {
    const ssize_t size = ::send(socket_.get(), buffer_.data() + begin_, end_ - begin_, 0);
    if (size <= 0) {
      return goOn(size);
    }
    begin_ += static_cast<size_t>(size);
    return true;
  }

  // What to do when nothing moved: try again, wait for the next edge, or part.
  bool goOn(ssize_t size) {
    if (size < 0 && errno == EINTR) {
      return true;
    }
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return false;
    }
    event_->setEnabled(0);
    on_closed_();
    return false;
  }

  const Fd socket_;
  const std::function<void()> on_closed_;
  std::array<char, 16 * 1024> buffer_;
  // The part of the buffer that was read and not yet written back.
  size_t begin_ = 0;
  size_t end_ = 0;
  const mcp::event::FileEventPtr event_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto port = static_cast<uint16_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0);
  // A client that went away is told by send().
  std::signal(SIGPIPE, SIG_IGN);
  const auto dispatcher = mcp::event::createPlatformDefaultDispatcherFactory()->createDispatcher("echo");
  support::recordLoop(*dispatcher);

  std::unordered_map<int, std::unique_ptr<Client>> clients;  // by socket
  const support::Acceptor acceptor(*dispatcher, port, [&](Fd socket) {
    const int key = socket.get();
    clients[key] = std::make_unique<Client>(*dispatcher, std::move(socket), [&, key] {
      // We are called from inside the client, so it dies later.
      dispatcher->deferredDelete(std::move(clients[key]));
      clients.erase(key);
    });
  });
  const auto stop_on_term = dispatcher->listenForSignal(SIGTERM, [&] { dispatcher->exit(); });
  const auto stop_on_int = dispatcher->listenForSignal(SIGINT, [&] { dispatcher->exit(); });
  std::cout << "listening on 127.0.0.1:" << acceptor.port() << std::endl;
  dispatcher->run(mcp::event::RunType::RunUntilExit);
  support::reportLoop(std::cerr, *dispatcher);
  return EXIT_SUCCESS;
}
