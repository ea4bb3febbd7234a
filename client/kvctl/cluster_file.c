/* SPDX-License-Identifier: Apache-2.0 */
/* cluster_file: placing groups and writing YAML. */
#include "client/kvctl/cluster_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void write_group(const struct wire_config *group, uint32_t id, FILE *stream)
{
    fprintf(stream, "  - id: %u\n    members: [", id);
    for (uint32_t i = 0; i < group->count; i++) {
        fprintf(stream, "%s%u", i == 0 ? "" : ", ", (unsigned)group->members[i].node.value);
    }
    fprintf(stream, "]\n");
}

bool kvctl_cluster_file_write(const struct node_config *config, bool write_groups, const char *path,
                              char *error, size_t error_size)
{
    char temporary[PATH_MAX + 8];
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    FILE *stream = fopen(temporary, "we");
    bool written = stream != NULL;
    if (written) {
        fprintf(stream, "# Made by kvctl cluster start. kvd and kvctl read it.\n");
        fprintf(stream, "cluster: %s\npartitions: %u\nnodes:\n", config->name, config->partitions);
        for (uint32_t i = 0; i < config->node_count; i++) {
            fprintf(stream, "  - id: %u\n    endpoint: %s\n", (unsigned)config->nodes[i].node.value,
                    config->nodes[i].endpoint);
        }
        if (write_groups) {
            fprintf(stream, "groups:\n");
            for (uint32_t g = 0; g < config->group_count; g++) {
                write_group(&config->groups[g], g, stream);
            }
        }
        written = fflush(stream) == 0 && fsync(fileno(stream)) == 0 && ferror(stream) == 0;
        written = fclose(stream) == 0 && written && rename(temporary, path) == 0;
    }
    if (!written) {
        snprintf(error, error_size, "cannot write %s: %s", path, strerror(errno));
    }
    return written;
}

void kvctl_cluster_file_place(struct node_config *config, uint32_t replicas)
{
    uint32_t count = replicas > config->node_count ? config->node_count : replicas;
    count = count > KV_MEMBERS_MAX ? KV_MEMBERS_MAX : count;
    config->group_count = config->partitions + 1;
    for (uint32_t g = 0; g < config->group_count; g++) {
        config->groups[g].count = count;
        for (uint32_t i = 0; i < count; i++) {
            config->groups[g].members[i] = (struct wire_config_member){
                .node = config->nodes[(g + i) % config->node_count].node, .voter = true};
        }
    }
}
