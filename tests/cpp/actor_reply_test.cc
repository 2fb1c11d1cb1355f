// Requests and replies: an outcome comes exactly once.
#include "mcp/event/actor_reply.h"

#include <algorithm>
#include <stdexcept>

#include "mcp/event/actor.h"
#include "support.h"

namespace mcp_event_test {
namespace {

using Asked = std::unique_ptr<int>;

// What the actor of these tests is asked.
struct Question {
  enum class Kind { Echo, Drop, Keep, Throw };

  Kind kind = Kind::Echo;
  int number = 0;
  Reply<Asked> reply{nullptr};
};

// An actor, and one who asks it, on one loop in simulated time.
class ActorReply : public testing::Test {
 protected:
  ActorReply() {
    ActorSystemOptions options;
    options.dispatchers = {dispatcher_.get()};
    system_ = std::make_unique<ActorSystem>(options);
    ActorOptions bounded;
    bounded.mailbox = 2;
    actor_ = std::make_unique<ActorRef<Question>>(
        system_->spawn<Question>([this](Question question) { answer(std::move(question)); }, bounded));
    run();
  }
  ~ActorReply() override {
    system_->beginStop();
    run();
  }

  void run() { dispatcher_->run(RunType::NonBlock); }

  void ask(Question::Kind kind, microseconds timeout = microseconds(0)) {
    actor_->ask<Asked>(
        [kind](Reply<Asked> reply) {
          Question question;
          question.kind = kind;
          question.number = 42;
          question.reply = std::move(reply);
          return question;
        },
        *dispatcher_, [this](AskResult<Asked> result) { outcomes_.push_back(std::move(result)); }, timeout);
  }
  AskStatus onlyOutcome() {
    EXPECT_EQ(1u, outcomes_.size());
    return outcomes_.empty() ? AskStatus::Replied : outcomes_[0].status();
  }

  SimulatedClock clock_;
  const DispatcherPtr dispatcher_ = createDispatcher("loop", clock_);
  std::unique_ptr<ActorSystem> system_;
  std::unique_ptr<ActorRef<Question>> actor_;
  std::vector<AskResult<Asked>> outcomes_;
  std::vector<Reply<Asked>> kept_;

