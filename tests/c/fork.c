// After fork() the child shares the parent's kernel objects, so its inherited dispatchers refuse to work; new
// ones work.

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suites.h"
#include "support.h"

#define CHECK_FORKED(call) CHECK_STATUS(MCP_EVENT_FORKED, call)

typedef struct inherited {
  mcp_event_dispatcher* dispatcher;
  mcp_event_timer* timer;
  mcp_event_file_event* event;
  fd_pair pipe;
  tally counts;
} inherited;

static void the_childs_life(inherited* self) {
  mcp_event_file_event* event = NULL;
  mcp_event_signal_event* signal_event = NULL;
  int fd = -1;
  CHECK_FORKED(mcp_event_dispatcher_run(self->dispatcher, MCP_EVENT_RUN_NON_BLOCK));
  CHECK_FORKED(mcp_event_dispatcher_run(self->dispatcher, MCP_EVENT_RUN_BLOCK));
  CHECK_FORKED(mcp_event_dispatcher_post(self->dispatcher, counting(&self->counts)));
  CHECK_FORKED(mcp_event_dispatcher_poll_fd(self->dispatcher, &fd));
  CHECK_FORKED(mcp_event_file_event_create(self->dispatcher, self->pipe.mine, MCP_EVENT_TRIGGER_LEVEL,
                                           MCP_EVENT_READ, counting_file(&self->counts), &event));
  CHECK_FORKED(
      mcp_event_signal_event_create(self->dispatcher, SIGUSR1, counting(&self->counts), &signal_event));
  CHECK_FORKED(mcp_event_file_event_set_enabled(self->event, MCP_EVENT_READ));
  CHECK_FORKED(mcp_event_file_event_activate(self->event, MCP_EVENT_READ));
  CHECK_FORKED(mcp_event_file_event_register_if_emulated_edge(self->event, MCP_EVENT_READ));
  CHECK_FORKED(mcp_event_file_event_unregister_if_emulated_edge(self->event, MCP_EVENT_READ));
  CHECK_OK(mcp_event_dispatcher_exit(self->dispatcher));
  CHECK_OK(mcp_event_dispatcher_shutdown(self->dispatcher));
  CHECK_OK(mcp_event_file_event_destroy(self->event));
  CHECK_OK(mcp_event_timer_destroy(self->timer));
  CHECK_OK(mcp_event_dispatcher_destroy(self->dispatcher));
  CHECK(self->counts.calls == 0 && self->counts.drops == 0);

  mcp_event_dispatcher* const own = new_dispatcher();
  post(own, exit_loop, own);
  run_until_exit(own);
  CHECK_OK(mcp_event_dispatcher_destroy(own));
}

static void wait_for_success(pid_t child) {
  int status = -1;
  CHECK(child > 0);
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

static void fork_and_wait(inherited* self) {
  const pid_t child = fork();
  if (child == 0) {
    the_childs_life(self);
    _exit(EXIT_SUCCESS);
  }
  wait_for_success(child);
}

static void a_child_leaves_its_parents_loop_alone(void) {
  inherited self = {.dispatcher = new_dispatcher(), .pipe = new_pipe()};
  CHECK_OK(mcp_event_timer_create(self.dispatcher, counting(&self.counts), &self.timer));
  CHECK_OK(mcp_event_file_event_create(self.dispatcher, self.pipe.mine, MCP_EVENT_TRIGGER_EDGE,
                                       MCP_EVENT_READ, counting_file(&self.counts), &self.event));
  CHECK_OK(mcp_event_timer_enable_us(self.timer, 0));
  fork_and_wait(&self);

  // The parent's work is all there.
  write_byte(self.pipe.theirs);
  run_now(self.dispatcher);
  CHECK(self.counts.calls == 2);
  CHECK_OK(mcp_event_file_event_destroy(self.event));
  CHECK_OK(mcp_event_timer_destroy(self.timer));
  CHECK(self.counts.drops == 2);
  CHECK_OK(mcp_event_dispatcher_destroy(self.dispatcher));
  close_both(&self.pipe);
}

static void fork_here(void* child) { *(pid_t*)child = fork(); }

static void a_child_made_in_a_callback_leaves_run(void) {
  pid_t child = -1;
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  post(dispatcher, fork_here, &child);
  const mcp_event_status status = mcp_event_dispatcher_run(dispatcher, MCP_EVENT_RUN_NON_BLOCK);
  if (child == 0) {
    CHECK_STATUS(MCP_EVENT_FORKED, status);
    CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
    _exit(EXIT_SUCCESS);
  }
  CHECK_OK(status);
  wait_for_success(child);
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

void fork_suite(void) {
  a_child_leaves_its_parents_loop_alone();
  a_child_made_in_a_callback_leaves_run();
}
