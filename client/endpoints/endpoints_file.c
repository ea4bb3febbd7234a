/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints out of a cluster file. Reading and checking it is node_config's work; here is only what a client needs of it. */
#include "client/endpoints/endpoints.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client/endpoints/endpoints_internal.h"
#include "multicast/base/assert.h"
#include "multicast/node/node_config.h"

#define FILE_NAME "cluster.yaml"

/* `path`, or of a directory the cluster file inside of it, as a new text. */
static char *copy_file_name(const char *path)
{
    struct stat about;
    bool inside = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
    size_t size = strlen(path) + sizeof "/" FILE_NAME;
    char *name = kv_alloc(size);

    snprintf(name, size, "%s%s", path, inside ? "/" FILE_NAME : "");
    return name;
}

/* The first nodes of a cluster whose file is good. */
static enum status take_nodes(const struct node_config *config, const char *path,
                              struct kv_endpoints *ret, struct kv_endpoints_error *error)
{
    struct endpoints_builder builder = {0};

    for (uint32_t i = 0; i < config->node_count && i < KV_ENDPOINTS_MAX; i++) {
        const char *endpoint = config->nodes[i].endpoint;
        const char *why;

        if (endpoints_add(&builder, endpoint, strlen(endpoint), &why) != STATUS_OK) {
            snprintf(error->text, sizeof error->text, "%.200s: endpoint \"%.100s\" of node %u %s",
                     path, endpoint, (unsigned)config->nodes[i].node.value, why);
            kv_buffer_close(&builder.text);
            return STATUS_INVALID;
        }
    }
    KV_ASSERT(builder.count > 0);
    *ret = (struct kv_endpoints){.cluster = kv_alloc(strlen(config->name) + 1)};
    strcpy(ret->cluster, config->name);
    endpoints_finish(&builder, ret);
    return STATUS_OK;
}

enum status kv_endpoints_from_file(const char *path, struct kv_endpoints *ret,
                                   struct kv_endpoints_error *error)
{
    char *name = copy_file_name(path);
    struct node_config *config = kv_alloc(sizeof *config);
    struct node_config_error config_error;
    enum status status = node_config_read(name, config, &config_error);

    if (status == STATUS_OK) {
        status = take_nodes(config, name, ret, error);
    } else {
        snprintf(error->text, sizeof error->text, "%s", config_error.text);
    }
    kv_free(config);
    if (status == STATUS_OK) {
        ret->file = name;
    } else {
        kv_free(name);
    }
    return status;
}
