/* SPDX-License-Identifier: Apache-2.0 */
/* cluster_wait: opening the directory of a local cluster, its lock, starting nodes and waiting
 * until they serve. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/kvctl/cluster.h"
#include "client/kvctl/health.h"
#include "client/kvctl/target.h"

/* How long the nodes have for one answer, and the pause between two questions: a new cluster is
 * up within some hundred ms. */
#define ASK_TIMEOUT_MS 250
#define ASK_PAUSE_MS   20

struct kvctl_cluster *kvctl_cluster_new(const struct kvctl_command *command,
                                        const struct kvctl_options *options)
{
    struct kvctl_cluster *cluster = kv_alloc_zero(1, sizeof(*cluster));
    cluster->command = command;
    cluster->options = options;
    cluster->local.lock = -1;
    return cluster;
}

void kvctl_cluster_close(struct kvctl_cluster *cluster)
{
    kvctl_cluster_unlock(cluster);
    kv_free(cluster);
}

/* --dir, $KV_CLUSTER or ./kv-cluster; a path to the cluster file stands for its directory. */
static void directory_of(const struct kvctl_options *options, char *directory, size_t size)
{
    static const char file_name[] = "/" KVCTL_FILE_NAME;
    const char *variable = getenv("KV_CLUSTER");
    const char *path = options->directory != NULL                ? options->directory
                       : variable != NULL && variable[0] != '\0' ? variable
                                                                 : KV_ENDPOINTS_DEFAULT_PATH;
    size_t length = strlen(path);
    if (length > sizeof(file_name) - 1 &&
        strcmp(path + length - (sizeof(file_name) - 1), file_name) == 0) {
        length -= sizeof(file_name) - 1;
    }
    snprintf(directory, size, "%.*s", (int)length, path);
}

enum kvctl_exit kvctl_cluster_open(struct kvctl_cluster *cluster, bool required)
{
    const struct kvctl_options *options = cluster->options;
    char directory[PATH_MAX];
    char path[PATH_MAX];
    struct node_config_error error;
    directory_of(options, directory, sizeof(directory));
    if (!required && mkdir(directory, 0755) != 0 && errno != EEXIST) {
        return kvctl_fail(options, KVCTL_EXIT_FAILURE, "%s: cannot make the directory %s: %s",
                          cluster->command->name, directory, strerror(errno));
    }
    char *absolute = realpath(directory, NULL);
    const bool fits = absolute != NULL && strlen(absolute) < sizeof(cluster->local.directory);
    snprintf(cluster->local.directory, sizeof(cluster->local.directory), "%s",
             fits ? absolute : "");
    free(absolute);
    snprintf(path, sizeof(path), "%s/" KVCTL_FILE_NAME, cluster->local.directory);
    if (fits && access(path, F_OK) == 0) {
        return node_config_read(path, &cluster->file, &error) == STATUS_OK
                   ? KVCTL_EXIT_OK
                   : kvctl_fail(options, KVCTL_EXIT_FAILURE, "%s", error.text);
    }
    if (required || !fits) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "%s: there is no cluster in %s; give --dir DIR, or make one with "
                          "'kvctl cluster start --dir DIR'",
                          cluster->command->name, directory);
    }
    return KVCTL_EXIT_OK;
}

