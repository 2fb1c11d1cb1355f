#include <stdlib.h>
#include <string.h>

#include "suites.h"
#include "support.h"

static mcp_event_metrics* new_metrics(void) {
  mcp_event_metrics* metrics = NULL;
  CHECK_OK(mcp_event_metrics_create(&metrics));
  return metrics;
}

// Whether the page of these figures has the line.
static bool shows(const mcp_event_metrics* metrics, const char* line) {
  mcp_event_text* text = NULL;
  const char* data = NULL;
  CHECK_OK(mcp_event_metrics_prometheus(metrics, &text));
  CHECK_OK(mcp_event_text_data(text, &data));
  const bool found = strstr(data, line) != NULL;
  CHECK_OK(mcp_event_text_destroy(text));
  return found;
}

static void do_nothing(void* unused) { (void)unused; }

static void a_dispatcher_alone(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_text* text = NULL;
  const char* data = NULL;
  post(dispatcher, do_nothing, NULL);
  run_now(dispatcher);
  CHECK_OK(mcp_event_dispatcher_prometheus(dispatcher, &text));
  CHECK_OK(mcp_event_text_data(text, &data));
  CHECK(strstr(data, "mcp_event_loop_posts_run_total{dispatcher=\"") != NULL);
  CHECK(strstr(data, "\"} 1\n") != NULL);
  CHECK_OK(mcp_event_text_destroy(text));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_prometheus(NULL, &text));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_dispatcher_prometheus(dispatcher, NULL));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

static void dispatchers_and_pools_are_shown(void) {
  mcp_event_metrics* const metrics = new_metrics();
  mcp_event_dispatcher* dispatcher = NULL;
  mcp_event_pool* pool = NULL;
  CHECK_OK(mcp_event_dispatcher_create("main", NULL, &dispatcher));
  CHECK_OK(mcp_event_pool_create(2, &pool));
  CHECK_OK(mcp_event_metrics_add_dispatcher(metrics, dispatcher));
  CHECK_OK(mcp_event_metrics_add_pool(metrics, "io", pool));
  CHECK(shows(metrics, "mcp_event_loop_posts_run_total{dispatcher=\"main\"} 0\n"));
  CHECK(shows(metrics, "mcp_event_pool_workers{pool=\"io\"} 2\n"));

  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_metrics_add_dispatcher(metrics, dispatcher));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_metrics_add_pool(metrics, "main", pool));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_add_dispatcher(metrics, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_add_dispatcher(NULL, dispatcher));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_add_pool(metrics, NULL, pool));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_add_pool(metrics, "other", NULL));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_metrics_add_pool(metrics, "\xff", pool));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_prometheus(metrics, NULL));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_create(NULL));

  // Their figures stay.
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
  CHECK_OK(mcp_event_pool_destroy(pool));
  CHECK(shows(metrics, "{dispatcher=\"main\"} 0\n"));
  CHECK_OK(mcp_event_metrics_remove(metrics, "main"));
  CHECK(!shows(metrics, "{dispatcher=\"main\"} 0\n"));
  CHECK_STATUS(MCP_EVENT_NOT_FOUND, mcp_event_metrics_remove(metrics, "main"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_remove(metrics, NULL));
  CHECK_OK(mcp_event_metrics_destroy(metrics));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_destroy(NULL));
}

typedef struct source {
  tally counts;
  mcp_event_metrics_page* last_page;
} source;

static void write_page(void* data, mcp_event_metrics_page* page) {
  source* const self = data;
  self->counts.calls += 1;
  self->last_page = page;
  CHECK_OK(mcp_event_metrics_page_append(page, "# TYPE users gauge\nusers 3"));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_page_append(page, NULL));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_metrics_page_append(page, "\xff"));
}

static void sources_of_the_program_are_shown(void) {
  mcp_event_metrics* const metrics = new_metrics();
  source self = {.last_page = NULL};
  const mcp_event_metrics_source given = {.write = write_page, .data = &self, .drop = count_drop};
  mcp_event_metrics_source empty = given;
  empty.write = NULL;
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_add_source(metrics, "users", empty));
  CHECK_OK(mcp_event_metrics_add_source(metrics, "users", given));
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_metrics_add_source(metrics, "users", given));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_add_source(metrics, NULL, given));
  CHECK(self.counts.drops == 0);
  CHECK(shows(metrics, "# TYPE users gauge\nusers 3\n"));
  CHECK(self.counts.calls == 1);
