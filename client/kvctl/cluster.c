/* SPDX-License-Identifier: Apache-2.0 */
/* cluster: start, stop, status, kill, restart, pause, resume and destroy of a local cluster.
 *
 * start of a new cluster chooses ports, writes the cluster file and starts all nodes. Between
 * the choice and kvd's bind another process may take a port; then kvd says so and ends, and as
 * nobody has used the cluster yet, it is made anew on other ports. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/kvctl/cluster.h"
#include "client/kvctl/cluster_file.h"
#include "client/kvctl/health.h"
#include "client/kvctl/target.h"

/* How often a new cluster is made on other ports before we give up: two collisions in a row mean
 * something else. */
#define START_ATTEMPTS_MAX 5

/* How long nodes may take until they serve, and to end after SIGTERM. */
#define SERVE_TIMEOUT_MS 15000
#define STOP_GRACE_MS    10000

/* How long the nodes have for an answer to cluster status. */
#define STATUS_TIMEOUT_MS 1000

/* Bytes of --name. */
#define CLUSTER_NAME_BYTES_MAX NODE_CONFIG_NAME_BYTES_MAX

#define NODES_DEFAULT          3
#define PARTITIONS_DEFAULT     2

/* ---- Printing ---- */

void kvctl_cluster_print_nodes(const struct kvctl_cluster *cluster)
{
    struct kvctl_table table = {.columns = 5};
    static const char *const heads[] = {"NODE", "PID", "STATE", "ENDPOINT", "LOG"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        kvctl_table_add(&table, "%s", heads[i]);
    }
    for (uint32_t i = 0; i < cluster->file.node_count; i++) {
        const struct node_config_node *node = &cluster->file.nodes[i];
        const pid_t pid = kvctl_process_of(&cluster->local, node->node.value);
        kvctl_table_add(&table, "%u", (unsigned)node->node.value);
        if (pid == 0) {
            kvctl_table_add(&table, "-");
        } else {
            kvctl_table_add(&table, "%d", (int)pid);
        }
        kvctl_table_add(
            &table, "%s",
            kvctl_process_state_name(kvctl_process_state(&cluster->local, node->node.value)));
        kvctl_table_add(&table, "%s", node->endpoint);
        kvctl_table_add(&table, "%s", kvctl_node_path(&cluster->local, node->node.value, "log"));
    }
    kvctl_table_print(&table, stdout);
}

json_t *kvctl_cluster_nodes_json(const struct kvctl_cluster *cluster)
{
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < cluster->file.node_count; i++) {
        const struct node_config_node *node = &cluster->file.nodes[i];
        const pid_t pid = kvctl_process_of(&cluster->local, node->node.value);
        const enum kvctl_process_state state =
            kvctl_process_state(&cluster->local, node->node.value);
        json_t *json = json_object();
        json_object_set_new(json, "node", json_integer(node->node.value));
        json_object_set_new(json, "pid", pid == 0 ? json_null() : json_integer(pid));
        json_object_set_new(json, "state", json_string(kvctl_process_state_name(state)));
        json_object_set_new(json, "endpoint", json_string(node->endpoint));
        json_array_append_new(nodes, json);
    }
    return nodes;
}

/* The directory and its nodes, as the result of start and stop. */
static void print_result(const struct kvctl_cluster *cluster, bool with_export)
{
    const struct kvctl_options *options = cluster->options;
    const char *directory = cluster->local.directory;
    if (options->output == KVCTL_OUTPUT_JSON) {
        json_t *json = json_object();
        json_object_set_new(
            json, "directory",
            kvctl_bytes_json(KVCTL_ENCODING_UTF8, kv_bytes_of(directory, strlen(directory))));
        json_object_set_new(json, "cluster", json_string(cluster->file.name));
        json_object_set_new(json, "partitions", json_integer(cluster->file.partitions));
        json_object_set_new(json, "nodes", kvctl_cluster_nodes_json(cluster));
        kvctl_print_json(stdout, json);
        return;
    }
    if (!kvctl_given(options, KVCTL_BIT(QUIET))) {
        kvctl_cluster_print_nodes(cluster);
    }
    if (with_export) { /* quoted, so that eval takes any path */
        printf("export KV_CLUSTER='");
        for (const char *c = directory; *c != '\0'; c++) {
            if (*c == '\'') {
                printf("'\\''");
            } else {
                fputc(*c, stdout);
            }
        }
        printf("'\n");
    }
}