enum kvctl_exit kvctl_cluster_lock(struct kvctl_cluster *cluster)
{
    struct kvctl_local *local = &cluster->local;
    local->lock = open(local->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (local->lock >= 0 && flock(local->lock, LOCK_EX) != 0) {
        if (errno != EINTR || kvctl_interrupted()) {
            kvctl_cluster_unlock(cluster);
        }
    }
    if (kvctl_interrupted()) {
        return kvctl_fail(cluster->options, KVCTL_EXIT_INTERRUPTED, "%s: interrupted",
                          cluster->command->name);
    }
    if (local->lock < 0) {
        return kvctl_fail(cluster->options, KVCTL_EXIT_FAILURE, "%s: cannot lock %s: %s",
                          cluster->command->name, local->directory, strerror(errno));
    }
    return KVCTL_EXIT_OK;
}

void kvctl_cluster_unlock(struct kvctl_cluster *cluster)
{
    if (cluster->local.lock >= 0) {
        close(cluster->local.lock);
        cluster->local.lock = -1;
    }
}

enum kvctl_exit kvctl_cluster_find_kvd(struct kvctl_cluster *cluster)
{
    char error[PATH_MAX + 256];
    return cluster->local.kvd[0] != '\0' ||
                   kvctl_find_kvd(&cluster->local, cluster->options->kvd, error, sizeof(error))
               ? KVCTL_EXIT_OK
               : kvctl_fail(cluster->options, KVCTL_EXIT_USAGE, "%s: %s", cluster->command->name,
                            error);
}

enum kvctl_exit kvctl_cluster_start_node(struct kvctl_cluster *cluster, uint32_t place)
{
    char error[PATH_MAX + 256];
    struct kvctl_local *local = &cluster->local;
    const uint32_t node = cluster->file.nodes[place].node.value;
    const enum kvctl_exit code = kvctl_cluster_find_kvd(cluster);
    if (code != KVCTL_EXIT_OK) {
        return code;
    }
    cluster->pids[place] =
        kvctl_process_start(local, node, &cluster->logs[place], error, sizeof(error));
    return cluster->pids[place] != 0 ? KVCTL_EXIT_OK
                                     : kvctl_fail(cluster->options, KVCTL_EXIT_FAILURE, "%s: %s",
                                                  cluster->command->name, error);
}

/* Whether all members that a node hosts answer and know a leader. */
static bool node_serves(const struct kvctl_cluster *cluster, const kv_cluster_status *status,
                        uint32_t node)
{
    uint32_t wanted = 0;
    uint32_t serving = 0;
    for (uint32_t g = 0; g < cluster->file.group_count; g++) {
        const kv_group_id group = {(uint16_t)g};
        wanted += node_config_hosts(&cluster->file, group, (kv_node_id){(uint16_t)node}) ? 1 : 0;
    }
    for (uint32_t i = 0; i < kv_cluster_status_members(status); i++) {
        const kv_member_status member = kv_cluster_status_member(status, i);
        serving += member.node == node && member.leader != 0 ? 1 : 0;
    }
    return serving >= wanted;
}

static bool is_ready(const struct kvctl_cluster *cluster, kv_client *client, uint32_t node)
{
    kv_cluster_status *status = NULL;
    bool ready = false;
    if (kv_cluster_status_get(client, ASK_TIMEOUT_MS, &status) != KV_OK) {
        return false;
    }
    if (node != 0) {
        ready = node_serves(cluster, status, node);
    } else {
        struct kvctl_health health;
        kvctl_health_of(status, &cluster->file, &health);
        ready = true;
        for (uint32_t group = 0; group < health.group_count; group++) {
            ready = ready && health.groups[group].leader != 0 &&
                    health.groups[group].reachable * 2 > health.groups[group].members;
        }
        kvctl_health_close(&health);
    }
    kv_cluster_status_free(status);
    return ready;
}

enum kvctl_wait kvctl_cluster_wait(struct kvctl_cluster *cluster, uint32_t node,
                                   uint64_t timeout_ms, uint32_t *ret_place)
{
    struct kvctl_target target;
    kv_client *client = NULL;
    enum kvctl_wait wait = KVCTL_WAIT_TIMEOUT;
    const uint64_t end_us = kv_now_us() + timeout_ms * 1000;
    if (kvctl_target_of_path(cluster->options, cluster->local.directory, &target) !=
            KVCTL_EXIT_OK ||
        kvctl_connect(cluster->options, &target, &client) != KVCTL_EXIT_OK) {
        kvctl_target_close(&target);
        return KVCTL_WAIT_TIMEOUT;
    }
    do {
        for (uint32_t i = 0; i < cluster->file.node_count && wait != KVCTL_WAIT_ENDED; i++) {
            if (cluster->pids[i] != 0 && kvctl_process_ended(cluster->pids[i])) {
                cluster->pids[i] = 0;
                *ret_place = i;
                wait = KVCTL_WAIT_ENDED;
            }
        }
        if (wait == KVCTL_WAIT_ENDED) {
            break;
        }
        if (is_ready(cluster, client, node)) {
            wait = KVCTL_WAIT_READY;
            break;
        }
        kvctl_pause(ASK_PAUSE_MS);
        wait = kvctl_interrupted() ? KVCTL_WAIT_INTERRUPTED : KVCTL_WAIT_TIMEOUT;
    } while (wait == KVCTL_WAIT_TIMEOUT && kv_now_us() < end_us);
    kv_client_close(&client);
    kvctl_target_close(&target);
    return wait;
}

enum kvctl_exit kvctl_cluster_fail_wait(const struct kvctl_cluster *cluster, enum kvctl_wait wait,
                                        uint32_t place)
{
    const char *name = cluster->command->name;
    const uint32_t node = cluster->file.nodes[place].node.value;
    char line[512];
    switch (wait) {
    case KVCTL_WAIT_ENDED:
        kvctl_log_last_line(&cluster->local, node, cluster->logs[place], line, sizeof(line));
        return kvctl_fail(cluster->options, KVCTL_EXIT_FAILURE,
                          "%s: node %u has ended: %s (see %s)", name, node,
                          line[0] == '\0' ? "it left no message" : line,
                          kvctl_node_path(&cluster->local, node, "log"));
    case KVCTL_WAIT_TIMEOUT:
        return kvctl_fail(cluster->options, KVCTL_EXIT_UNHEALTHY,
                          "%s: the nodes run, but the cluster does not serve yet; see 'kvctl "
                          "cluster status --dir %s' and the "
                          "logs there, or wait longer with --timeout",
                          name, cluster->local.directory);
    case KVCTL_WAIT_INTERRUPTED:
        return kvctl_fail(
            cluster->options, KVCTL_EXIT_INTERRUPTED,
            "%s: interrupted; the nodes go on running; 'kvctl cluster stop --dir %s' ends them",
            name, cluster->local.directory);
    case KVCTL_WAIT_READY:
        return KVCTL_EXIT_OK;
    }
    return KVCTL_EXIT_FAILURE;
}
