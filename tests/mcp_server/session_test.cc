// What the example MCP server answers, message by message, in simulated time.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "mcp/event/dispatcher_extras.h"
#include "mcp_server/session.h"

namespace mcp_server {
namespace {

class SessionTest : public ::testing::Test, protected Outlet {
 protected:
  // Says one thing and returns what was heard since the last time.
  std::vector<Json> say(const std::string& text) {
    session_.receive(text);
    return heard();
  }
  std::vector<Json> say(const char* text) { return say(std::string(text)); }
  std::vector<Json> say(const Json& message) { return say(message.dump()); }

  std::vector<Json> after(std::chrono::milliseconds duration) {
    clock_.advance(duration);
    return heard();
  }

  Json answerTo(const Json& message) {
    const std::vector<Json> answers = say(message);
    EXPECT_EQ(answers.size(), 1u) << "to " << message;
    return answers.empty() ? Json() : answers.front();
  }

  static Json request(const Json& id, const std::string& method, const Json& params = Json::object()) {
    return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  }

  static Json countdown(const Json& id, int from) {
    return request(id, "tools/call",
                   {{"name", "countdown"},
                    {"arguments", {{"from", from}, {"interval_ms", 10}}},
                    {"_meta", {{"progressToken", "token"}}}});
  }

  static Json cancelled(const Json& id) {
    return {{"jsonrpc", "2.0"}, {"method", "notifications/cancelled"}, {"params", {{"requestId", id}}}};
  }

  Json initialize(const std::string& revision) {
    return answerTo(request("init", "initialize", {{"protocolVersion", revision}}));
  }

  bool congested_ = false;

 private:
  void send(const Json& message) override { sent_.push_back(message); }
  bool congested() const override { return congested_; }

  std::vector<Json> heard() {
    dispatcher_->run(mcp::event::RunType::NonBlock);
    return std::exchange(sent_, {});
  }

  mcp::event::SimulatedClock clock_;
  const mcp::event::DispatcherPtr dispatcher_ = mcp::event::createDispatcher("test", clock_);
  std::vector<Json> sent_;
  Session session_{*dispatcher_, *this};
};

int codeOf(const Json& answer) { return answer.at("error").at("code").get<int>(); }

TEST_F(SessionTest, SettlesOnTheRevisionThatTheClientWants) {
  const Json hello = initialize("2024-11-05");
  EXPECT_EQ(hello["id"], "init");
  EXPECT_EQ(hello["result"]["protocolVersion"], "2024-11-05");
  EXPECT_TRUE(hello["result"]["capabilities"].contains("tools"));
}

TEST_F(SessionTest, OffersItsNewestWhenItCannotDoWhatTheClientWants) {
  EXPECT_EQ(initialize("1999-12-31")["result"]["protocolVersion"], "2025-11-25");
}

TEST_F(SessionTest, OffersAHandshakeRevisionToAClientThatShakesHandsForANewerOne) {
  EXPECT_EQ(initialize("2026-07-28")["result"]["protocolVersion"], "2025-11-25");
}

TEST_F(SessionTest, AnswersPingsButNoWorkBeforeTheHandshake) {
  EXPECT_EQ(answerTo(request(1, "ping"))["result"], Json::object());
  EXPECT_EQ(codeOf(answerTo(request(2, "tools/list"))), kInvalidRequest);
  initialize("2025-06-18");
  EXPECT_EQ(answerTo(request(3, "tools/list"))["result"]["tools"].size(), 3u);
  EXPECT_EQ(codeOf(answerTo(request(4, "initialize", {{"protocolVersion", "2025-06-18"}}))), kInvalidRequest);
}

TEST_F(SessionTest, NamesWhatIsWrong) {
  initialize("2025-06-18");
  const std::string deep(100000, '[');
  const struct {
    std::string text;
    int code;
    Json id;
  } cases[] = {
      {"{", kParseError, nullptr},
      {"\"\xff\"", kParseError, nullptr},
      {deep, kParseError, nullptr},
      {"[]", kInvalidRequest, nullptr},
      {"42", kInvalidRequest, nullptr},
      {R"({"jsonrpc": "1.0", "id": 7, "method": "ping"})", kInvalidRequest, 7},
      {R"({"jsonrpc": "2.0", "id": 7})", kInvalidRequest, 7},
      {R"({"jsonrpc": "2.0", "id": 7, "method": 8})", kInvalidRequest, 7},
      {R"({"jsonrpc": "2.0", "id": null, "method": "ping"})", kInvalidRequest, nullptr},
      {R"({"jsonrpc": "2.0", "id": {}, "method": "ping"})", kInvalidRequest, nullptr},
      {R"({"jsonrpc": "2.0", "id": 7, "method": "no/such"})", kMethodNotFound, 7},
      {R"({"jsonrpc": "2.0", "id": 7, "method": "ping", "params": [1]})", kInvalidParams, 7},
      {R"({"jsonrpc": "2.0", "id": 7, "method": "tools/call"})", kInvalidParams, 7},
      {R"({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "rm"}})", kInvalidParams, 7},
      {R"({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "add", "arguments": 1}})",
       kInvalidParams, 7},
      {R"({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"cursor": "x"}})", kInvalidParams,
       7},
  };
  for (const auto& c : cases) {
    const std::vector<Json> answers = say(c.text);
    ASSERT_EQ(answers.size(), 1u) << c.text.substr(0, 100);
    EXPECT_EQ(codeOf(answers[0]), c.code) << c.text.substr(0, 100);
    EXPECT_EQ(answers[0]["id"], c.id) << c.text.substr(0, 100);
  }
}

TEST_F(SessionTest, SaysNothingToWhatWantsNoAnswer) {
  EXPECT_TRUE(say("").empty());
  EXPECT_TRUE(say(" \t\r").empty());
  EXPECT_TRUE(say(R"({"jsonrpc": "2.0", "method": "notifications/initialized"})").empty());
  EXPECT_TRUE(say(R"({"jsonrpc": "2.0", "method": "notifications/unheard-of", "params": 3})").empty());
  EXPECT_TRUE(say(R"({"jsonrpc": "2.0", "id": 3, "result": {}})").empty());
  EXPECT_TRUE(say(cancelled("nobody")).empty());
}

TEST_F(SessionTest, WrongArgumentsAreAnErrorBefore20251125) {
  const Json call = request(1, "tools/call", {{"name", "add"}, {"arguments", {{"a", 1}, {"b", "two"}}}});
  initialize("2025-06-18");
  EXPECT_EQ(codeOf(answerTo(call)), kInvalidParams);
}

TEST_F(SessionTest, WrongArgumentsAreAResultSince20251125) {
  initialize("2025-11-25");
  for (const Json& from : {Json(0), Json(1001), Json(1.5), Json("5"), Json()}) {
    const Json answer =
        answerTo(request(1, "tools/call", {{"name", "countdown"}, {"arguments", {{"from", from}}}}));
    EXPECT_EQ(answer["result"]["isError"], true) << answer;
  }
}

TEST_F(SessionTest, AddsAndEchoes) {
  initialize("2025-06-18");
  const Json sum =
      answerTo(request(1, "tools/call", {{"name", "add"}, {"arguments", {{"a", 0.5}, {"b", 2}}}}));
  EXPECT_EQ(sum["result"]["structuredContent"]["sum"], 2.5);
  EXPECT_EQ(sum["result"]["content"][0]["text"], "2.5");
  const std::string text = "line\nfeed \xe2\x82\xac";
  const Json echo = answerTo(request(2, "tools/call", {{"name", "echo"}, {"arguments", {{"text", text}}}}));
  EXPECT_EQ(echo["result"]["content"][0]["text"], text);
  EXPECT_EQ(encode(echo).find('\n'), encode(echo).size() - 1);
}

TEST_F(SessionTest, CountsDownInItsOwnTime) {
  initialize("2025-06-18");
  EXPECT_TRUE(say(countdown(1, 2)).empty());
  EXPECT_TRUE(after(std::chrono::milliseconds(9)).empty());
  const std::vector<Json> first = after(std::chrono::milliseconds(1));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0]["method"], "notifications/progress");
  EXPECT_EQ(first[0]["params"]["progressToken"], "token");
  EXPECT_EQ(first[0]["params"]["progress"], 1);
  EXPECT_EQ(first[0]["params"]["total"], 2);
  const std::vector<Json> last = after(std::chrono::milliseconds(10));
  ASSERT_EQ(last.size(), 2u);
  EXPECT_EQ(last[0]["params"]["progress"], 2);
  EXPECT_EQ(last[1]["id"], 1);
  EXPECT_EQ(last[1]["result"]["isError"], false);
  EXPECT_TRUE(after(std::chrono::hours(1)).empty());
}