 private:
  void answer(Question question) {
    switch (question.kind) {
      case Question::Kind::Echo:
        question.reply.send(std::make_unique<int>(question.number));
        EXPECT_FALSE(static_cast<bool>(question.reply));
        EXPECT_THROW(question.reply.send(nullptr), std::logic_error);
        break;
      case Question::Kind::Drop:
        break;
      case Question::Kind::Keep:
        kept_.push_back(std::move(question.reply));
        break;
      case Question::Kind::Throw:
        throw std::runtime_error("at a loss");
    }
  }
};

TEST_F(ActorReply, AReplyComesOnceToTheLoopOfTheOneWhoAsked) {
  ask(Question::Kind::Echo, milliseconds(1));
  EXPECT_TRUE(outcomes_.empty());
  run();
  EXPECT_EQ(AskStatus::Replied, onlyOutcome());
  EXPECT_EQ(42, *outcomes_[0].value());
  EXPECT_TRUE(static_cast<bool>(outcomes_[0]));
  clock_.advance(milliseconds(5));
  run();
  EXPECT_EQ(1u, outcomes_.size());
}

TEST_F(ActorReply, ARequestThatIsDroppedHasNoReply) {
  ask(Question::Kind::Drop);
  run();
  EXPECT_EQ(AskStatus::NoReply, onlyOutcome());
  EXPECT_FALSE(static_cast<bool>(outcomes_[0]));
  try {
    outcomes_[0].value();
    FAIL();
  } catch (const AskError& error) {
    EXPECT_EQ(AskStatus::NoReply, error.status());
    EXPECT_STREQ("the request was dropped without a reply", error.what());
  }
}

TEST_F(ActorReply, AnActorThatThrowsDoesNotReply) {
  ask(Question::Kind::Throw);
  run();
  EXPECT_EQ(AskStatus::NoReply, onlyOutcome());
}

TEST_F(ActorReply, AReplyMayComeTooLate) {
  ask(Question::Kind::Keep, milliseconds(1));
  run();
  EXPECT_TRUE(outcomes_.empty());
  clock_.advance(milliseconds(1));
  run();
  EXPECT_EQ(AskStatus::TimedOut, onlyOutcome());
  ASSERT_EQ(1u, kept_.size());
  kept_[0].send(std::make_unique<int>(1));
  run();
  EXPECT_EQ(1u, outcomes_.size());
}

TEST_F(ActorReply, AReplyMayComeFromElsewhere) {
  ask(Question::Kind::Keep);
  run();
  ASSERT_EQ(1u, kept_.size());
  std::thread elsewhere([this] { kept_[0].send(std::make_unique<int>(7)); });
  elsewhere.join();
  EXPECT_TRUE(outcomes_.empty());
  run();
  EXPECT_EQ(AskStatus::Replied, onlyOutcome());
  EXPECT_EQ(7, *outcomes_[0].value());
}

TEST_F(ActorReply, ARefusedRequestSaysSo) {
  ask(Question::Kind::Drop);
  ask(Question::Kind::Drop);
  ask(Question::Kind::Echo);
  actor_->stop();
  ask(Question::Kind::Echo);
  run();
  std::vector<AskStatus> statuses;
  for (const AskResult<Asked>& outcome : outcomes_) {
    statuses.push_back(outcome.status());
  }
  EXPECT_EQ(4u, statuses.size());
  EXPECT_EQ(2, std::count(statuses.begin(), statuses.end(), AskStatus::NoReply));
  EXPECT_EQ(1, std::count(statuses.begin(), statuses.end(), AskStatus::Full));
  EXPECT_EQ(1, std::count(statuses.begin(), statuses.end(), AskStatus::Stopped));
}

TEST_F(ActorReply, WhatTheMakerThrowsLeavesAsk) {
  const auto note = [this](AskResult<Asked> result) { outcomes_.push_back(std::move(result)); };
  EXPECT_THROW(actor_->ask<Asked>([](Reply<Asked>) -> Question { throw std::runtime_error("no question"); },
                                  *dispatcher_, note),
               std::runtime_error);
  run();
  EXPECT_EQ(AskStatus::NoReply, onlyOutcome());
}

TEST_F(ActorReply, BadArgumentsAreRefusedAtTheCall) {
  const auto make = [](Reply<Asked>) { return Question(); };
  const auto note = [this](AskResult<Asked> result) { outcomes_.push_back(std::move(result)); };
  ForeignDispatcher foreign("foreign");
  EXPECT_THROW(actor_->ask<Asked>(make, foreign, note), std::invalid_argument);
  EXPECT_THROW(actor_->ask<Asked>(make, *dispatcher_, note, microseconds(-1)), std::invalid_argument);
  EXPECT_THROW(actor_->ask<Asked>(make, *dispatcher_, std::function<void(AskResult<Asked>)>()),
               std::invalid_argument);
  run();
  EXPECT_TRUE(outcomes_.empty());
}

TEST_F(ActorReply, TheCallbackIsDestroyedWithoutACallWhenItsLoopIsShutDown) {
  bool destroyed = false;
  const DispatcherPtr gone = createDispatcher("gone", clock_);
  gone->shutdown();
  actor_->ask<Asked>(
      [](Reply<Asked> reply) {
        Question question;
        question.reply = std::move(reply);
        return question;
      },
      *gone, [guard = atDestruction([&] { destroyed = true; })](AskResult<Asked>) { FAIL(); });
  run();
  EXPECT_TRUE(destroyed);
}

TEST_F(ActorReply, WhatTheCallbackThrowsLeavesRun) {
  actor_->ask<Asked>(
      [](Reply<Asked> reply) {
        Question question;
        question.reply = std::move(reply);
        return question;
      },
      *dispatcher_, [](AskResult<Asked>) { throw std::runtime_error("boom"); });
  EXPECT_THROW(run(), std::runtime_error);
  run();
}

TEST_F(ActorReply, ALoopDoesNotWait) {
  bool refused = false;
  dispatcher_->post([&] {
    try {
      actor_->askAndWait<Asked>([](Reply<Asked>) { return Question(); });
    } catch (const std::logic_error&) {
      refused = true;
    }
  });
  run();
  EXPECT_TRUE(refused);
}

TEST(ActorReplyOnWorkers, AThreadWaitsForItsReply) {
  struct Sum {
    int left;
    int right;
    Reply<int> reply;
  };
  std::vector<Reply<int>> kept;
  ActorSystem system(1);
  const ActorRef<Sum> adder = system.spawn<Sum>([&](Sum sum) {
    if (sum.left == 0) {
      kept.push_back(std::move(sum.reply));
    } else if (sum.right != 0) {
      sum.reply.send(sum.left + sum.right);
    }
  });
  const auto add = [&](int left, int right, microseconds timeout) {
    return adder.askAndWait<int>(
        [=](Reply<int> reply) {
          return Sum{left, right, std::move(reply)};
        },
        timeout);
  };
  const auto statusOf = [&](int left, int right, microseconds timeout) {
    try {
      add(left, right, timeout);
      return AskStatus::Replied;
    } catch (const AskError& error) {
      return error.status();
    }
  };
  EXPECT_EQ(42, add(40, 2, microseconds(0)));
  EXPECT_EQ(5, add(2, 3, kGuard));
  EXPECT_EQ(AskStatus::NoReply, statusOf(1, 0, microseconds(0)));
  EXPECT_EQ(AskStatus::TimedOut, statusOf(0, 0, milliseconds(1)));
  EXPECT_THROW(add(1, 1, microseconds(-1)), std::invalid_argument);
  adder.stop();
  EXPECT_EQ(AskStatus::Stopped, statusOf(1, 1, microseconds(0)));
  system.stop();
}

TEST(ActorReplyOnWorkers, EveryRequestOfManyHasItsOutcome) {
  constexpr int kRequests = 5000;
  struct Echo {
    int number;
    Reply<int> reply;
  };
  LibeventDispatcher dispatcher("asker");
  ActorSystem system(2);
  const ActorRef<Echo> echo = system.spawn<Echo>([](Echo request) {
    if (request.number % 3 != 0) {
      request.reply.send(request.number);
    }
  });
  int replies = 0;
  int others = 0;
  dispatcher.post([&] {
    for (int i = 0; i < kRequests; ++i) {
      echo.ask<int>(
          [i](Reply<int> reply) {
            return Echo{i, std::move(reply)};
          },
          dispatcher,
          [&, i](AskResult<int> result) {
            if (result) {
              EXPECT_EQ(i, result.value());
              ++replies;
            } else {
              EXPECT_EQ(AskStatus::NoReply, result.status());
              ++others;
            }
            if (replies + others == kRequests) {
              dispatcher.exit();
            }
          },
          kGuard);
    }
  });
  runUntilExit(dispatcher);
  EXPECT_EQ(kRequests, replies + others);
  EXPECT_EQ((kRequests + 2) / 3, others);
}

}  // namespace
}  // namespace mcp_event_test
