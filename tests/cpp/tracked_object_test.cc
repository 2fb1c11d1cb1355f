#include <ostream>

#include "support.h"

namespace mcp_event_test {
namespace {

class Request : public ScopeTrackedObject {
 public:
  void dumpState(std::ostream& os, int indent_level) const override {
    os << std::string(static_cast<size_t>(indent_level), ' ') << "request\n";
  }
};

class TrackedObject : public testing::Test {
 protected:
  Request outer_;
  Request inner_;
  LibeventDispatcher dispatcher_{"tracked"};
};

TEST_F(TrackedObject, X1_LastInFirstOut) {
  dispatcher_.pushTrackedObject(&outer_);
  dispatcher_.pushTrackedObject(&inner_);
  dispatcher_.popTrackedObject(&inner_);
  dispatcher_.popTrackedObject(&outer_);
}

TEST_F(TrackedObject, X1_AWrongPopIsAnErrorAndChangesNothing) {
  dispatcher_.pushTrackedObject(&outer_);
  dispatcher_.pushTrackedObject(&inner_);
  EXPECT_THROW(dispatcher_.popTrackedObject(&outer_), std::logic_error);
  EXPECT_THROW(dispatcher_.popTrackedObject(nullptr), std::logic_error);
  dispatcher_.popTrackedObject(&inner_);
  dispatcher_.popTrackedObject(&outer_);
}

TEST_F(TrackedObject, X1_AnEmptyPopIsAnError) {
  EXPECT_THROW(dispatcher_.popTrackedObject(&outer_), std::logic_error);
}

TEST_F(TrackedObject, NothingCannotBeTracked) {
  EXPECT_THROW(dispatcher_.pushTrackedObject(nullptr), std::invalid_argument);
}

TEST_F(TrackedObject, InACallback) {
  dispatcher_.post([this] {
    for (int i = 0; i < 100; ++i) {
      dispatcher_.pushTrackedObject(&outer_);
    }
    for (int i = 0; i < 100; ++i) {
      dispatcher_.popTrackedObject(&outer_);
    }
  });
  dispatcher_.run(RunType::NonBlock);
  EXPECT_THROW(dispatcher_.popTrackedObject(&outer_), std::logic_error);
}

}  // namespace
}  // namespace mcp_event_test
