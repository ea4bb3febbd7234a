/* SPDX-License-Identifier: Apache-2.0 */
/* process: starting, finding and ending kvd processes; their logs and ports. */
#include "client/kvctl/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/kvctl/target.h"

/* How often a process that shall end is looked at. */
#define PROCESS_POLL_MS 5

/* How long a new process may take to show its command line: some milliseconds on a busy machine. */
#define START_WAIT_MS 1000

/* How long a killed process may take to go: the kernel writes nothing out, it only frees memory. */
#define KILL_WAIT_MS 10000

/* Bytes of a command line that are looked at: ours has two paths. */
#define COMMAND_LINE_BYTES_MAX (4 * PATH_MAX)

/* Bytes at the end of a log in which a text is looked for. */
#define LOG_TAIL_BYTES (16 * 1024)

/* Ports of new clusters. They are below the range from which Linux takes ports of outgoing
 * connections (32768 on): a port from that range can be taken by any connection while its node
 * is down, even by the client's own attempt to connect to it. */
#define PORT_FIRST 20000
#define PORT_COUNT 12000

const char *kvctl_node_path(const struct kvctl_local *local, uint32_t node, const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/node-%u%s%s", local->directory, node,
             name[0] == '\0' ? "" : "/", name);
    return path;
}

const char *kvctl_process_state_name(enum kvctl_process_state state)
{
    switch (state) {
    case KVCTL_PROCESS_DOWN:
        return "down";
    case KVCTL_PROCESS_RUNNING:
        return "running";
    case KVCTL_PROCESS_PAUSED:
        return "paused";
    }
    return "";
}

/* Read a small file; returns the bytes read, text ends with NUL. */
static size_t read_file(const char *path, char *text, size_t text_size)
{
    text[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    const size_t size = fread(text, 1, text_size - 1, file);
    fclose(file);
    text[size] = '\0';
    return size;
}

/* Whether a command line (words that end with NUL) has `option` followed by `value`. */
static bool has_option(const char *words, size_t size, const char *option, const char *value)
{
    bool found = false;
    for (size_t i = 0; i < size; i += strlen(words + i) + 1) {
        if (found && strcmp(words + i, value) == 0) {
            return true;
        }
        found = strcmp(words + i, option) == 0;
    }
    return false;
}

static bool is_ours(const struct kvctl_local *local, uint32_t node, pid_t pid)
{
    char path[64];
    char config[PATH_MAX];
    char number[16];
    char words[COMMAND_LINE_BYTES_MAX];
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    snprintf(config, sizeof(config), "%s/" KVCTL_FILE_NAME, local->directory);
    snprintf(number, sizeof(number), "%u", node);
    const size_t size = read_file(path, words, sizeof(words)); /* empty for a zombie */
    return size > 0 && has_option(words, size, "--config", config) &&
           has_option(words, size, "--node", number);
}

pid_t kvctl_process_of(const struct kvctl_local *local, uint32_t node)
{
    char text[32];
    uint64_t pid;
    read_file(kvctl_node_path(local, node, "pid"), text, sizeof(text));
    text[strcspn(text, "\n")] = '\0';
    if (!kvctl_number_parse(text, INT_MAX, &pid) || pid < 2 || !is_ours(local, node, (pid_t)pid)) {
        return 0;
    }
    return (pid_t)pid;
}

enum kvctl_process_state kvctl_process_state(const struct kvctl_local *local, uint32_t node)
{
    const pid_t pid = kvctl_process_of(local, node);
    if (pid == 0) {
        return KVCTL_PROCESS_DOWN;
    }
    char path[64];
    char text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    read_file(path, text, sizeof(text));
    const char *behind_name = strrchr(text, ')'); /* "123 (kvd) T 1 ..." */
    return behind_name != NULL && behind_name[1] == ' ' && behind_name[2] == 'T'
               ? KVCTL_PROCESS_PAUSED
               : KVCTL_PROCESS_RUNNING;
}

/* ---- Finding and starting kvd ---- */

static bool is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

static bool find_in_path(char *kvd, size_t kvd_size)
{
    const char *list = getenv("PATH");
    while (list != NULL && *list != '\0') {
        const size_t size = strcspn(list, ":");
        snprintf(kvd, kvd_size, "%.*s/kvd", (int)size, list);
        if (size > 0 && is_program(kvd)) {
            return true;
        }
        list += size + (list[size] == '\0' ? 0 : 1);
    }
    return false;
}

bool kvctl_find_kvd(struct kvctl_local *local, const char *given, char *error, size_t error_size)
{
    if (given != NULL) {
        char *absolute = realpath(given, NULL);
        const bool found =
            absolute != NULL && strlen(absolute) < sizeof(local->kvd) && is_program(absolute);
        snprintf(local->kvd, sizeof(local->kvd), "%s", found ? absolute : "");
        free(absolute);
        if (!found) {
            snprintf(error, error_size, "--kvd %s is not a program that can be run", given);
        }
        return found;
    }
    char self[PATH_MAX];
    const ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 8);
    if (size > 0) {
        self[size] = '\0';
        *strrchr(self, '/') = '\0';
        snprintf(local->kvd, sizeof(local->kvd), "%.*s/kvd", PATH_MAX - 8, self);
        if (is_program(local->kvd)) {
            return true;
        }
    }
    if (find_in_path(local->kvd, sizeof(local->kvd))) {
        return true;
    }
    local->kvd[0] = '\0';
    snprintf(error, error_size,
             "kvd was not found in %s nor in PATH; say where it is with --kvd FILE",
             size > 0 ? self : "the directory of kvctl");
    return false;
}

