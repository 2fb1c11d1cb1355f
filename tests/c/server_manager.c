// Managers of MCP servers: the life of the servers, what is known of them, new configurations.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server_support.h"
#include "suites.h"

static void servers_are_started_listed_and_stopped(void) {
  watcher told;
  mcp_event_server_manager* const manager = start_examples("one,two", &told);
  const pid_t pid = (pid_t)await_pid(manager, "one");
  mcp_event_server_list* const list = list_of(manager);
  size_t size = 0;
  CHECK_OK(mcp_event_server_list_size(list, &size));
  CHECK(size == 2);
  mcp_event_server_info info = {.size = sizeof info};
  CHECK_OK(mcp_event_server_list_get(list, 1, &info));
  CHECK(strcmp(info.name, "two") == 0);
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_server_list_get(list, 2, &info));
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_server_list_find(list, "three", &info));
  info = info_in(list, "one");
  CHECK(info.status == MCP_EVENT_SERVER_RUNNING && strcmp(info.status_name, "running") == 0);
  CHECK((pid_t)info.pid == pid && kill(pid, 0) == 0);
  CHECK(info.reason[0] != '\0' && info.status_age_us >= 0);
  CHECK(info.peer_name != NULL && info.peer_version != NULL && info.protocol_version != NULL);
  CHECK(info.capabilities[0] == '{' && info.category == NULL && info.label_count == 0);
  CHECK(info.restarts == 0 && info.failed_checks == 0);
  CHECK_OK(mcp_event_server_manager_stop(manager));
  CHECK(kill(pid, 0) == -1);
  await_status(&told, "one", MCP_EVENT_SERVER_STOPPED);
  // The list is of its own moment.
  CHECK(info_in(list, "one").status == MCP_EVENT_SERVER_RUNNING);
  CHECK_OK(mcp_event_server_list_destroy(list));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void what_is_configured_is_shown(void) {
  watcher told;
  make_watcher(&told);
  mcp_event_server_manager* const manager = start_manager(
      new_example_config("it",
                         ", \"category\": \"tests\", \"capabilities\": [\"a\", \"b\"], \"autostart\": false"),
      NULL, &told);
  CHECK_OK(mcp_event_server_manager_start_server(manager, "it"));
  await_status(&told, "it", MCP_EVENT_SERVER_RUNNING);
  mcp_event_server_list* const list = list_of(manager);
  const mcp_event_server_info info = info_in(list, "it");
  CHECK(strcmp(info.category, "tests") == 0);
  CHECK(info.label_count == 2 && strcmp(info.labels[1], "b") == 0);
  CHECK_OK(mcp_event_server_list_destroy(list));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void a_server_is_stopped_started_and_restarted(void) {
  watcher told;
  mcp_event_server_manager* const manager = start_examples("it,other", &told);
  const uint32_t others = await_pid(manager, "other");
  CHECK_OK(mcp_event_server_manager_stop_server(manager, "it"));
  await_status(&told, "it", MCP_EVENT_SERVER_STOPPED);
  CHECK(pid_of(manager, "it") == 0);
  CHECK_OK(mcp_event_server_manager_start_server(manager, "it"));
  await_status(&told, "it", MCP_EVENT_SERVER_RUNNING);
  const uint32_t before = await_pid(manager, "it");
  CHECK_OK(mcp_event_server_manager_restart_server(manager, "it"));
  // The request waits for the next life, and so does this.
  const mcp_event_call_options options = {.size = sizeof options, .when_down = MCP_EVENT_WAIT_WHEN_DOWN};
  mcp_event_server_answer* answer = NULL;
  do {
    CHECK_OK(mcp_event_server_manager_call_wait(manager, "it", "ping", NULL, &options, &answer));
    CHECK(answer->outcome == MCP_EVENT_CALL_RESULT || answer->outcome == MCP_EVENT_CALL_CONNECTION_LOST);
    CHECK_OK(mcp_event_server_answer_destroy(answer));
  } while (pid_of(manager, "it") == before || pid_of(manager, "it") == 0);
  CHECK(pid_of(manager, "other") == others);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void a_command_that_is_not_there_is_named(void) {
  watcher told;
  make_watcher(&told);
  mcp_event_server_manager* const manager = start_manager(
      new_config("{\"mcpServers\": {\"it\": {\"command\": \"/no/such/program\", \"restart\": {\"policy\": "
                 "\"never\"}}}}"),
      NULL, &told);
  await_status(&told, "it", MCP_EVENT_SERVER_FAILED);
  mcp_event_server_list* const list = list_of(manager);
  CHECK(strstr(info_in(list, "it").reason, "No such file") != NULL);
  CHECK_OK(mcp_event_server_list_destroy(list));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void check_change(const mcp_event_server_change* change, size_t index,
                         mcp_event_server_change_kind kind, const char* name) {
  mcp_event_server_change_kind is_kind = MCP_EVENT_SERVER_CHANGED;
  const char* is_name = NULL;
  CHECK_OK(mcp_event_server_change_get(change, index, &is_kind, &is_name));
  CHECK(is_kind == kind && strcmp(is_name, name) == 0);
}

static void a_new_configuration_is_taken_over(void) {
  watcher told;
  mcp_event_server_manager* const manager = start_examples("kept,gone", &told);
  const uint32_t pid = await_pid(manager, "kept");
  mcp_event_server_config* config = new_example_config("kept,new", "");
  mcp_event_server_change* change = NULL;
  CHECK_OK(mcp_event_server_manager_reload(manager, config, &change));
  CHECK_OK(mcp_event_server_config_destroy(config));
  size_t size = 0;
  CHECK_OK(mcp_event_server_change_size(change, &size));
  CHECK(size == 3);
  check_change(change, 0, MCP_EVENT_SERVER_ADDED, "new");
  check_change(change, 1, MCP_EVENT_SERVER_REMOVED, "gone");
  check_change(change, 2, MCP_EVENT_SERVER_UNCHANGED, "kept");
  mcp_event_server_change_kind kind;
  const char* name = NULL;
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_server_change_get(change, 3, &kind, &name));
  CHECK_OK(mcp_event_server_change_destroy(change));
  await_status(&told, "new", MCP_EVENT_SERVER_RUNNING);
  CHECK(pid_of(manager, "kept") == pid);
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_server_manager_restart_server(manager, "gone"));

  config = new_example_config("kept,new", ", \"category\": \"labelled\"");
  CHECK_OK(mcp_event_server_manager_reload(manager, config, &change));
  CHECK_OK(mcp_event_server_config_destroy(config));
  check_change(change, 0, MCP_EVENT_SERVER_RELABELLED, "kept");
  CHECK_OK(mcp_event_server_change_destroy(change));
  CHECK(pid_of(manager, "kept") == pid);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void the_figures_are_readable(void) {
  watcher told;
  mcp_event_server_manager* const manager = start_examples("it", &told);
  mcp_event_text* text = NULL;
  const char* data = NULL;
  CHECK_OK(mcp_event_server_manager_prometheus(manager, &text));
  CHECK_OK(mcp_event_text_data(text, &data));
  CHECK(strstr(data, "mcp_server_status{server=\"it\",status=\"running\"} 1\n") != NULL);
  CHECK_OK(mcp_event_text_destroy(text));

  mcp_event_metrics* metrics = NULL;
  CHECK_OK(mcp_event_metrics_create(&metrics));
  CHECK_OK(mcp_event_metrics_add_servers(metrics, "servers", manager));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_metrics_add_servers(metrics, "servers", manager));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_add_servers(metrics, "none", NULL));
  CHECK_OK(mcp_event_metrics_prometheus(metrics, &text));
  CHECK_OK(mcp_event_text_data(text, &data));
  CHECK(strstr(data, "mcp_server_status{server=\"it\",status=\"running\"} 1\n") != NULL);
  CHECK_OK(mcp_event_text_destroy(text));
  CHECK_OK(mcp_event_metrics_destroy(metrics));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

// The example server says on its stderr what its loop did, when it ends.
static void the_log_is_readable(void) {
  watcher told;
  mcp_event_server_manager* const manager = start_examples("it", &told);
  CHECK_OK(mcp_event_server_manager_stop_server(manager, "it"));
  mcp_event_server_log* log = NULL;
  size_t size = 0;
  uint64_t number = 0;
  const char* text = NULL;
  CHECK_OK(mcp_event_server_manager_log_since(manager, "it", 1, &log));
  CHECK_OK(mcp_event_server_log_size(log, &size));
  CHECK(size > 0);
  CHECK_OK(mcp_event_server_log_get(log, 0, &number, &text));
  CHECK(number == 1 && text[0] != '\0');
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_server_log_get(log, size, &number, &text));
  CHECK_OK(mcp_event_server_log_destroy(log));
  CHECK_OK(mcp_event_server_manager_log_since(manager, "it", size + 1, &log));
  CHECK_OK(mcp_event_server_log_size(log, &size));
  CHECK(size == 0);
  CHECK_OK(mcp_event_server_log_destroy(log));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void warnings_are_readable(void) {
  mcp_event_server_config* const config = new_example_config("it", ", \"comand\": \"typo\"");
  size_t count = 0;
  const char* warning = NULL;
  CHECK_OK(mcp_event_server_config_warning_count(config, &count));
  CHECK(count == 1);
  CHECK_OK(mcp_event_server_config_warning(config, 0, &warning));
  CHECK(strstr(warning, "$.mcpServers.it.comand") != NULL);
  CHECK_STATUS(MCP_EVENT_OUT_OF_RANGE, mcp_event_server_config_warning(config, 1, &warning));
  CHECK_OK(mcp_event_server_config_destroy(config));
}

// A path in a directory of its own, which is gone after remove_directory().
typedef struct directory {
  char path[64];
  char file[96];
} directory;

static directory new_directory(const char* file) {
  directory made = {.path = "/tmp/mcp_event_c_XXXXXX"};
  CHECK(mkdtemp(made.path) != NULL);
  CHECK(snprintf(made.file, sizeof made.file, "%s/%s", made.path, file) < (int)sizeof made.file);
  return made;
}

static void remove_directory(const directory* made) {
  char lock[112];
  CHECK(snprintf(lock, sizeof lock, "%s.lock", made->file) < (int)sizeof lock);
  (void)unlink(lock);
  CHECK(unlink(made->file) == 0);
  CHECK(rmdir(made->path) == 0);
}

static void a_configuration_is_read_from_a_file(void) {
  const directory at = new_directory("servers.json");
  FILE* const file = fopen(at.file, "w");
  CHECK(file != NULL && fputs("{\"mcpServers\": {}}", file) >= 0 && fclose(file) == 0);
  mcp_event_server_config* config = NULL;
  CHECK_OK(mcp_event_server_config_create_from_file(at.file, &config));
  CHECK_OK(mcp_event_server_config_destroy(config));
  remove_directory(&at);
  CHECK_STATUS(MCP_EVENT_OS_ERROR, mcp_event_server_config_create_from_file(at.file, &config));
}

static void what_was_wanted_is_remembered(void) {
  const directory at = new_directory("state.json");
  const mcp_event_server_manager_options options = {
      .size = sizeof options, .workers = 2, .state_path = at.file, .name = "remembering"};
  watcher told;
  make_watcher(&told);
  mcp_event_server_manager* manager = start_manager(new_example_config("it,other", ""), &options, &told);
  CHECK_OK(mcp_event_server_manager_stop_server(manager, "it"));

  // The state file has one user.
  mcp_event_server_config* const config = new_example_config("it", "");
  mcp_event_server_manager* second = NULL;
  CHECK_OK(mcp_event_server_manager_create(config, &options, &second));
  CHECK_OK(mcp_event_server_config_destroy(config));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_server_manager_start(second));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
  CHECK_OK(mcp_event_server_manager_start(second));
  CHECK_OK(mcp_event_server_manager_destroy(second));

  make_watcher(&told);
  manager = start_manager(new_example_config("it,other", ""), &options, &told);
  await_status(&told, "other", MCP_EVENT_SERVER_RUNNING);
  CHECK(pid_of(manager, "it") == 0);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
  remove_directory(&at);
}

