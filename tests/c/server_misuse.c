// MCP servers misused: a status that says why, never a crash; and nothing is taken, written or sent.

#include <stdio.h>
#include <string.h>

#include "server_support.h"
#include "suites.h"

#define CHECK_NULL(call) CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, call)
#define CHECK_INVALID(call) CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, call)

static void null_handles(void) {
  size_t size = 7;
  uint64_t number = 7;
  const char* text = "untouched";
  outcome never = {.counts = {0}};
  mcp_event_server_config* config = NULL;
  mcp_event_server_manager* manager = NULL;
  mcp_event_server_list* list = NULL;
  mcp_event_server_log* log = NULL;
  mcp_event_server_change* change = NULL;
  mcp_event_server_change_kind kind = MCP_EVENT_SERVER_CHANGED;
  mcp_event_server_answer* answer = NULL;
  mcp_event_text* metrics = NULL;
  mcp_event_server_info info = {.size = sizeof info, .pid = 7};
  watcher told;
  CHECK_NULL(mcp_event_server_config_create(NULL, &config));
  CHECK_NULL(mcp_event_server_config_create_from_file(NULL, &config));
  CHECK_NULL(mcp_event_server_config_warning_count(NULL, &size));
  CHECK_NULL(mcp_event_server_config_warning(NULL, 0, &text));
  CHECK_NULL(mcp_event_server_config_destroy(NULL));
  CHECK_NULL(mcp_event_server_manager_create(NULL, NULL, &manager));
  CHECK_NULL(mcp_event_server_manager_on_change(NULL, telling(&told)));
  CHECK_NULL(mcp_event_server_manager_start(NULL));
  CHECK_NULL(mcp_event_server_manager_stop(NULL));
  CHECK_NULL(mcp_event_server_manager_begin_stop(NULL));
  CHECK_NULL(mcp_event_server_manager_destroy(NULL));
  CHECK_NULL(mcp_event_server_manager_list(NULL, &list));
  CHECK_NULL(mcp_event_server_manager_start_server(NULL, "it"));
  CHECK_NULL(mcp_event_server_manager_stop_server(NULL, "it"));
  CHECK_NULL(mcp_event_server_manager_restart_server(NULL, "it"));
  CHECK_NULL(mcp_event_server_manager_call(NULL, "it", "ping", NULL, NULL, recording(&never), &number));
  CHECK_NULL(mcp_event_server_manager_call_wait(NULL, "it", "ping", NULL, NULL, &answer));
  CHECK_NULL(mcp_event_server_manager_cancel(NULL, "it", 1));
  CHECK_NULL(mcp_event_server_manager_notify(NULL, "it", "notifications/x", NULL));
  CHECK_NULL(mcp_event_server_manager_log_since(NULL, "it", 1, &log));
  CHECK_NULL(mcp_event_server_manager_reload(NULL, NULL, &change));
  CHECK_NULL(mcp_event_server_manager_prometheus(NULL, &metrics));
  CHECK_NULL(mcp_event_server_list_size(NULL, &size));
  CHECK_NULL(mcp_event_server_list_get(NULL, 0, &info));
  CHECK_NULL(mcp_event_server_list_find(NULL, "it", &info));
  CHECK_NULL(mcp_event_server_list_destroy(NULL));
  CHECK_NULL(mcp_event_server_log_size(NULL, &size));
  CHECK_NULL(mcp_event_server_log_get(NULL, 0, &number, &text));
  CHECK_NULL(mcp_event_server_log_destroy(NULL));
  CHECK_NULL(mcp_event_server_change_size(NULL, &size));
  CHECK_NULL(mcp_event_server_change_get(NULL, 0, &kind, &text));
  CHECK_NULL(mcp_event_server_change_destroy(NULL));
  CHECK_NULL(mcp_event_server_answer_destroy(NULL));
  CHECK_NULL(mcp_event_text_data(NULL, &text));
  CHECK_NULL(mcp_event_text_destroy(NULL));
  CHECK(size == 7 && number == 7 && text[0] == 'u' && info.pid == 7 && kind == MCP_EVENT_SERVER_CHANGED);
  CHECK(config == NULL && manager == NULL && list == NULL && log == NULL && change == NULL);
  CHECK(answer == NULL && metrics == NULL && never.counts.calls == 0 && never.counts.drops == 0);
}