static bool write_pid(const struct kvctl_local *local, uint32_t node, pid_t pid)
{
    char path[PATH_MAX];
    char temporary[PATH_MAX + 8];
    snprintf(path, sizeof(path), "%s", kvctl_node_path(local, node, "pid"));
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    FILE *file = fopen(temporary, "we");
    if (file == NULL) {
        return false;
    }
    const bool written = fprintf(file, "%d\n", (int)pid) > 0;
    return fclose(file) == 0 && written && rename(temporary, path) == 0;
}

/* posix_spawn may return before the kernel shows the new command line; until then the process
 * would not be known as ours. One that has ended by then never is. */
static void wait_until_known(const struct kvctl_local *local, uint32_t node, pid_t pid)
{
    const uint64_t end_us = kv_now_us() + START_WAIT_MS * 1000;
    siginfo_t ended = {.si_pid = 0};
    while (!is_ours(local, node, pid) && kv_now_us() < end_us &&
           waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* posix_spawn returns when the program runs, or with the reason why it does not; the child has a
 * session of its own, nothing of our descriptors (nobody shall wait for a pipe that kvd holds),
 * and no signal that kvctl ignores. */
static int spawn(char *const *words, const char *log, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND,
                                     0644);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
    const int failure = posix_spawn(ret_pid, words[0], &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failure;
}

pid_t kvctl_process_start(const struct kvctl_local *local, uint32_t node, off_t *ret_log,
                          char *error, size_t error_size)
{
    char config[PATH_MAX];
    char data[PATH_MAX];
    char log[PATH_MAX];
    char kvd[PATH_MAX];
    char number[16];
    struct stat status;
    snprintf(kvd, sizeof(kvd), "%s", local->kvd);
    snprintf(config, sizeof(config), "%s/" KVCTL_FILE_NAME, local->directory);
    snprintf(data, sizeof(data), "%s", kvctl_node_path(local, node, "data"));
    snprintf(log, sizeof(log), "%s", kvctl_node_path(local, node, "log"));
    snprintf(number, sizeof(number), "%u", node);
    char *words[] = {kvd, "--config", config, "--node", number, "--dir", data, NULL};
    const char *home = kvctl_node_path(local, node, "");
    if (mkdir(home, 0755) != 0 && errno != EEXIST) {
        snprintf(error, error_size, "cannot make %s: %s", home, strerror(errno));
        return 0;
    }
    *ret_log = stat(log, &status) == 0 ? status.st_size : 0;
    pid_t pid;
    const int failure = spawn(words, log, &pid);
    if (failure != 0) {
        snprintf(error, error_size, "cannot start node %u (%s, log %s): %s", node, kvd, log,
                 strerror(failure));
        return 0;
    }
    if (!write_pid(local, node, pid)) {
        snprintf(error, error_size, "cannot write the pid file of node %u in %s: %s", node,
                 local->directory, strerror(errno));
        kill(pid, SIGKILL);
        return 0;
    }
    wait_until_known(local, node, pid);
    return pid;
}

bool kvctl_process_restore(const struct kvctl_local *local, uint32_t node, const char *file,
                           uint64_t clock, char *error, size_t error_size)
{
    char config[PATH_MAX], data[PATH_MAX], log[PATH_MAX], kvd[PATH_MAX], backup[PATH_MAX];
    char number[16], behind[32], verb[] = "restore";
    snprintf(kvd, sizeof(kvd), "%s", local->kvd);
    snprintf(config, sizeof(config), "%s/" KVCTL_FILE_NAME, local->directory);
    snprintf(data, sizeof(data), "%s", kvctl_node_path(local, node, "data"));
    snprintf(log, sizeof(log), "%s", kvctl_node_path(local, node, "log"));
    snprintf(backup, sizeof(backup), "%s", file);
    snprintf(number, sizeof(number), "%u", node);
    snprintf(behind, sizeof(behind), "%llu", (unsigned long long)clock);
    char *words[] = {kvd,     verb, "--config", config, "--node", number,
                     "--dir", data, "--clock",  behind, backup,   NULL};
    const char *home = kvctl_node_path(local, node, "");
    pid_t pid;
    int ended = -1;
    if (mkdir(home, 0755) != 0 && errno != EEXIST) {
        snprintf(error, error_size, "cannot make %s: %s", home, strerror(errno));
        return false;
    }
    const int failure = spawn(words, log, &pid);
    if (failure != 0) {
        snprintf(error, error_size, "cannot start %s: %s", kvd, strerror(failure));
        return false;
    }
    while (waitpid(pid, &ended, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0) {
        char line[1024];
        kvctl_log_last_line(local, node, 0, line, sizeof(line));
        snprintf(error, error_size, "node %u: %s", node, line);
        return false;
    }
    return true;
}

/* ---- Ending ---- */

bool kvctl_process_ended(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == pid;
}

bool kvctl_process_wait(const struct kvctl_local *local, uint32_t node, uint64_t ms)
{
    const uint64_t end_us = kv_now_us() + ms * 1000;
    for (;;) {
        const pid_t pid = kvctl_process_of(local, node);
        if (pid == 0) {
            return true;
        }
        kvctl_process_ended(pid); /* in case that it is our child */
        if (kv_now_us() >= end_us) {
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = PROCESS_POLL_MS * 1000000L}, NULL);
    }
}

bool kvctl_process_stop(const struct kvctl_local *local, uint32_t node, uint64_t grace_ms,
                        bool *ret_killed)
{
    pid_t pid = kvctl_process_of(local, node);
    *ret_killed = false;
    if (pid == 0) {
        return true;
    }
    if (grace_ms > 0) {
        kill(pid, SIGTERM);
        kill(pid, SIGCONT); /* a paused process would never see it */
        if (kvctl_process_wait(local, node, grace_ms)) {
            return true;
        }
    }
    pid = kvctl_process_of(local, node);
    if (pid != 0) {
        *ret_killed = true;
        kill(pid, SIGKILL);
    }
    return kvctl_process_wait(local, node, KILL_WAIT_MS);
}

/* ---- Logs, ports, trees ---- */

/* The end of a log behind `from`, NUL-terminated; at most LOG_TAIL_BYTES. */
static size_t read_log_tail(const struct kvctl_local *local, uint32_t node, off_t from, char *tail)
{
    FILE *file = fopen(kvctl_node_path(local, node, "log"), "re");
    tail[0] = '\0';
    if (file == NULL || fseeko(file, 0, SEEK_END) != 0) {
        if (file != NULL) {
            fclose(file);
        }
        return 0;
    }
    const off_t end = ftello(file);
    const off_t start = end - from > LOG_TAIL_BYTES ? end - LOG_TAIL_BYTES : from;
    size_t size = 0;
    if (fseeko(file, start, SEEK_SET) == 0) {
        size = fread(tail, 1, LOG_TAIL_BYTES, file);
    }
    fclose(file);
    tail[size] = '\0';
    return size;
}

void kvctl_log_last_line(const struct kvctl_local *local, uint32_t node, off_t from, char *line,
                         size_t line_size)
{
    char tail[LOG_TAIL_BYTES + 1];
    size_t size = read_log_tail(local, node, from, tail);
    while (size > 0 && (tail[size - 1] == '\n' || tail[size - 1] == '\r')) {
        tail[--size] = '\0';
    }
    const char *last = strrchr(tail, '\n');
    snprintf(line, line_size, "%s", last == NULL ? tail : last + 1);
}

bool kvctl_log_has(const struct kvctl_local *local, uint32_t node, off_t from, const char *text)
{
    char tail[LOG_TAIL_BYTES + 1];
    read_log_tail(local, node, from, tail);
    return strcasestr(tail, text) != NULL;
}

/* Whether one can listen on a port now. SO_REUSEADDR as kvd has it, so that old connections in
 * TIME_WAIT do not count. */
static bool port_is_free(uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return false;
    }
    const int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const bool free_port = bind(descriptor, (struct sockaddr *)&address, size) == 0 &&
                           listen(descriptor, 1) == 0 &&
                           getsockname(descriptor, (struct sockaddr *)&address, &size) == 0;
    *port = ntohs(address.sin_port);
    close(descriptor);
    return free_port;
}

static bool is_taken(uint16_t port, const uint16_t *taken, uint32_t taken_count)
{
    for (uint32_t i = 0; i < taken_count; i++) {
        if (taken[i] == port) {
            return true;
        }
    }
    return false;
}

uint16_t kvctl_free_port(const uint16_t *taken, uint32_t taken_count)
{
    /* The first one at random, as two kvctl may start clusters at the same time; the others
     * behind it. */
    const uint64_t start = taken_count > 0 && taken[taken_count - 1] >= PORT_FIRST
                               ? taken[taken_count - 1] + 1U - PORT_FIRST
                               : (kv_now_us() ^ (uint64_t)getpid() * 2654435761U) % PORT_COUNT;
    for (uint64_t i = 0; i < PORT_COUNT; i++) {
        uint16_t port = (uint16_t)(PORT_FIRST + (start + i) % PORT_COUNT);
        if (!is_taken(port, taken, taken_count) && port_is_free(&port)) {
            return port;
        }
    }
    uint16_t any = 0; /* the kernel's choice */
    return port_is_free(&any) && !is_taken(any, taken, taken_count) ? any : 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

bool kvctl_remove_tree(const char *path)
{
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 || errno == ENOENT;
}
