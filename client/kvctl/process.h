/* SPDX-License-Identifier: Apache-2.0 */
/* process: the kvd processes of a local cluster.
 *
 *   D/cluster.yaml    the cluster file
 *   D/node-N/pid      the process of node N, as kvctl started it last
 *   D/node-N/log      its stdout and stderr, appended
 *   D/node-N/data     what kvd keeps
 *
 * A pid file is only a hint: a process is ours if its command line has our "--config
 * D/cluster.yaml --node N". Nothing else is ever signalled. */
#ifndef KVCTL_PROCESS_H
#define KVCTL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of the directory; what is appended to it still fits PATH_MAX. */
#define KVCTL_DIRECTORY_BYTES_MAX 3072

enum kvctl_process_state {
    KVCTL_PROCESS_DOWN,
    KVCTL_PROCESS_RUNNING,
    KVCTL_PROCESS_PAUSED,
};

struct kvctl_local {
    char directory[KVCTL_DIRECTORY_BYTES_MAX]; /* absolute */
    char kvd[4096];                            /* absolute; empty until looked for */
    int lock;                                  /* descriptor that holds the lock, or -1 */
};

/* "D/node-N/name", or "D/node-N" for an empty name; the text lives until the next call. */
const char *kvctl_node_path(const struct kvctl_local *local, uint32_t node, const char *name);

/* The process of a node: 0 if there is none. */
pid_t kvctl_process_of(const struct kvctl_local *local, uint32_t node);
enum kvctl_process_state kvctl_process_state(const struct kvctl_local *local, uint32_t node);
const char *kvctl_process_state_name(enum kvctl_process_state state);

/* Find kvd: given, next to this program, or in PATH. False: error says where it was looked for. */
bool kvctl_find_kvd(struct kvctl_local *local, const char *given, char *error, size_t error_size);

/* Start a node in a session of its own and write its pid file. Returns the pid, 0 on failure
 * (error says why). *ret_log is the size of its log before. */
pid_t kvctl_process_start(const struct kvctl_local *local, uint32_t node, off_t *ret_log,
                          char *error, size_t error_size);

/* Make the data of a node from a backup; waits for it. False: error says why not. `clock`: kvd's --clock. */
bool kvctl_process_restore(const struct kvctl_local *local, uint32_t node, const char *file,
                           uint64_t clock, char *error, size_t error_size);

/* Whether a child of this process has ended; reaps it. */
bool kvctl_process_ended(pid_t pid);

/* Wait until a node has no process. False: it still has after ms. */
bool kvctl_process_wait(const struct kvctl_local *local, uint32_t node, uint64_t ms);

/* End a node: SIGTERM, and SIGKILL if it is still there after the grace time. False: it is still
 * there even so. */
bool kvctl_process_stop(const struct kvctl_local *local, uint32_t node, uint64_t grace_ms,
                        bool *ret_killed);

/* The last line of a node's log behind `from`, without its line end. Empty if there is none. */
void kvctl_log_last_line(const struct kvctl_local *local, uint32_t node, off_t from, char *line,
                         size_t line_size);

/* Whether the log of a node behind `from` has a text. */
bool kvctl_log_has(const struct kvctl_local *local, uint32_t node, off_t from, const char *text);

/* A port of 127.0.0.1 that nobody listens on, other than those taken. 0 if there is none. */
uint16_t kvctl_free_port(const uint16_t *taken, uint32_t taken_count);

/* Remove a directory with all that is in it. */
bool kvctl_remove_tree(const char *path);

#endif