/* What an act has done to one node. */
static void print_act(const struct kvctl_cluster *cluster, uint32_t node, pid_t pid,
                      const char *state)
{
    const struct kvctl_options *options = cluster->options;
    if (options->output == KVCTL_OUTPUT_JSON) {
        json_t *json = json_object();
        json_object_set_new(json, "node", json_integer(node));
        json_object_set_new(json, "pid", json_integer(pid));
        json_object_set_new(json, "state", json_string(state));
        kvctl_print_json(stdout, json);
    } else if (!kvctl_given(options, KVCTL_BIT(QUIET))) {
        printf("node %u: %s (pid %d)\n", node, state, (int)pid);
    }
}

/* ---- start ---- */

/* A name that needs no quotes in YAML or in a shell. */
static bool is_plain_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return strchr(letters, name[0]) != NULL && strlen(name) <= CLUSTER_NAME_BYTES_MAX &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] ==
               '\0';
}

static enum kvctl_exit choose_ports(struct kvctl_cluster *cluster)
{
    uint16_t ports[KV_NODES_MAX];
    for (uint32_t i = 0; i < cluster->file.node_count; i++) {
        struct node_config_node *node = &cluster->file.nodes[i];
        ports[i] = kvctl_free_port(ports, i);
        if (ports[i] == 0) {
            return kvctl_fail(
                cluster->options, KVCTL_EXIT_FAILURE,
                "cluster start: there is no free port on 127.0.0.1; stop what uses them");
        }
        snprintf(node->endpoint, sizeof(node->endpoint), "tcp://127.0.0.1:%u", ports[i]);
    }
    return KVCTL_EXIT_OK;
}

/* The file of a new cluster, in memory. */
static enum kvctl_exit describe(struct kvctl_cluster *cluster)
{
    const struct kvctl_options *options = cluster->options;
    struct node_config *file = &cluster->file;
    const char *otherwise = cluster->backup == NULL ? "demo" : cluster->head.cluster;
    const char *name = options->name == NULL ? otherwise : options->name;
    if (!is_plain_name(name)) {
        return kvctl_fail(
            options, KVCTL_EXIT_USAGE,
            "--name takes a letter and then up to 63 letters, digits, - and _, not '%s'", name);
    }
    snprintf(file->name, sizeof(file->name), "%s", name);
    file->partitions = cluster->backup != NULL    ? cluster->head.partitions
                       : options->partitions == 0 ? PARTITIONS_DEFAULT
                                                  : options->partitions;
    file->node_count = options->nodes == 0 ? NODES_DEFAULT : options->nodes;
    for (uint32_t i = 0; i < file->node_count; i++) {
        file->nodes[i].node = (kv_node_id){(uint16_t)(i + 1)};
    }
    if (options->replicas > file->node_count) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "--replicas %u needs as many nodes; there are %u (--nodes)",
                          options->replicas, file->node_count);
    }
    cluster->write_groups = options->replicas != 0;
    kvctl_cluster_file_place(file, options->replicas == 0 ? NODE_CONFIG_MEMBERS_DEFAULT
                                                          : options->replicas);
    if (file->groups[0].count % 2 == 0) {
        kvctl_note(options,
                   "note: %u members per group survive no more crashes than %u; take an odd number",
                   file->groups[0].count, file->groups[0].count - 1);
    }
    cluster->created = true;
    return KVCTL_EXIT_OK;
}

/* Options that describe a new cluster must not contradict one that exists. */
static enum kvctl_exit compare(const struct kvctl_cluster *cluster)
{
    const struct kvctl_options *options = cluster->options;
    const struct node_config *file = &cluster->file;
    const bool same = (options->nodes == 0 || options->nodes == file->node_count) &&
                      (options->partitions == 0 || options->partitions == file->partitions) &&
                      (options->replicas == 0 || options->replicas == file->groups[0].count) &&
                      (options->name == NULL || strcmp(options->name, file->name) == 0);
    return same ? KVCTL_EXIT_OK
                : kvctl_fail(options, KVCTL_EXIT_USAGE,
                             "cluster start: %s holds cluster '%s' with %u nodes, %u partitions "
                             "and %u replicas; leave the "
                             "options out to start it, or 'kvctl cluster destroy' it first",
                             cluster->local.directory, file->name, file->node_count,
                             file->partitions, file->groups[0].count);
}