static void null_arguments_of_a_manager(void) {
  watcher told;
  outcome never = {.counts = {0}};
  uint64_t number = 7;
  mcp_event_server_answer* answer = NULL;
  mcp_event_server_log* log = NULL;
  mcp_event_server_change* change = NULL;
  mcp_event_server_config* const config = new_example_config("it", "");
  mcp_event_server_manager* const manager = start_examples("it", &told);
  CHECK_NULL(mcp_event_server_config_create("{}", NULL));
  CHECK_NULL(mcp_event_server_config_create_from_file("/", NULL));
  CHECK_NULL(mcp_event_server_config_warning_count(config, NULL));
  CHECK_NULL(mcp_event_server_manager_create(config, NULL, NULL));
  CHECK_NULL(mcp_event_server_manager_on_change(manager, (mcp_event_server_info_closure){.data = &told}));
  CHECK_NULL(mcp_event_server_manager_list(manager, NULL));
  CHECK_NULL(mcp_event_server_manager_prometheus(manager, NULL));
  CHECK_NULL(mcp_event_server_manager_start_server(manager, NULL));
  CHECK_NULL(mcp_event_server_manager_call(manager, NULL, "ping", NULL, NULL, recording(&never), &number));
  CHECK_NULL(mcp_event_server_manager_call(manager, "it", NULL, NULL, NULL, recording(&never), &number));
  CHECK_NULL(mcp_event_server_manager_call(manager, "it", "ping", NULL, NULL, recording(&never), NULL));
  const mcp_event_answer_closure nothing = {.data = &never, .drop = count_drop};
  CHECK_NULL(mcp_event_server_manager_call(manager, "it", "ping", NULL, NULL, nothing, &number));
  CHECK_NULL(mcp_event_server_manager_call_wait(manager, NULL, "ping", NULL, NULL, &answer));
  CHECK_NULL(mcp_event_server_manager_call_wait(manager, "it", NULL, NULL, NULL, &answer));
  CHECK_NULL(mcp_event_server_manager_call_wait(manager, "it", "ping", NULL, NULL, NULL));
  CHECK_NULL(mcp_event_server_manager_cancel(manager, NULL, 1));
  CHECK_NULL(mcp_event_server_manager_notify(manager, "it", NULL, NULL));
  CHECK_NULL(mcp_event_server_manager_log_since(manager, NULL, 1, &log));
  CHECK_NULL(mcp_event_server_manager_log_since(manager, "it", 1, NULL));
  CHECK_NULL(mcp_event_server_manager_reload(manager, NULL, &change));
  CHECK_NULL(mcp_event_server_manager_reload(manager, config, NULL));
  CHECK(number == 7 && answer == NULL && log == NULL && change == NULL);
  CHECK(never.counts.calls == 0 && never.counts.drops == 0);
  CHECK_OK(mcp_event_server_config_destroy(config));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void check_refused(const char* json, const char* says) {
  mcp_event_server_config* config = NULL;
  CHECK_INVALID(mcp_event_server_config_create(json, &config));
  CHECK(config == NULL);
  if (strstr(mcp_event_last_error(), says) == NULL) {
    fprintf(stderr, "%s\n", mcp_event_last_error());
  }
  CHECK(strstr(mcp_event_last_error(), says) != NULL);
}

static void wrong_configurations_are_refused(void) {
  check_refused("", "line 1");
  check_refused("{", "line 1");
  check_refused("[]", "$");
  check_refused("\xff", "UTF-8");
  check_refused("{}", "mcpServers");
  check_refused("{\"mcpServers\": {\"it\": {}}}", "$.mcpServers.it");
  check_refused("{\"mcpServers\": {\"it\": {\"command\": \"x\", \"args\": [\"a\", 7]}}}",
                "$.mcpServers.it.args[1]");
  check_refused("{\"mcpServers\": {\"it\": {\"command\": \"${MCP_EVENT_IS_NOT_SET}\"}}}",
                "MCP_EVENT_IS_NOT_SET");
  mcp_event_server_config* config = NULL;
  CHECK_STATUS(MCP_EVENT_OS_ERROR, mcp_event_server_config_create_from_file("/no/such/file", &config));
  CHECK_STATUS(MCP_EVENT_OS_ERROR, mcp_event_server_config_create_from_file("/", &config));
  CHECK_INVALID(mcp_event_server_config_create_from_file("/dev/null", &config));
  CHECK(config == NULL);
}

static void check_options_refused(const mcp_event_server_manager_options* options) {
  mcp_event_server_config* const config = new_example_config("it", "");
  mcp_event_server_manager* manager = NULL;
  CHECK_INVALID(mcp_event_server_manager_create(config, options, &manager));
  CHECK(manager == NULL);
  CHECK_OK(mcp_event_server_config_destroy(config));
}

static void wrong_options_of_a_manager_are_refused(void) {
  mcp_event_actor_system* const system = new_system(1);
  const mcp_event_server_manager_options small = {.size = sizeof small - 1};
  const mcp_event_server_manager_options both = {.size = sizeof both, .workers = 1, .system = system};
  const mcp_event_server_manager_options name = {.size = sizeof name, .name = "\xff"};
  const mcp_event_server_manager_options path = {.size = sizeof path, .state_path = "\xff"};
  check_options_refused(&small);
  check_options_refused(&both);
  check_options_refused(&name);
  check_options_refused(&path);
  end_system(system);
}

static void check_request_refused(mcp_event_server_manager* manager, const char* params,
                                  const mcp_event_call_options* options) {
  outcome never = {.counts = {0}};
  uint64_t number = 7;
  mcp_event_server_answer* answer = NULL;
  CHECK_INVALID(
      mcp_event_server_manager_call(manager, "it", "ping", params, options, recording(&never), &number));
  CHECK_INVALID(mcp_event_server_manager_call_wait(manager, "it", "ping", params, options, &answer));
  CHECK(number == 7 && answer == NULL && never.counts.calls == 0 && never.counts.drops == 0);
  CHECK(never.progress.calls == 0 && never.progress.drops == 0);
}

static void wrong_requests_are_refused(void) {
  watcher told;
  outcome never = {.counts = {0}};
  mcp_event_server_manager* const manager = start_examples("it", &told);
  const mcp_event_progress_closure news = recording_progress(&never);
  const mcp_event_call_options small = {.size = sizeof small - 1, .on_progress = news};
  const mcp_event_call_options past = {.size = sizeof past, .timeout_us = -1, .on_progress = news};
  const mcp_event_call_options when = {.size = sizeof when, .when_down = 2, .on_progress = news};
  check_request_refused(manager, "{", NULL);
  check_request_refused(manager, "", NULL);
  check_request_refused(manager, "\xff", NULL);
  check_request_refused(manager, NULL, &small);
  check_request_refused(manager, NULL, &past);
  check_request_refused(manager, NULL, &when);
  CHECK_INVALID(mcp_event_server_manager_notify(manager, "it", "notifications/x", "{"));
  CHECK_INVALID(mcp_event_server_manager_start_server(manager, "\xff"));
  CHECK(never.progress.calls == 0 && never.progress.drops == 0);

  mcp_event_server_list* list = NULL;
  mcp_event_server_info info = {.size = sizeof info - 1};
  CHECK_OK(mcp_event_server_manager_list(manager, &list));
  CHECK_INVALID(mcp_event_server_list_get(list, 0, &info));
  CHECK_INVALID(mcp_event_server_list_find(list, "it", &info));
  CHECK_OK(mcp_event_server_list_destroy(list));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void unknown_servers_are_not_found(void) {
  watcher told;
  mcp_event_server_log* log = NULL;
  size_t size = 7;
  mcp_event_server_manager* const manager = start_examples("it", &told);
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_server_manager_start_server(manager, "nobody"));
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_server_manager_stop_server(manager, "nobody"));
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_server_manager_restart_server(manager, "nobody"));
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_server_manager_notify(manager, "nobody", "x", NULL));
  CHECK_OK(mcp_event_server_manager_log_since(manager, "nobody", 1, &log));
  CHECK_OK(mcp_event_server_log_size(log, &size));
  CHECK(size == 0);
  CHECK_OK(mcp_event_server_log_destroy(log));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void everything_has_its_time(void) {
  watcher told;
  outcome never = {.counts = {0}};
  uint64_t number = 7;
  mcp_event_server_list* list = NULL;
  make_watcher(&told);
  mcp_event_server_config* const config = new_example_config("it", "");
  mcp_event_server_manager* manager = NULL;
  CHECK_OK(mcp_event_server_manager_create(config, NULL, &manager));
  CHECK_OK(mcp_event_server_config_destroy(config));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_server_manager_list(manager, &list));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_server_manager_stop(manager));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_server_manager_start_server(manager, "it"));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE,
               mcp_event_server_manager_call(manager, "it", "ping", NULL, NULL, recording(&never), &number));
  CHECK(list == NULL && number == 7 && never.counts.calls == 0 && never.counts.drops == 0);
  CHECK_OK(mcp_event_server_manager_start(manager));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_server_manager_start(manager));
  CHECK_STATUS(MCP_EVENT_INVALID_STATE, mcp_event_server_manager_on_change(manager, telling(&told)));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
}

static void a_manager_that_never_started_can_be_destroyed(void) {
  mcp_event_server_config* const config = new_example_config("it", "");
  mcp_event_server_manager* manager = NULL;
  CHECK_OK(mcp_event_server_manager_create(config, NULL, &manager));
  CHECK_OK(mcp_event_server_manager_destroy(manager));
  CHECK_OK(mcp_event_server_config_destroy(config));
#ifdef MCP_EVENT_DEBUG_CORE
  CHECK_INVALID(mcp_event_server_manager_start(manager));
  CHECK_INVALID(mcp_event_server_manager_destroy(manager));
  CHECK_INVALID(mcp_event_server_config_destroy(config));
#endif
}

void server_misuse_suite(void) {
  null_handles();
  null_arguments_of_a_manager();
  wrong_configurations_are_refused();
  wrong_options_of_a_manager_are_refused();
  wrong_requests_are_refused();
  unknown_servers_are_not_found();
  everything_has_its_time();
  a_manager_that_never_started_can_be_destroyed();
}
