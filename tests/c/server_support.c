#include "server_support.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

const char countdown[] = "{\"name\": \"countdown\", \"arguments\": {\"from\": 1000, \"interval_ms\": 60000}}";
const char short_countdown[] = "{\"name\": \"countdown\", \"arguments\": {\"from\": 3, \"interval_ms\": 0}}";

mcp_event_server_config* new_config(const char* json) {
  mcp_event_server_config* config = NULL;
  CHECK_OK(mcp_event_server_config_create(json, &config));
  return config;
}

mcp_event_server_config* new_example_config(const char* names, const char* keys) {
  char json[4096] = "{\"mcpServers\": {";
  char copy[256];
  CHECK(snprintf(copy, sizeof copy, "%s", names) < (int)sizeof copy);
  const char* comma = "";
  char* rest = NULL;
  for (const char* name = strtok_r(copy, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
    char* const end = json + strlen(json);
    const size_t room = sizeof json - strlen(json);
    CHECK(snprintf(end, room, "%s\"%s\": {\"command\": \"%s\"%s}", comma, name, MCP_STDIO_SERVER, keys) <
          (int)room);
    comma = ", ";
  }
  strncat(json, "}}", sizeof json - strlen(json) - 1);
  return new_config(json);
}

void make_watcher(watcher* made) {
  *made = (watcher){.counts = {0}};
  CHECK(pthread_mutex_init(&made->mutex, NULL) == 0);
  CHECK(pthread_cond_init(&made->told, NULL) == 0);
}

// The place of this server, or a free one. The mutex is held.
static size_t place_of(const watcher* told, const char* server) {
  for (size_t i = 0; i < COUNT_OF(told->servers); ++i) {
    if (told->servers[i].name[0] == '\0' || strcmp(told->servers[i].name, server) == 0) {
      return i;
    }
  }
  CHECK(!"there are too many servers");
  return 0;
}

static void note_change(void* data, const mcp_event_server_info* info) {
  watcher* const self = data;
  CHECK(info->size == sizeof *info && info->reason != NULL && info->status_name != NULL);
  ++self->counts.calls;
  CHECK(pthread_mutex_lock(&self->mutex) == 0);
  const size_t place = place_of(self, info->name);
  self->servers[place].name[0] = '\0';
  strncat(self->servers[place].name, info->name, sizeof self->servers[place].name - 1);
  self->servers[place].status = info->status;
  CHECK(pthread_cond_broadcast(&self->told) == 0);
  CHECK(pthread_mutex_unlock(&self->mutex) == 0);
}

mcp_event_server_info_closure telling(watcher* told) {
  return (mcp_event_server_info_closure){.call = note_change, .data = told, .drop = NULL};
}

void await_status(watcher* told, const char* server, mcp_event_server_status status) {
  CHECK(pthread_mutex_lock(&told->mutex) == 0);
  for (;;) {
    const size_t place = place_of(told, server);
    if (told->servers[place].name[0] != '\0' && told->servers[place].status == status) {
      break;
    }
    CHECK(pthread_cond_wait(&told->told, &told->mutex) == 0);
  }
  CHECK(pthread_mutex_unlock(&told->mutex) == 0);
}

mcp_event_server_manager* start_manager(mcp_event_server_config* config,
                                        const mcp_event_server_manager_options* options, watcher* told) {
  mcp_event_server_manager* manager = NULL;
  CHECK_OK(mcp_event_server_manager_create(config, options, &manager));
  CHECK_OK(mcp_event_server_config_destroy(config));
  CHECK_OK(mcp_event_server_manager_on_change(manager, telling(told)));
  CHECK_OK(mcp_event_server_manager_start(manager));
  return manager;
}

mcp_event_server_manager* start_examples(const char* names, watcher* told) {
  char copy[256];
  char* rest = NULL;
  make_watcher(told);
  mcp_event_server_manager* const manager = start_manager(new_example_config(names, ""), NULL, told);
  CHECK(snprintf(copy, sizeof copy, "%s", names) < (int)sizeof copy);
  for (const char* name = strtok_r(copy, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
    await_status(told, name, MCP_EVENT_SERVER_RUNNING);
  }
  return manager;
}

mcp_event_server_list* list_of(const mcp_event_server_manager* manager) {
  mcp_event_server_list* list = NULL;
  CHECK_OK(mcp_event_server_manager_list(manager, &list));
  return list;
}

mcp_event_server_info info_in(const mcp_event_server_list* list, const char* server) {
  mcp_event_server_info info = {.size = sizeof info};
  CHECK_OK(mcp_event_server_list_find(list, server, &info));
  CHECK(strcmp(info.name, server) == 0);
  return info;
}

uint32_t pid_of(const mcp_event_server_manager* manager, const char* server) {
  mcp_event_server_list* const list = list_of(manager);
  const uint32_t pid = info_in(list, server).pid;
  CHECK_OK(mcp_event_server_list_destroy(list));
  return pid;
}

uint32_t await_pid(const mcp_event_server_manager* manager, const char* server) {
  uint32_t pid = 0;
  while ((pid = pid_of(manager, server)) == 0) {
    CHECK(sched_yield() == 0);
  }
  return pid;
}

void make_outcome(outcome* made) {
  *made = (outcome){.counts = {0}};
  make_event(&made->done);
}

static void record_answer(void* data, const mcp_event_server_answer* answer) {
  outcome* const self = data;
  ++self->counts.calls;
  self->outcome = answer->outcome;
  self->code = answer->code;
  self->status = answer->status;
  CHECK((answer->result != NULL) == (answer->outcome == MCP_EVENT_CALL_RESULT));
  CHECK((answer->text == NULL) == (answer->outcome == MCP_EVENT_CALL_RESULT));
  CHECK((answer->message != NULL) == (answer->outcome == MCP_EVENT_CALL_RPC_ERROR));
  CHECK(answer->data == NULL || answer->outcome == MCP_EVENT_CALL_RPC_ERROR);
  strncat(self->text, answer->result != NULL ? answer->result : answer->text, sizeof self->text - 1);
  if (self->dispatcher != NULL) {
    CHECK_OK(mcp_event_dispatcher_is_thread_safe(self->dispatcher, &self->on_its_thread));
  }
}

static void drop_outcome(void* data) {
  outcome* const self = data;
  ++self->counts.drops;
  set_event(&self->done);
}

static void record_progress(void* data, const mcp_event_server_progress* progress) {
  outcome* const self = data;
  CHECK(self->counts.calls == 0);
  CHECK(progress->progress > 0 && progress->has_total && progress->total == 3);
  CHECK(progress->message == NULL || progress->message[0] != '\0');
  ++self->progress.calls;
}

static void drop_progress(void* data) { ++((outcome*)data)->progress.drops; }

mcp_event_answer_closure recording(outcome* record) {
  return (mcp_event_answer_closure){.call = record_answer, .data = record, .drop = drop_outcome};
}

mcp_event_progress_closure recording_progress(outcome* record) {
  return (mcp_event_progress_closure){.call = record_progress, .data = record, .drop = drop_progress};
}

uint64_t call(mcp_event_server_manager* manager, const char* server, const char* method, const char* params,
              const mcp_event_call_options* options, outcome* record) {
  uint64_t number = 0;
  CHECK_OK(
      mcp_event_server_manager_call(manager, server, method, params, options, recording(record), &number));
  CHECK(number != 0);
  return number;
}

void await_outcome(outcome* awaited, mcp_event_call_outcome expected) {
  await_event(&awaited->done);
  CHECK(awaited->counts.calls == 1 && awaited->counts.drops == 1);
  if (awaited->outcome != expected) {
    fprintf(stderr, "%s\n", awaited->text);
  }
  CHECK(awaited->outcome == expected);
}

mcp_event_server_answer* call_wait(mcp_event_server_manager* manager, const char* server, const char* method,
                                   const char* params) {
  mcp_event_server_answer* answer = NULL;
  CHECK_OK(mcp_event_server_manager_call_wait(manager, server, method, params, NULL, &answer));
  return answer;
}