/* End and remove what a failed attempt to make a cluster has left. */
static void undo(struct kvctl_cluster *cluster)
{
    char path[PATH_MAX];
    for (uint32_t i = 0; i < cluster->file.node_count; i++) {
        bool killed;
        const uint32_t node = cluster->file.nodes[i].node.value;
        kvctl_process_stop(&cluster->local, node, 0, &killed);
        if (cluster->pids[i] != 0) {
            kvctl_process_ended(cluster->pids[i]);
            cluster->pids[i] = 0;
        }
        kvctl_remove_tree(kvctl_node_path(&cluster->local, node, ""));
    }
    snprintf(path, sizeof(path), "%s/" KVCTL_FILE_NAME, cluster->local.directory);
    unlink(path);
}

/* One attempt: files, processes, wait. KVCTL_WAIT_ENDED with an address in use may be tried
 * again. */
static enum kvctl_exit start_once(struct kvctl_cluster *cluster, enum kvctl_wait *ret_wait,
                                  uint32_t *ret_place)
{
    const struct kvctl_options *options = cluster->options;
    char path[PATH_MAX];
    char error[512];
    enum kvctl_exit code = kvctl_cluster_find_kvd(cluster);
    code = code == KVCTL_EXIT_OK && cluster->created ? choose_ports(cluster) : code;
    snprintf(path, sizeof(path), "%s/" KVCTL_FILE_NAME, cluster->local.directory);
    if (code == KVCTL_EXIT_OK && cluster->created &&
        !kvctl_cluster_file_write(&cluster->file, cluster->write_groups, path, error,
                                  sizeof(error))) {
        code = kvctl_fail(options, KVCTL_EXIT_FAILURE, "cluster start: %s", error);
    }
    if (code == KVCTL_EXIT_OK && cluster->backup != NULL) {
        code = kvctl_cluster_fill(cluster);
    }
    for (uint32_t i = 0; i < cluster->file.node_count && code == KVCTL_EXIT_OK; i++) {
        if (kvctl_process_of(&cluster->local, cluster->file.nodes[i].node.value) == 0) {
            code = kvctl_cluster_start_node(cluster, i);
        }
    }
    if (code != KVCTL_EXIT_OK) {
        return code;
    }
    if (!cluster->created) {
        kvctl_cluster_unlock(cluster);
    }
    *ret_wait =
        kvctl_cluster_wait(cluster, 0, kvctl_timeout_ms(options, SERVE_TIMEOUT_MS), ret_place);
    return KVCTL_EXIT_OK;
}

/* A backup goes where nothing is. */
static enum kvctl_exit check_empty(const struct kvctl_cluster *cluster)
{
    return cluster->backup == NULL
               ? compare(cluster)
               : kvctl_fail(cluster->options, KVCTL_EXIT_USAGE,
                            "restore: %s holds cluster '%s'; give another --dir",
                            cluster->local.directory, cluster->file.name);
}

enum kvctl_exit kvctl_cluster_start(struct kvctl_cluster *cluster)
{
    enum kvctl_wait wait = KVCTL_WAIT_TIMEOUT;
    uint32_t place = 0;
    enum kvctl_exit code = kvctl_cluster_open(cluster, false);
    code = code == KVCTL_EXIT_OK ? kvctl_cluster_lock(cluster) : code;
    code = code == KVCTL_EXIT_OK ? kvctl_cluster_open(cluster, false) : code; /* as it is now */
    if (code == KVCTL_EXIT_OK) {
        code = cluster->file.node_count == 0 ? describe(cluster) : check_empty(cluster);
    }
    const bool started = code == KVCTL_EXIT_OK;
    for (int attempt = 0; attempt < START_ATTEMPTS_MAX && code == KVCTL_EXIT_OK; attempt++) {
        code = start_once(cluster, &wait, &place);
        const bool port_lost = cluster->created && wait == KVCTL_WAIT_ENDED &&
                               code == KVCTL_EXIT_OK &&
                               kvctl_log_has(&cluster->local, cluster->file.nodes[place].node.value,
                                             cluster->logs[place], "in use");
        if (!port_lost || attempt == START_ATTEMPTS_MAX - 1) {
            break;
        }
        undo(cluster);
    }
    if (started && code != KVCTL_EXIT_OK && cluster->backup != NULL) {
        undo(cluster); /* a part of a backup is nothing to start with */
    }
    if (started && code == KVCTL_EXIT_OK) {
        code = kvctl_cluster_fail_wait(cluster, wait, place);
    }
    if (code == KVCTL_EXIT_OK) {
        print_result(cluster, true);
    }
    return code;
}

