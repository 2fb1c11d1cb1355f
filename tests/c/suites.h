// The suites, one a file; c_abi.c runs them.
#ifndef MCP_EVENT_TESTS_C_SUITES_H
#define MCP_EVENT_TESTS_C_SUITES_H

void actor_suite(void);
void actor_context_suite(void);
void actor_reply_suite(void);
void actor_system_suite(void);
void busy_poll_suite(void);
void clock_suite(void);
void crash_dump_suite(void);
void deferred_delete_suite(void);
void dispatcher_suite(void);
void file_event_suite(void);
void foreign_loop_suite(void);
void fork_suite(void);
void guard_dog_suite(void);
void label_suite(void);
void libevent_suite(void);
void log_suite(void);
void metrics_suite(void);
void misuse_suite(void);
void ownership_suite(void);
void periodic_timer_suite(void);
void pool_suite(void);
void post_suite(void);
void pressure_suite(void);
void run_and_exit_suite(void);
void scaled_timer_suite(void);
void schedulable_suite(void);
void server_call_suite(void);
void server_manager_suite(void);
void server_misuse_suite(void);
void server_trouble_suite(void);
void signal_event_suite(void);
void stats_suite(void);
void status_suite(void);
void stream_suite(void);
void timer_suite(void);
void tracked_suite(void);
void watchdog_suite(void);
void worker_pool_suite(void);

#endif  // MCP_EVENT_TESTS_C_SUITES_H
