// A TCP server that answers each line with the same line, on two workers; and a guard dog that watches them.
// One request is bad: for "stall", the worker waits for a database that has no answer. The guard dog finds
// out, and its report tells which worker, how long, in which callback, with which request, and where. Its
// action on the second report makes the database answer, so the worker gets on.
//
//   stalled_server [port]

#include <mcp_event.h>
#include <sys/socket.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mcp/event/event_loop.h"
#include "mcp/event/guard_dog.h"
#include "mcp/event/label.h"
#include "support/acceptor.h"
#include "support/socket.h"

namespace stalled_server {

using mcp::event::Dispatcher;
using mcp::event::FileReadyType;
using mcp::event::FileTriggerType;
using support::Fd;

// Answers only once somebody has repaired it.
class Database {
 public:
  void repair() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_broken_ = false;
    repaired_.notify_all();
  }

  // What no callback should ever do: it waits.
  __attribute__((noinline)) void query() {
    std::unique_lock<std::mutex> lock(mutex_);
    repaired_.wait(lock, [this] { return !is_broken_; });
    is_broken_ = true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable repaired_;
  bool is_broken_ = true;
};

// What a worker is about, for reports.
class Request : public mcp::event::ScopeTrackedObject {
 public:
  Request(Dispatcher& dispatcher, const std::string& line) : dispatcher_(dispatcher), line_(line) {
    dispatcher_.pushTrackedObject(this);
  }
  ~Request() { dispatcher_.popTrackedObject(this); }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  void dumpState(std::ostream& os, int indent_level) const override {
    os << std::string(static_cast<size_t>(indent_level), ' ') << "request \"" << line_ << "\"\n";
  }

 private:
  Dispatcher& dispatcher_;
  const std::string& line_;
};

// Lives on a worker.
class Client : public mcp::event::DeferredDeletable {
 public:
  Client(Dispatcher& dispatcher, Database& database, Fd socket, std::function<void()> on_closed)
      : dispatcher_(dispatcher),
        database_(database),
        socket_(std::move(socket)),
        on_closed_(std::move(on_closed)),
        readable_(dispatcher.createFileEvent(
            socket_.get(), [this](uint32_t) { read(); }, FileTriggerType::Level,
            static_cast<uint32_t>(FileReadyType::Read))) {
    mcp::event::setLabel(*readable_, "client");
  }

 private:
  void read() {
    char buffer[4096];
    const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
      return;
    }
    if (size <= 0) {
      readable_->setEnabled(0);
      on_closed_();
      return;
    }
    unanswered_.append(buffer, static_cast<size_t>(size));
    for (size_t end; (end = unanswered_.find('\n')) != std::string::npos; unanswered_.erase(0, end + 1)) {
      answer(unanswered_.substr(0, end));
    }
  }

  void answer(const std::string& line) {
    const Request request(dispatcher_, line);
    if (line == "stall") {
      database_.query();
    }
    const std::string reply = line + "\n";
    // A client that does not read its few lines gets no more of them.
    ::send(socket_.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
  }

  Dispatcher& dispatcher_;
  Database& database_;
  const Fd socket_;
  const std::function<void()> on_closed_;
  std::string unanswered_;
  const mcp::event::FileEventPtr readable_;
};

// The clients of one worker; used on its thread alone.
class Clients {
 public:
  Clients(Dispatcher& dispatcher, Database& database) : dispatcher_(dispatcher), database_(database) {}

  void add(Fd socket) {
    const int key = socket.get();
    clients_[key] = std::make_unique<Client>(dispatcher_, database_, std::move(socket), [this, key] {
      // We are called from inside the client, so it dies later.
      dispatcher_.deferredDelete(std::move(clients_[key]));
      clients_.erase(key);
    });
  }

 private:
  Dispatcher& dispatcher_;
  Database& database_;
  std::unordered_map<int, std::unique_ptr<Client>> clients_;  // by socket
};

// The library's log: reports of the guard dog come this way.
void writeLog(void*, int, const char* message) { std::cerr << message << std::endl; }

int serve(uint16_t port) {
  mcp_event_set_log(writeLog, MCP_EVENT_LOG_INFO, nullptr, nullptr);
  const auto dispatchers = mcp::event::createPlatformDefaultDispatcherFactory();
  const auto workers = mcp::event::createDefaultWorkerFactory();
  const auto main_loop = dispatchers->createDispatcher("main");
  const auto pool = mcp::event::createThreadPool();
  pool->initialize(2, *dispatchers, *workers);

  Database database;
  mcp::event::GuardDogOptions options;
  options.miss = std::chrono::milliseconds(100);
  options.megamiss = std::chrono::milliseconds(300);
  mcp::event::GuardDog dog(options);
  dog.watch(*main_loop);
  dog.watch(*pool);
  dog.on(mcp::event::GuardDogEvent::Megamiss, [&](const mcp::event::GuardDogReport&) { database.repair(); });

  std::vector<std::unique_ptr<Clients>> clients;
  for (size_t i = 0; i < pool->size(); ++i) {
    clients.push_back(std::make_unique<Clients>(pool->getWorker(i).dispatcher(), database));
  }
  pool->start();
  size_t next = 0;
  const support::Acceptor acceptor(*main_loop, port, [&](Fd socket) {
    const size_t worker = next++ % pool->size();
    const auto shared = std::make_shared<Fd>(std::move(socket));
    pool->getWorker(worker).dispatcher().post(
        [&clients, worker, shared] { clients[worker]->add(std::move(*shared)); });
  });
  const auto stop_on_term = main_loop->listenForSignal(SIGTERM, [&] { main_loop->exit(); });
  const auto stop_on_int = main_loop->listenForSignal(SIGINT, [&] { main_loop->exit(); });
  std::cout << "listening on 127.0.0.1:" << acceptor.port() << std::endl;
  main_loop->run(mcp::event::RunType::RunUntilExit);

  pool->stop();
  const mcp::event::GuardDogFigures figures = dog.figures();
  std::cerr << figures.misses << " misses, " << figures.megamisses << " megamisses, " << figures.recoveries
            << " recoveries" << std::endl;
  return EXIT_SUCCESS;
}

}  // namespace stalled_server

int main(int argc, char** argv) {
  return stalled_server::serve(static_cast<uint16_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0));
}