enum kvctl_exit kvctl_run_cluster_start(const struct kvctl_command *command,
                                        const struct kvctl_options *options)
{
    struct kvctl_cluster *cluster = kvctl_cluster_new(command, options);
    const enum kvctl_exit code = kvctl_cluster_start(cluster);
    kvctl_cluster_close(cluster);
    return kvctl_flush(options, code);
}

/* ---- stop, destroy ---- */

/* End all nodes at once, then wait for each. */
static enum kvctl_exit stop_all(struct kvctl_cluster *cluster, uint64_t grace_ms)
{
    const struct kvctl_local *local = &cluster->local;
    const uint64_t end_us = kv_now_us() + grace_ms * 1000;
    for (uint32_t i = 0; i < cluster->file.node_count && grace_ms > 0; i++) {
        const pid_t pid = kvctl_process_of(local, cluster->file.nodes[i].node.value);
        if (pid != 0) {
            kill(pid, SIGTERM);
            kill(pid, SIGCONT);
        }
    }
    for (uint32_t i = 0; i < cluster->file.node_count; i++) {
        const uint32_t node = cluster->file.nodes[i].node.value;
        const uint64_t now_us = kv_now_us();
        bool killed = false;
        if (grace_ms > 0 &&
            kvctl_process_wait(local, node, end_us > now_us ? (end_us - now_us) / 1000 : 0)) {
            continue;
        }
        if (!kvctl_process_stop(local, node, 0, &killed)) {
            return kvctl_fail(
                cluster->options, KVCTL_EXIT_FAILURE,
                "%s: node %u (pid %d) does not end even after SIGKILL; look at it with ps",
                cluster->command->name, node, (int)kvctl_process_of(local, node));
        }
        if (killed && grace_ms > 0) {
            kvctl_note(cluster->options, "note: node %u did not end within %llu s and was killed",
                       node, (unsigned long long)(grace_ms / 1000));
        }
    }
    return KVCTL_EXIT_OK;
}

enum kvctl_exit kvctl_run_cluster_stop(const struct kvctl_command *command,
                                       const struct kvctl_options *options)
{
    struct kvctl_cluster *cluster = kvctl_cluster_new(command, options);
    enum kvctl_exit code = kvctl_cluster_open(cluster, true);
    code = code == KVCTL_EXIT_OK ? kvctl_cluster_lock(cluster) : code;
    code =
        code == KVCTL_EXIT_OK ? stop_all(cluster, kvctl_timeout_ms(options, STOP_GRACE_MS)) : code;
    if (code == KVCTL_EXIT_OK) {
        print_result(cluster, false);
    }
    kvctl_cluster_close(cluster);
    return kvctl_flush(options, code);
}

enum kvctl_exit kvctl_run_cluster_destroy(const struct kvctl_command *command,
                                          const struct kvctl_options *options)
{
    struct kvctl_cluster *cluster = kvctl_cluster_new(command, options);
    enum kvctl_exit code = kvctl_cluster_open(cluster, true);
    code = code == KVCTL_EXIT_OK ? kvctl_cluster_lock(cluster) : code;
    code = code == KVCTL_EXIT_OK ? stop_all(cluster, 0) : code;
    if (code == KVCTL_EXIT_OK) {
        undo(cluster);
        if (rmdir(cluster->local.directory) != 0) {
            kvctl_note(options, "note: %s has other files and stays: %s", cluster->local.directory,
                       strerror(errno));
        }
        if (options->output == KVCTL_OUTPUT_JSON) {
            json_t *json = json_object();
            json_object_set_new(json, "directory", json_string(cluster->local.directory));
            json_object_set_new(json, "state", json_string("destroyed"));
            kvctl_print_json(stdout, json);
        } else if (!kvctl_given(options, KVCTL_BIT(QUIET))) {
            printf("destroyed %s\n", cluster->local.directory);
        }
    }
    kvctl_cluster_close(cluster);
    return kvctl_flush(options, code);
}

