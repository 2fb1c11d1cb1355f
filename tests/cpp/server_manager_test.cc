#include "mcp/event/server_manager.h"

#include <sched.h>
#ifdef _WIN32
#include <winsock2.h>
#else
#include <signal.h>
#endif

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support.h"

namespace mcp_event_test {
namespace {

const char kCountdown[] = R"({"name": "countdown", "arguments": {"from": 1000, "interval_ms": 60000}})";
const char kShortCountdown[] = R"({"name": "countdown", "arguments": {"from": 3, "interval_ms": 0}})";

#ifdef _WIN32
bool isAlive(pid_t pid) {
  const HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, static_cast<DWORD>(pid));
  const bool alive = process != nullptr && WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
  CloseHandle(process);
  return alive;
}
bool kill(pid_t pid) {
  const HANDLE process = OpenProcess(PROCESS_TERMINATE, FALSE, static_cast<DWORD>(pid));
  const bool killed = TerminateProcess(process, 1) != 0;
  CloseHandle(process);
  return killed;
}
#else
bool isAlive(pid_t pid) { return ::kill(pid, 0) == 0; }
bool kill(pid_t pid) { return ::kill(pid, SIGKILL) == 0; }
#endif

// Servers of the example program, with these names.
ServerConfig examples(const std::vector<std::string>& names) {
  std::string json;
  for (const std::string& name : names) {
    json += (json.empty() ? "\"" : ", \"") + name + R"(": {"command": ")" + MCP_STDIO_SERVER + "\"}";
  }
  return ServerConfig::parse(R"({"mcpServers": {)" + json + "}}");
}

// What a manager told of its servers.
class Changes {
 public:
  void note(const ServerInfo& info) {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_[info.name] = info.status;
    changed_.notify_all();
  }
  // Waits until it told that the server has this status.
  void await(const std::string& server, ServerStatus status) {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool in_time = changed_.wait_for(lock, kGuard, [&] {
      const auto found = status_.find(server);
      return found != status_.end() && found->second == status;
    });
    ASSERT_TRUE(in_time) << server << " was never " << serverStatusName(status);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, ServerStatus> status_;
};

// What came of a request.
class Answer {
 public:
  CallCallback callback() {
    return [this](const CallResult& result) {
      ++calls_;
      result_ = result;
      came_.set();
    };
  }
  const CallResult& await() {
    came_.wait();
    EXPECT_EQ(1, calls_);
    return result_;
  }
  int calls() const { return calls_; }

 private:
  Event came_;
  std::atomic<int> calls_{0};
  CallResult result_;
};

class Servers : public testing::Test {
 protected:
  // Starts servers of these names, and waits until they are ready.
  void start(const std::vector<std::string>& names) {
    manager_ = std::make_unique<ServerManager>(examples(names));
    manager_->onChange([this](const ServerInfo& info) { changes_.note(info); });
    manager_->start();
    for (const std::string& name : names) {
      changes_.await(name, ServerStatus::Running);
    }
  }
  // The number of its process comes by another way than its first answer, perhaps a moment later.
  pid_t awaitPid(const std::string& name) {
    pid_t pid = 0;
    while ((pid = static_cast<pid_t>(manager_->info(name).pid)) == 0) {
      ::sched_yield();
    }
    return pid;
  }

  Changes changes_;
  std::unique_ptr<ServerManager> manager_;
};

TEST_F(Servers, AreStartedListedAndStopped) {
  start({"one", "two"});
  const pid_t pid = awaitPid("two");
  const std::vector<ServerInfo> servers = manager_->list();
  ASSERT_EQ(2u, servers.size());
  const ServerInfo& two = servers[1];
  EXPECT_EQ("two", two.name);
  EXPECT_EQ(ServerStatus::Running, two.status);
  EXPECT_EQ(pid, static_cast<pid_t>(two.pid));
  EXPECT_EQ("mcp-event-example", two.peer_name);
  EXPECT_FALSE(two.protocol_version.empty());
  EXPECT_EQ('{', two.capabilities.at(0));
  EXPECT_THROW(manager_->info("three"), UnknownServer);
  manager_->stop();
  EXPECT_FALSE(isAlive(pid));
  EXPECT_EQ(ServerStatus::Stopped, manager_->info("two").status);
}

TEST_F(Servers, AreStoppedStartedAndRestartedOneByOne) {
  start({"it"});
  manager_->stopServer("it");
  EXPECT_EQ(0u, manager_->info("it").pid);
  changes_.await("it", ServerStatus::Stopped);
  manager_->startServer("it");
  changes_.await("it", ServerStatus::Running);
  manager_->restartServer("it");
  EXPECT_THROW(manager_->startServer("nobody"), UnknownServer);
  EXPECT_THROW(manager_->stopServer("nobody"), UnknownServer);
  EXPECT_THROW(manager_->restartServer("nobody"), UnknownServer);
}

TEST_F(Servers, AnswerWithAResultOrAnError) {
  start({"it"});
  const std::string sum =
      manager_->callAndWait("it", "tools/call", R"({"name": "add", "arguments": {"a": 40, "b": 2}})");
  EXPECT_NE(std::string::npos, sum.find("42")) << sum;
  try {
    manager_->callAndWait("it", "no/such/method");
    ADD_FAILURE() << "it was answered";
  } catch (const RpcError& error) {
    EXPECT_EQ(-32601, error.code());
    EXPECT_FALSE(error.message().empty());
    EXPECT_NE(std::string::npos, std::string(error.what()).find(error.message()));
  }
  Answer answer;
  EXPECT_NE(0u, manager_->call("it", "tools/list", "", answer.callback()));
  EXPECT_TRUE(answer.await().ok());
  EXPECT_NE(std::string::npos, answer.await().get().find("countdown"));
  manager_->notify("it", "notifications/of/mine");
}

TEST_F(Servers, ThatAreDownSaySo) {
  start({"it"});
  manager_->stopServer("it");
  try {
    manager_->callAndWait("it", "ping");
    ADD_FAILURE() << "it was answered";
  } catch (const ServerDown& error) {
    EXPECT_EQ(ServerStatus::Stopped, error.status());
  }
  EXPECT_THROW(manager_->callAndWait("nobody", "ping"), UnknownServer);
}

TEST_F(Servers, AreWaitedFor) {
  manager_ = std::make_unique<ServerManager>(examples({"it"}));
  manager_->start();
  CallOptions options;
  options.when_down = WhenDown::Wait;
  EXPECT_EQ("{}", manager_->callAndWait("it", "ping", "", options));
}

TEST_F(Servers, TellTheirProgressBeforeTheAnswer) {
  start({"it"});
  std::vector<double> news;
  Answer answer;
  CallOptions options;
  options.on_progress = [&](const CallProgress& progress) {
    EXPECT_EQ(0, answer.calls());
    EXPECT_TRUE(progress.has_total);
    EXPECT_EQ(3, progress.total);
    news.push_back(progress.progress);
  };
  manager_->call("it", "tools/call", kShortCountdown, options, answer.callback());
  EXPECT_TRUE(answer.await().ok());
  EXPECT_EQ((std::vector<double>{1, 2, 3}), news);
}

TEST_F(Servers, RequestsTimeOutAndCanBeCancelled) {
  start({"it"});
  CallOptions options;
  options.timeout = milliseconds(1);
  EXPECT_THROW(manager_->callAndWait("it", "tools/call", kCountdown, options), CallTimeout);
  Answer answer;
  const CallId call = manager_->call("it", "tools/call", kCountdown, answer.callback());
  manager_->cancel("it", call);
  EXPECT_EQ(CallOutcome::Cancelled, answer.await().outcome);
  EXPECT_THROW(answer.await().get(), CallCancelled);
  EXPECT_THROW(manager_->cancel("nobody", call), UnknownServer);
}

TEST_F(Servers, ThatDieAreStartedAnew) {
  start({"it"});
  Answer answer;
  manager_->call("it", "tools/call", kCountdown, answer.callback());
  // Calls go out in their order, so with this answer the server has both.
  manager_->callAndWait("it", "ping");
  ASSERT_TRUE(kill(awaitPid("it")));
  EXPECT_THROW(answer.await().get(), ConnectionLost);
  changes_.await("it", ServerStatus::Running);
  EXPECT_EQ(1u, manager_->info("it").restarts);
}

TEST_F(Servers, EveryCallbackIsCalledOnceWhenTheManagerGoes) {
  start({"it", "other"});
  std::vector<std::unique_ptr<Answer>> answers;
  for (int i = 0; i < 20; ++i) {
    answers.push_back(std::make_unique<Answer>());
    manager_->call(i % 2 == 0 ? "it" : "other", "tools/call", kCountdown, answers.back()->callback());
  }
  manager_.reset();
  for (const std::unique_ptr<Answer>& answer : answers) {
    EXPECT_EQ(1, answer->calls());
    EXPECT_FALSE(answer->await().ok());
  }
}

TEST_F(Servers, AfterTheStopThereIsAnAnswerToo) {
  start({"it"});
  manager_->stop();
  Answer answer;
  manager_->call("it", "ping", "", answer.callback());
  EXPECT_EQ(CallOutcome::ManagerStopped, answer.await().outcome);
  EXPECT_THROW(manager_->callAndWait("it", "ping"), ManagerStopped);
  EXPECT_THROW(manager_->startServer("it"), ManagerStopped);
  EXPECT_THROW(manager_->reload(examples({"it"})), ManagerStopped);
}

TEST_F(Servers, WhatCallbacksThrowEndsNothing) {
  manager_ = std::make_unique<ServerManager>(examples({"it"}));
  // It is told of the end too, which comes after this function's.
  const auto told = std::make_shared<std::atomic<int>>(0);
  manager_->onChange([this, told](const ServerInfo& info) {
    ++*told;
    changes_.note(info);
    throw std::runtime_error("the cat sat on the keyboard");
  });
  manager_->start();
  changes_.await("it", ServerStatus::Running);
  CallOptions options;
  options.on_progress = [](const CallProgress&) { throw 42; };
  manager_->call("it", "tools/call", kShortCountdown, options,
                 [](const CallResult&) { throw std::runtime_error("and again"); });
  Answer answer;
  manager_->call("it", "ping", "", answer.callback());
  EXPECT_TRUE(answer.await().ok());
  EXPECT_LT(1, *told);
}

TEST_F(Servers, CallbacksRunOnTheDispatcherThatIsNamed) {
  LibeventDispatcher dispatcher("callbacks");
  ServerManagerOptions options;
  options.dispatcher = &dispatcher;
  ServerManager manager(examples({"it"}), options);
  const std::thread::id here = std::this_thread::get_id();
  manager.onChange([&](const ServerInfo& info) {
    EXPECT_EQ(here, std::this_thread::get_id());
    if (info.status == ServerStatus::Running) {
      manager.call("it", "ping", "", [&](const CallResult& result) {
        EXPECT_TRUE(result.ok()) << result.text;
        EXPECT_EQ(here, std::this_thread::get_id());
        dispatcher.exit();
      });
    }
  });
  manager.start();
  runUntilExit(dispatcher);
}

TEST_F(Servers, AnAnswerComesToTheDispatcherOfItsRequest) {
  start({"it"});
  LibeventDispatcher dispatcher("answers");
  CallOptions options;
  options.dispatcher = &dispatcher;
  manager_->call("it", "ping", "", options, [&](const CallResult& result) {
    EXPECT_TRUE(result.ok()) << result.text;
    EXPECT_TRUE(dispatcher.isThreadSafe());
    dispatcher.exit();
  });
  runUntilExit(dispatcher);
}

TEST_F(Servers, ACallbackDoesNotWaitButMayDestroyTheManager) {
  start({"it"});
  Answer in_flight;
  Event gone;
  manager_->call("it", "tools/call", kCountdown, in_flight.callback());
  manager_->call("it", "ping", "", [&](const CallResult&) {
    EXPECT_THROW(manager_->callAndWait("it", "ping"), std::logic_error);
    EXPECT_THROW(manager_->stop(), std::logic_error);
    manager_.reset();
    gone.set();
  });
  gone.wait();
  EXPECT_FALSE(in_flight.await().ok());
  changes_.await("it", ServerStatus::Stopped);
}

TEST_F(Servers, ANewConfigurationIsTakenOver) {
  start({"kept", "gone"});
  const pid_t pid = awaitPid("kept");
  const ServerChange change = manager_->reload(examples({"kept", "new"}));
  EXPECT_EQ((std::vector<std::string>{"new"}), change.added);
  EXPECT_EQ((std::vector<std::string>{"gone"}), change.removed);
  EXPECT_EQ((std::vector<std::string>{"kept"}), change.unchanged);
  EXPECT_TRUE(change.changed.empty() && change.relabelled.empty());
  changes_.await("new", ServerStatus::Running);
  EXPECT_EQ(pid, static_cast<pid_t>(manager_->info("kept").pid));
}

TEST_F(Servers, TheirFiguresAndLogsAreReadable) {
  start({"it"});
  const std::string figures = manager_->prometheus();
  EXPECT_NE(std::string::npos, figures.find(R"(mcp_server_status{server="it",status="running"} 1)"));
  // The example server says on its stderr what its loop did, when it ends.
  manager_->stopServer("it");
  const std::vector<ServerLogLine> lines = manager_->logSince("it");
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(1u, lines[0].number);
  EXPECT_TRUE(manager_->logSince("it", lines.back().number + 1).empty());
  EXPECT_TRUE(manager_->logSince("nobody").empty());
}

TEST_F(Servers, TheirManagerCanBeMovedButNotCopied) {
  static_assert(!std::is_copy_constructible<ServerManager>::value, "a manager is one");
  start({"it"});
  ServerManager moved(std::move(*manager_));
  EXPECT_EQ("{}", moved.callAndWait("it", "ping"));
  EXPECT_THROW(manager_->list(), std::invalid_argument);
  *manager_ = std::move(moved);
  EXPECT_EQ("{}", manager_->callAndWait("it", "ping"));
}

TEST_F(Servers, MisuseIsRefused) {
  ServerManager manager(examples({"it"}));
  EXPECT_THROW(manager.list(), std::logic_error);
  EXPECT_THROW(manager.onChange(nullptr), std::invalid_argument);
  manager.start();
  EXPECT_THROW(manager.start(), std::logic_error);
  EXPECT_THROW(manager.onChange([](const ServerInfo&) {}), std::logic_error);
  EXPECT_THROW(manager.call("it", "ping", "", nullptr), std::invalid_argument);
  EXPECT_THROW(manager.call("it", "ping", "{", [](const CallResult&) {}), std::invalid_argument);
  EXPECT_THROW(manager.callAndWait(std::string("it\0", 3), "ping"), std::invalid_argument);
  CallOptions options;
  options.timeout = microseconds(-1);
  EXPECT_THROW(manager.callAndWait("it", "ping", "", options), std::invalid_argument);
  options = CallOptions();
  options.when_down = WhenDown::Wait;
  EXPECT_THROW(manager.callAndWait("it", "ping", "7", options), InvalidRequest);
  ForeignDispatcher foreign("foreign");
  options.dispatcher = &foreign;
  EXPECT_THROW(manager.callAndWait("it", "ping", "", options), std::invalid_argument);
}

TEST(ServerConfigs, SayWhatIsWrongAndWhere) {
  try {
    ServerConfig::parse(R"({"mcpServers": {"it": {"command": 7}}})");
    ADD_FAILURE() << "it was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string::npos, std::string(error.what()).find("$.mcpServers.it.command"));
  }
  EXPECT_THROW(ServerConfig::parse(""), std::invalid_argument);
  EXPECT_THROW(ServerConfig::fromFile("/no/such/file"), std::system_error);
  const ServerConfig config =
      ServerConfig::parse(R"({"mcpServers": {"it": {"command": "x", "comand": "y"}}})");
  ASSERT_EQ(1u, config.warnings().size());
  EXPECT_NE(std::string::npos, config.warnings()[0].find("$.mcpServers.it.comand"));
}

TEST(ServerStatuses, HaveNames) {
  EXPECT_STREQ("starting", serverStatusName(ServerStatus::Starting));
  EXPECT_STREQ("backoff", serverStatusName(ServerStatus::Backoff));
  EXPECT_STREQ("unknown", serverStatusName(static_cast<ServerStatus>(99)));
}

}  // namespace
}  // namespace mcp_event_test