#ifdef MCP_EVENT_DEBUG_CORE
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT, mcp_event_metrics_page_append(self.last_page, "late 1"));
#endif
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_page_append(NULL, "none 1"));
  CHECK_OK(mcp_event_metrics_destroy(metrics));
  CHECK(self.counts.drops == 1);
}

// What the endpoint at `address` sends to a client that asks for `path`, cut off at the size of `response`.
static void fetch(mcp_event_dispatcher* dispatcher, const char* address, const char* path, char* response,
                  size_t size) {
  const mcp_event_os_fd client = connect_to((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
  char request[100] = "GET ";
  strcat(strcat(request, path), " HTTP/1.0\r\n\r\n");
  send_text(client, request);
  // It lets the client in, then reads the request and sends all that fits into the socket.
  for (int i = 0; i < 3; ++i) {
    run_now(dispatcher);
  }
  receive_all(client, response, size);
  close_fd(client);
}

static void check_endpoint(mcp_event_dispatcher* dispatcher, mcp_event_metrics* metrics,
                           mcp_event_metrics_endpoint* endpoint) {
  mcp_event_text* text = NULL;
  const char* address = NULL;
  static char response[1 << 16];
  CHECK_OK(mcp_event_metrics_endpoint_address(endpoint, &text));
  CHECK_OK(mcp_event_text_data(text, &address));
  CHECK(strncmp(address, "127.0.0.1:", 10) == 0);
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_endpoint_address(endpoint, NULL));

  fetch(dispatcher, address, "/metrics", response, sizeof response);
  CHECK(strncmp(response, "HTTP/1.1 200 OK\r\n", 17) == 0);
  CHECK(strstr(response, "mcp_event_loop_iterations_total{dispatcher=\"") != NULL);
  fetch(dispatcher, address, "/", response, sizeof response);
  CHECK(strncmp(response, "HTTP/1.1 404 Not Found\r\n", 24) == 0);

  mcp_event_metrics_endpoint* second = NULL;
  CHECK_STATUS(MCP_EVENT_OS_ERROR,
               mcp_event_metrics_endpoint_create(dispatcher, address, metrics, NULL, &second));
  CHECK(second == NULL);
  CHECK_OK(mcp_event_text_destroy(text));
}

static void an_endpoint_serves_them(void) {
  mcp_event_dispatcher* const dispatcher = new_dispatcher();
  mcp_event_metrics* const metrics = new_metrics();
  CHECK_OK(mcp_event_metrics_add_dispatcher(metrics, dispatcher));
  mcp_event_metrics_endpoint_options options = {.size = 1, .connection_limit = 3, .timeout_ms = 1000};
  mcp_event_metrics_endpoint* endpoint = NULL;
  const char* const local = "127.0.0.1:0";
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_metrics_endpoint_create(dispatcher, local, metrics, &options, &endpoint));
  options.size = sizeof options;
  CHECK_STATUS(MCP_EVENT_INVALID_ARGUMENT,
               mcp_event_metrics_endpoint_create(dispatcher, "localhost", metrics, &options, &endpoint));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_metrics_endpoint_create(NULL, local, metrics, &options, &endpoint));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_metrics_endpoint_create(dispatcher, NULL, metrics, &options, &endpoint));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_metrics_endpoint_create(dispatcher, local, NULL, &options, &endpoint));
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT,
               mcp_event_metrics_endpoint_create(dispatcher, local, metrics, &options, NULL));
  const mcp_event_status status =
      mcp_event_metrics_endpoint_create(dispatcher, local, metrics, &options, &endpoint);
  // As the library was built: see MCP_EVENT_PROMETHEUS in CMakeLists.txt.
  if (status != MCP_EVENT_UNAVAILABLE) {
    CHECK_OK(status);
    check_endpoint(dispatcher, metrics, endpoint);
    CHECK_OK(mcp_event_metrics_endpoint_destroy(endpoint));
  }
  CHECK_STATUS(MCP_EVENT_NULL_ARGUMENT, mcp_event_metrics_endpoint_destroy(NULL));
  CHECK_OK(mcp_event_metrics_destroy(metrics));
  CHECK_OK(mcp_event_dispatcher_destroy(dispatcher));
}

void metrics_suite(void) {
  a_dispatcher_alone();
  dispatchers_and_pools_are_shown();
  sources_of_the_program_are_shown();
  an_endpoint_serves_them();
}