/* ---- status ---- */

static enum kvctl_exit print_health(const struct kvctl_cluster *cluster, kv_client *client)
{
    const struct kvctl_options *options = cluster->options;
    kv_cluster_status *status = NULL;
    struct kvctl_health health = {.healthy = false};
    const kv_status got =
        kv_cluster_status_get(client, kvctl_timeout_ms(options, STATUS_TIMEOUT_MS), &status);
    const bool answered = got == KV_OK;
    if (answered) {
        kvctl_health_of(status, &cluster->file, &health);
    }
    if (options->output == KVCTL_OUTPUT_JSON) {
        json_t *json = answered ? kvctl_health_json(status, &health) : json_object();
        if (!answered) {
            json_object_set_new(json, "cluster", json_string(cluster->file.name));
            json_object_set_new(json, "healthy", json_false());
            json_object_set_new(json, "problems", json_pack("[s]", "no node answered"));
        }
        json_object_set_new(json, "processes", kvctl_cluster_nodes_json(cluster));
        kvctl_print_json(stdout, json);
    } else {
        kvctl_cluster_print_nodes(cluster);
        fputc('\n', stdout);
        if (answered) {
            kvctl_health_print(status, &health, stdout);
        } else {
            printf(
                "! no node answered; 'kvctl cluster start --dir %s' starts those that are down\n",
                cluster->local.directory);
        }
    }
    const bool healthy = health.healthy;
    if (answered) {
        kvctl_health_close(&health);
        kv_cluster_status_free(status);
    }
    return healthy ? KVCTL_EXIT_OK : KVCTL_EXIT_UNHEALTHY;
}

enum kvctl_exit kvctl_run_cluster_status(const struct kvctl_command *command,
                                         const struct kvctl_options *options)
{
    struct kvctl_cluster *cluster = kvctl_cluster_new(command, options);
    kv_client *client = NULL;
    enum kvctl_exit code = kvctl_cluster_open(cluster, true);
    if (code == KVCTL_EXIT_OK) {
        struct kvctl_target target;
        code = kvctl_target_of_path(options, cluster->local.directory, &target);
        code = code == KVCTL_EXIT_OK ? kvctl_connect(options, &target, &client) : code;
        kvctl_target_close(&target);
    }
    if (code == KVCTL_EXIT_OK) {
        code = print_health(cluster, client);
    }
    kv_client_close(&client);
    kvctl_cluster_close(cluster);
    return kvctl_flush(options, code);
}

/* ---- kill, pause, resume, restart ---- */

/* The place of a node that a word names. */
static enum kvctl_exit place_of(const struct kvctl_cluster *cluster, const char *word,
                                uint32_t *ret_place)
{
    uint64_t id = 0;
    const bool number = kvctl_number_parse(word, KV_NODES_MAX, &id);
    for (uint32_t i = 0; i < cluster->file.node_count && number; i++) {
        if (cluster->file.nodes[i].node.value == id) {
            *ret_place = i;
            return KVCTL_EXIT_OK;
        }
    }
    return kvctl_fail(cluster->options, KVCTL_EXIT_USAGE,
                      "%s: '%s' is not a node of %s; 'kvctl cluster status' lists them",
                      cluster->command->name, word, cluster->local.directory);
}

