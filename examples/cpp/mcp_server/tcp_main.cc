// The same MCP server for many clients over TCP, on a pool of four workers.
//
//   mcp_tcp_server [port]

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "mcp/event/dispatcher_extras.h"
#include "mcp/event/event_loop.h"
#include "mcp_server/connection.h"
#include "support/acceptor.h"
#include "support/loop_report.h"
#include "support/socket.h"

namespace {

using mcp::event::Dispatcher;
using mcp::event::ThreadPool;
using mcp::event::Worker;
using support::Fd;

constexpr size_t kWorkers = 4;

class Client : public mcp::event::DeferredDeletable {
 public:
  Client(Dispatcher& dispatcher, Fd socket, const std::function<void()>& on_closed)
      : socket_(std::move(socket)),
        // That a client breaks off is nothing unusual, and its own affair.
        connection_(dispatcher, socket_.get(), socket_.get(),
                    [on_closed](const std::string&) { on_closed(); }) {}

  void stop() { connection_.stop(); }

 private:
  const Fd socket_;
  mcp_server::Connection connection_;
};

// The clients of one worker. All but its construction and destruction happens on the worker's thread.
class Clients {
 public:
  explicit Clients(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

  void adopt(Fd socket) {
    const int key = socket.get();
    clients_[key] = std::make_unique<Client>(dispatcher_, std::move(socket), [this, key] { remove(key); });
  }

  // Ends all conversations, then calls `on_empty`.
  void stop(std::function<void()> on_empty) {
    // Each may leave the map from inside its stop().
    for (auto next = clients_.begin(); next != clients_.end();) {
      (next++)->second->stop();
    }
    on_empty_ = std::move(on_empty);
    if (clients_.empty()) {
      on_empty_();
    }
  }

 private:
  void remove(int key) {
    const auto found = clients_.find(key);
    // We are called from inside the client, so it dies later.
    dispatcher_.deferredDelete(std::move(found->second));
    clients_.erase(found);
    if (clients_.empty() && on_empty_) {
      on_empty_();
    }
  }

  Dispatcher& dispatcher_;
  std::unordered_map<int, std::unique_ptr<Client>> clients_;  // by socket
  std::function<void()> on_empty_;
};

// Accepts on the main loop and hands each connection to the next worker.
class Server {
 public:
  Server(Dispatcher& dispatcher, ThreadPool& pool, uint16_t port)
      : dispatcher_(dispatcher),
        pool_(pool),
        acceptor_(new support::Acceptor(dispatcher, port, [this](Fd socket) { adopt(std::move(socket)); })) {
    for (size_t i = 0; i < pool.size(); ++i) {
      Worker& worker = pool.getWorker(i);
      clients_[&worker] = std::make_unique<Clients>(worker.dispatcher());
    }
  }

  uint16_t port() const { return acceptor_->port(); }

  // Takes no more clients, lets each worker part from its own, and ends the main loop when all are gone.
  void stop() {
    if (!acceptor_) {
      return;
    }
    acceptor_.reset();
    busy_workers_ = clients_.size();
    for (const auto& entry : clients_) {
      Clients& clients = *entry.second;
      entry.first->dispatcher().post([this, &clients] { clients.stop([this] { onWorkerEmpty(); }); });
    }
  }

 private:
  void adopt(Fd socket) {
    Worker& worker = pool_.nextWorker();
    Clients& clients = *clients_.at(&worker);
    mcp::event::post(worker.dispatcher(),
                     [&clients, socket = std::move(socket)]() mutable { clients.adopt(std::move(socket)); });
  }

  // On a worker's thread.
  void onWorkerEmpty() {
    dispatcher_.post([this] {
      if (--busy_workers_ == 0) {
        dispatcher_.exit();
      }
    });
  }

  Dispatcher& dispatcher_;
  ThreadPool& pool_;
  std::unique_ptr<support::Acceptor> acceptor_;
  std::unordered_map<Worker*, std::unique_ptr<Clients>> clients_;
  size_t busy_workers_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto port = static_cast<uint16_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0);
  // A client that went away is told by write().
  std::signal(SIGPIPE, SIG_IGN);
  const auto factory = mcp::event::createPlatformDefaultDispatcherFactory();
  const auto workers = mcp::event::createDefaultWorkerFactory();
  const auto dispatcher = factory->createDispatcher("main");
  const auto pool = mcp::event::createThreadPool();
  pool->initialize(kWorkers, *factory, *workers);
  support::recordLoop(*dispatcher);
  for (size_t i = 0; i < pool->size(); ++i) {
    support::recordLoop(pool->getWorker(i).dispatcher());
  }

  Server server(*dispatcher, *pool, port);
  const auto stop_on_term = dispatcher->listenForSignal(SIGTERM, [&] { server.stop(); });
  const auto stop_on_int = dispatcher->listenForSignal(SIGINT, [&] { server.stop(); });
  pool->start();
  std::cout << "listening on 127.0.0.1:" << server.port() << std::endl;
  dispatcher->run(mcp::event::RunType::RunUntilExit);
  pool->stop();

  support::reportLoop(std::cerr, *dispatcher);
  for (size_t i = 0; i < pool->size(); ++i) {
    support::reportLoop(std::cerr, pool->getWorker(i).dispatcher());
  }
  return EXIT_SUCCESS;
}