static void a_system_may_be_given(void) {
  mcp_event_actor_system* const system = new_system(1);
  watcher told;
  make_watcher(&told);
  const mcp_event_server_manager_options options = {.size = sizeof options, .system = system};
  mcp_event_server_manager* const manager = start_manager(new_example_config("it", ""), &options, &told);
  await_status(&told, "it", MCP_EVENT_SERVER_RUNNING);
  CHECK_OK(mcp_event_server_manager_begin_stop(manager));
  await_status(&told, "it", MCP_EVENT_SERVER_STOPPED);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
  end_system(system);
}

typedef struct loop_watch {
  mcp_event_dispatcher* dispatcher;
  bool on_its_thread;
  tally counts;
} loop_watch;

static void exit_when_running(void* data, const mcp_event_server_info* info) {
  loop_watch* const self = data;
  ++self->counts.calls;
  CHECK_OK(mcp_event_dispatcher_is_thread_safe(self->dispatcher, &self->on_its_thread));
  if (info->status == MCP_EVENT_SERVER_RUNNING) {
    exit_loop(self->dispatcher);
  }
}

static void drop_loop_watch(void* data) { ++((loop_watch*)data)->counts.drops; }

static void callbacks_run_where_it_was_said(void) {
  loop_watch self = {.dispatcher = new_dispatcher()};
  const mcp_event_server_manager_options options = {.size = sizeof options, .dispatcher = self.dispatcher};
  mcp_event_server_config* const config = new_example_config("it", "");
  mcp_event_server_manager* manager = NULL;
  CHECK_OK(mcp_event_server_manager_create(config, &options, &manager));
  CHECK_OK(mcp_event_server_config_destroy(config));
  const mcp_event_server_info_closure closure = {
      .call = exit_when_running, .data = &self, .drop = drop_loop_watch};
  CHECK_OK(mcp_event_server_manager_on_change(manager, closure));
  // Another one replaces it.
  CHECK_OK(mcp_event_server_manager_on_change(manager, closure));
  CHECK(self.counts.drops == 1);
  CHECK_OK(mcp_event_server_manager_start(manager));
  run_until_exit(self.dispatcher);
  CHECK(self.on_its_thread && self.counts.calls > 0);
  CHECK_OK(mcp_event_server_manager_destroy(manager));
  CHECK_OK(mcp_event_dispatcher_destroy(self.dispatcher));
  CHECK(self.counts.drops == 2);
}

void server_manager_suite(void) {
  servers_are_started_listed_and_stopped();
  what_is_configured_is_shown();
  a_server_is_stopped_started_and_restarted();
  a_command_that_is_not_there_is_named();
  a_new_configuration_is_taken_over();
  the_figures_are_readable();
  the_log_is_readable();
  warnings_are_readable();
  a_configuration_is_read_from_a_file();
  what_was_wanted_is_remembered();
  a_system_may_be_given();
  callbacks_run_where_it_was_said();
}