static enum kvctl_exit signal_node(const struct kvctl_cluster *cluster, uint32_t node)
{
    const int signal_number = cluster->command->detail;
    const pid_t pid = kvctl_process_of(&cluster->local, node);
    if (pid == 0) {
        return kvctl_fail(cluster->options, KVCTL_EXIT_FAILURE,
                          "%s: node %u is not running; 'kvctl cluster restart %u' starts it",
                          cluster->command->name, node, node);
    }
    bool killed = false;
    if (signal_number == SIGKILL ? !kvctl_process_stop(&cluster->local, node, 0, &killed)
                                 : kill(pid, signal_number) != 0) {
        return kvctl_fail(cluster->options, KVCTL_EXIT_FAILURE, "%s: node %u (pid %d): %s",
                          cluster->command->name, node, (int)pid, strerror(errno));
    }
    print_act(cluster, node, pid,
              signal_number == SIGKILL   ? "killed"
              : signal_number == SIGSTOP ? "paused"
                                         : "running");
    return KVCTL_EXIT_OK;
}

enum kvctl_exit kvctl_run_cluster_signal(const struct kvctl_command *command,
                                         const struct kvctl_options *options)
{
    const struct kvctl_arguments arguments = kvctl_arguments_of(command, options);
    struct kvctl_cluster *cluster = kvctl_cluster_new(command, options);
    uint32_t place = 0;
    enum kvctl_exit code = kvctl_cluster_open(cluster, true);
    for (uint32_t i = 0; i < arguments.count && code == KVCTL_EXIT_OK; i++) {
        code = place_of(cluster, arguments.words[i], &place); /* all, before anything is done */
    }
    code = code == KVCTL_EXIT_OK ? kvctl_cluster_lock(cluster) : code;
    for (uint32_t i = 0; i < arguments.count && code == KVCTL_EXIT_OK; i++) {
        code = place_of(cluster, arguments.words[i], &place);
        code = code == KVCTL_EXIT_OK ? signal_node(cluster, cluster->file.nodes[place].node.value)
                                     : code;
    }
    kvctl_cluster_close(cluster);
    return kvctl_flush(options, code);
}

static enum kvctl_exit restart_node(struct kvctl_cluster *cluster, uint32_t place)
{
    const uint32_t node = cluster->file.nodes[place].node.value;
    bool killed = false;
    if (!kvctl_process_stop(&cluster->local, node, STOP_GRACE_MS, &killed)) {
        return kvctl_fail(cluster->options, KVCTL_EXIT_FAILURE,
                          "%s: node %u does not end even after SIGKILL; look at it with ps",
                          cluster->command->name, node);
    }
    if (killed) {
        kvctl_note(cluster->options, "note: node %u did not end within %d s and was killed", node,
                   STOP_GRACE_MS / 1000);
    }
    return kvctl_cluster_start_node(cluster, place);
}

enum kvctl_exit kvctl_run_cluster_restart(const struct kvctl_command *command,
                                          const struct kvctl_options *options)
{
    const struct kvctl_arguments arguments = kvctl_arguments_of(command, options);
    struct kvctl_cluster *cluster = kvctl_cluster_new(command, options);
    uint32_t place = 0;
    enum kvctl_exit code = kvctl_cluster_open(cluster, true);
    for (uint32_t i = 0; i < arguments.count && code == KVCTL_EXIT_OK; i++) {
        code = place_of(cluster, arguments.words[i], &place);
    }
    code = code == KVCTL_EXIT_OK ? kvctl_cluster_lock(cluster) : code;
    for (uint32_t i = 0; i < arguments.count && code == KVCTL_EXIT_OK; i++) {
        code = place_of(cluster, arguments.words[i], &place);
        code = code == KVCTL_EXIT_OK ? restart_node(cluster, place) : code;
    }
    kvctl_cluster_unlock(cluster);
    for (uint32_t i = 0; i < arguments.count && code == KVCTL_EXIT_OK; i++) {
        code = place_of(cluster, arguments.words[i], &place);
        const uint32_t node = cluster->file.nodes[place].node.value;
        const enum kvctl_wait wait =
            kvctl_cluster_wait(cluster, node, kvctl_timeout_ms(options, SERVE_TIMEOUT_MS), &place);
        code = kvctl_cluster_fail_wait(cluster, wait, place);
        if (code == KVCTL_EXIT_OK) {
            print_act(cluster, node, cluster->pids[place], "running");
        }
    }
    kvctl_cluster_close(cluster);
    return kvctl_flush(options, code);
}
