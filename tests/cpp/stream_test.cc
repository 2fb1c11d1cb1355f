// Streams, listeners and connects through the wrapper; the rest of their behaviour is proved in Rust.
#include "mcp/event/stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "mcp/event/label.h"
#include "support.h"

namespace {

using namespace mcp::event;

DispatcherPtr newDispatcher() {
  return createPlatformDefaultDispatcherFactory()->createDispatcher("streams");
}

TEST(StreamTest, ListenerAndConnectMeetAndEcho) {
  const DispatcherPtr dispatcher = newDispatcher();
  StreamPtr server;
  StreamPtr client;
  std::string received;
  Listener listener(*dispatcher, "127.0.0.1:0", [&](StreamPtr stream, const std::error_code& error) {
    ASSERT_FALSE(error);
    server = std::move(stream);
    server->receive([&](const Received& in) {
      if (in.kind == Received::Kind::Data) {
        EXPECT_TRUE(server->send(in.data, in.size));
      }
    });
  });
  Connect connect(*dispatcher, listener.address(), std::chrono::seconds(5),
                  [&](StreamPtr stream, const std::error_code& error) {
                    ASSERT_FALSE(error);
                    client = std::move(stream);
                    client->setNoDelay(true);
                    client->receive([&](const Received& in) {
                      received.append(in.data, in.size);
                      if (received == "hello") {
                        dispatcher->exit();
                      }
                    });
                    EXPECT_TRUE(client->send("hello", 5));
                  });
  dispatcher->run(RunType::Block);
  EXPECT_EQ(received, "hello");
  EXPECT_GE(client->fd(), 0);
}

TEST(StreamTest, CompletionsAndEndsAreTold) {
  const DispatcherPtr dispatcher = newDispatcher();
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  Stream stream(*dispatcher, pair[0]);
  bool sent = false;
  bool ended = false;
  EXPECT_TRUE(stream.send("x", 1, [&](const std::error_code& error) {
    sent = !error;
    dispatcher->exit();
  }));
  EXPECT_FALSE(sent);
  dispatcher->run(RunType::Block);
  stream.receive([&](const Received& in) {
    ended = in.kind == Received::Kind::End;
    dispatcher->exit();
  });
  stream.shutdown();
  EXPECT_FALSE(stream.send("y", 1));
  // Not a close: with a byte unread, that would be a reset.
  ASSERT_EQ(shutdown(pair[1], SHUT_WR), 0);
  dispatcher->run(RunType::Block);
  EXPECT_TRUE(sent);
  EXPECT_TRUE(ended);
  EXPECT_THROW(stream.receive([](const Received&) {}), std::logic_error);
  close(pair[1]);
}

TEST(StreamTest, P11_AnExceptionOfAReceiverComesOutOfRun) {
  const DispatcherPtr dispatcher = newDispatcher();
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  Stream stream(*dispatcher, pair[0]);
  stream.receive([](const Received&) { throw std::runtime_error("of the receiver"); });
  ASSERT_EQ(write(pair[1], "x", 1), 1);
  EXPECT_THROW(dispatcher->run(RunType::Block), std::runtime_error);
  close(pair[1]);
}

TEST(StreamTest, CallbacksAreToldWithTheirLabels) {
  const DispatcherPtr dispatcher = newDispatcher();
  StreamPtr server;
  StreamPtr client;
  std::vector<std::string> told;
  const auto tell = [&] {
    told.push_back(doing(*dispatcher).label);
    if (told.size() == 3) {
      dispatcher->exit();
    }
  };
  Listener listener(*dispatcher, "127.0.0.1:0", [&](StreamPtr stream, const std::error_code&) {
    tell();
    server = std::move(stream);
    setLabel(*server, "a stream");
    server->receive([&](const Received&) { tell(); });
  });
  Connect connect(*dispatcher, listener.address(), std::chrono::seconds(0),
                  [&](StreamPtr stream, const std::error_code&) {
                    tell();
                    client = std::move(stream);
                    EXPECT_TRUE(client->send("x", 1));
                  });
  setLabel(listener, "a listener");
  setLabel(connect, "a connect");
  dispatcher->run(RunType::Block);
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, (std::vector<std::string>{"a connect", "a listener", "a stream"}));
  EXPECT_THROW(setLabel(*server, ""), std::invalid_argument);
}

TEST(StreamTest, WhatMakesNoSenseIsRefused) {
  const DispatcherPtr dispatcher = newDispatcher();
  EXPECT_THROW(Stream(*dispatcher, -1), std::system_error);
  EXPECT_THROW(Listener(*dispatcher, "nowhere", [](StreamPtr, const std::error_code&) {}),
               std::invalid_argument);
  EXPECT_THROW(Listener(*dispatcher, "127.0.0.1:0", nullptr), std::invalid_argument);
  EXPECT_THROW(Connect(*dispatcher, "unix:/no/such/place", std::chrono::seconds(0),
                       [](StreamPtr, const std::error_code&) {}),
               std::system_error);
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  Stream stream(*dispatcher, pair[0]);
  EXPECT_THROW(stream.receive(nullptr), std::invalid_argument);
  EXPECT_THROW(stream.send("x", 1, nullptr), std::invalid_argument);
  EXPECT_THROW(stream.setReceiveTimeout(std::chrono::microseconds(-1)), std::invalid_argument);
  EXPECT_THROW(stream.setSendTimeout(std::chrono::microseconds(-1)), std::invalid_argument);
  stream.setSendLimit(1);
  EXPECT_EQ(stream.queued(), 0u);
  close(pair[1]);
}

}  // namespace