TEST_F(SessionTest, SparesACongestedClientTheProgressButNotTheAnswer) {
  initialize("2025-06-18");
  say(countdown(1, 1));
  congested_ = true;
  const std::vector<Json> heard = after(std::chrono::milliseconds(10));
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0]["id"], 1);
}

TEST_F(SessionTest, ACancelledCallIsNeverHeardOfAgain) {
  initialize("2025-06-18");
  say(countdown("one", 5));
  say(countdown(1, 1));
  say(cancelled("one"));
  const std::vector<Json> heard = after(std::chrono::hours(1));
  ASSERT_EQ(heard.size(), 2u) << "the number 1 is another call than the string";
  EXPECT_EQ(heard[1]["id"], 1);
  EXPECT_TRUE(say(countdown("one", 1)).empty()) << "the id is free again";
}

TEST_F(SessionTest, AnIdInUseIsRefused) {
  initialize("2025-06-18");
  say(countdown(1, 1));
  EXPECT_EQ(codeOf(answerTo(countdown(1, 1))), kInvalidRequest);
}

TEST_F(SessionTest, AnswersABatchTogether) {
  initialize("2025-03-26");
  const Json ping = request(2, "ping");
  EXPECT_TRUE(say(Json::array({countdown(1, 1), cancelled("nobody"), ping, 42})).empty());
  const std::vector<Json> heard = after(std::chrono::milliseconds(10));
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[0]["method"], "notifications/progress");
  ASSERT_EQ(heard[1].size(), 3u) << heard[1];
  EXPECT_EQ(heard[1][0]["id"], 2);
  EXPECT_EQ(codeOf(heard[1][1]), kInvalidRequest);
  EXPECT_EQ(heard[1][2]["id"], 1);
}

TEST_F(SessionTest, SpeaksTheRevisionThatARequestNames) {
  const char* const key = "io.modelcontextprotocol/protocolVersion";
  const Json found = answerTo(request(1, "server/discover", {{"_meta", {{key, "2026-07-28"}}}}));
  EXPECT_EQ(found["result"]["supportedVersions"].back(), "2026-07-28");
  const Json list = answerTo(request(2, "tools/list", {{"_meta", {{key, "2026-07-28"}}}}));
  EXPECT_EQ(list["result"]["resultType"], "complete");
  const Json refused = answerTo(request(3, "tools/list", {{"_meta", {{key, "2999-01-01"}}}}));
  EXPECT_EQ(codeOf(refused), kUnsupportedProtocolVersion);
  EXPECT_EQ(refused["error"]["data"]["requested"], "2999-01-01");
}

}  // namespace
}  // namespace mcp_server
