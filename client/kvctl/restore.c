/* SPDX-License-Identifier: Apache-2.0 */
/* restore: a new local cluster whose nodes begin with the file of a backup. kvd makes each node's data (kvd restore), then it is a
 * cluster start like any other. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/kvctl/cluster.h"
#include "client/kvctl/cluster_file.h"
#include "client/kvctl/progress.h"

/* The checking of the file, as it is told. */
struct checking {
    struct kvctl_progress progress;
    uint64_t total;
};

static void tell(void *context, uint64_t done, uint64_t total)
{
    struct checking *checking = context;
    checking->total = total;
    kvctl_progress_tell(&checking->progress, "check", done, total);
}

static enum kvctl_exit check_file(struct kvctl_cluster *cluster)
{
    struct checking checking;
    struct backup_part parts[KV_GROUPS_MAX];
    struct backup_error error = {{0}};
    const struct backup_progress progress_of = {.tell = tell, .context = &checking};
    const struct kvctl_options *options = cluster->options;
    kvctl_progress_begin(&checking.progress, options, "restore");
    if (backup_file_check(cluster->backup, &progress_of, &cluster->head, parts, &error) !=
        STATUS_OK) {
        return kvctl_fail(options, KVCTL_EXIT_FAILURE, "restore: %s", error.text);
    }
    cluster->backup_bytes = checking.total;
    kvctl_progress_tell(&checking.progress, "check", checking.total, checking.total);
    if (options->partitions != 0 && options->partitions != cluster->head.partitions) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "restore: %s has %u partitions, and a cluster made of it, too; not %u",
                          cluster->backup, cluster->head.partitions, options->partitions);
    }
    return KVCTL_EXIT_OK;
}

/* Nothing is in the directory but what kvctl itself has just put there. */
static enum kvctl_exit check_directory(struct kvctl_cluster *cluster)
{
    const char *path = cluster->local.directory;
    DIR *directory = opendir(path);
    bool empty = true;
    const struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return empty ? KVCTL_EXIT_OK
                 : kvctl_fail(cluster->options, KVCTL_EXIT_USAGE,
                              "restore: %s is not empty; give another --dir", path);
}

enum kvctl_exit kvctl_cluster_fill(struct kvctl_cluster *cluster)
{
    struct kvctl_progress progress;
    struct timespec now;
    char error[2048], part[32];
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t clock = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    const uint32_t count = cluster->file.node_count;
    kvctl_progress_begin(&progress, cluster->options, "restore");
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t node = cluster->file.nodes[i].node.value;
        if (kvctl_interrupted()) {
            return kvctl_fail(cluster->options, KVCTL_EXIT_INTERRUPTED, "restore: interrupted");
        }
        if (!kvctl_process_restore(&cluster->local, node, cluster->backup, clock, error,
                                   sizeof(error))) {
            return kvctl_fail(cluster->options, KVCTL_EXIT_FAILURE, "restore: %s", error);
        }
        snprintf(part, sizeof(part), "node %u of %u", i + 1, count);
        kvctl_progress_tell(&progress, part, cluster->backup_bytes, cluster->backup_bytes);
    }
    return KVCTL_EXIT_OK;
}

enum kvctl_exit kvctl_run_restore(const struct kvctl_command *command,
                                  const struct kvctl_options *options)
{
    struct kvctl_cluster *cluster = kvctl_cluster_new(command, options);
    const char *word = kvctl_arguments_of(command, options).words[0];
    char *absolute = realpath(word, NULL); /* kvd has other directories */
    cluster->backup = absolute == NULL ? word : absolute;
    kvctl_catch_signals();
    enum kvctl_exit code = check_file(cluster);
    code = code == KVCTL_EXIT_OK ? kvctl_cluster_open(cluster, false) : code;
    code = code == KVCTL_EXIT_OK ? check_directory(cluster) : code;
    code = code == KVCTL_EXIT_OK ? kvctl_cluster_start(cluster) : code;
    free(absolute);
    kvctl_cluster_close(cluster);
    return kvctl_flush(options, code);
}
