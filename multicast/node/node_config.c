/* SPDX-License-Identifier: Apache-2.0 */
/* node_config: libyaml parses, this file checks.
 *
 * 1. The file becomes a libyaml document, whose nodes know their lines.
 * 2. Each mapping is walked key by key: an unknown or repeated key is an error, so that a typing mistake never
 *    becomes a default.
 * 3. Relations are checked last: ids distinct, members exist, every group has one. */
#include "multicast/node/node_config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

/* Bytes of a cluster file: many times the largest cluster; a wrong file is not read into memory. */
#define CONFIG_FILE_BYTES_MAX (1024 * 1024)

struct reader {
    const char *path;
    yaml_document_t document;
    struct node_config *config;
    struct node_config_error *error;
    bool seen_groups;
};

__attribute__((format(printf, 3, 4))) static enum status
fail(struct reader *reader, const yaml_node_t *at, const char *format, ...)
{
    char text[NODE_CONFIG_ERROR_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t line = at == NULL ? 1 : at->start_mark.line + 1;
    snprintf(reader->error->text, sizeof reader->error->text, "%.200s:%zu: %s", reader->path, line,
             text);
    return STATUS_INVALID;
}

static yaml_node_t *node_at(struct reader *reader, yaml_node_item_t item)
{
    return yaml_document_get_node(&reader->document, item);
}

static const char *text_of(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static enum status read_number(struct reader *reader, const yaml_node_t *node, const char *what,
                               uint64_t low, uint64_t high, uint64_t *ret)
{
    const char *text = text_of(node);
    char *end = NULL;
    errno = 0;
    unsigned long long value = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text == NULL || *text < '0' || *text > '9' || *end != '\0' || errno != 0) {
        return fail(reader, node, "%s must be a number", what);
    }
    if (value < low || value > high) {
        return fail(reader, node, "%s must be %" PRIu64 "..%" PRIu64 ", not %llu", what, low, high,
                    value);
    }
    *ret = value;
    return STATUS_OK;
}

static enum status read_name(struct reader *reader, const yaml_node_t *node)
{
    const char *text = text_of(node);
    if (text == NULL || *text == '\0' || strlen(text) > NODE_CONFIG_NAME_BYTES_MAX) {
        return fail(reader, node, "cluster must be a name of 1..%d bytes",
                    NODE_CONFIG_NAME_BYTES_MAX);
    }
    snprintf(reader->config->name, sizeof reader->config->name, "%s", text);
    return STATUS_OK;
}

static enum status read_endpoint(struct reader *reader, const yaml_node_t *node,
                                 struct node_config_node *ret)
{
    const char *text = text_of(node);
    const char *colon = text == NULL ? NULL : strrchr(text, ':');
    if (text == NULL || strncmp(text, "tcp://", 6) != 0 || colon <= text + 6 ||
        strlen(text) >= sizeof ret->endpoint) {
        return fail(reader, node, "endpoint must look like tcp://127.0.0.1:7401");
    }
    char *end = NULL;
    long port = strtol(colon + 1, &end, 10);
    if (*end != '\0' || end == colon + 1 || port < 1 || port > 65535) {
        return fail(reader, node, "the port of %s must be 1..65535", text);
    }
    snprintf(ret->endpoint, sizeof ret->endpoint, "%s", text);
    return STATUS_OK;
}

static enum status read_node(struct reader *reader, const yaml_node_t *node)
{
    struct node_config *config = reader->config;
    if (node->type != YAML_MAPPING_NODE) {
        return fail(reader, node, "a node must be a mapping with id and endpoint");
    }
    if (config->node_count == KV_NODES_MAX) {
        return fail(reader, node, "more than %d nodes", KV_NODES_MAX);
    }
    struct node_config_node read = {0};
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_at(reader, pair->key), *value = node_at(reader, pair->value);
        const char *name = text_of(key);
        enum status status = STATUS_OK;
        uint64_t number = 0;
        if (name != NULL && strcmp(name, "id") == 0 && read.node.value == 0) {
            status = read_number(reader, value, "a node's id", 1, KV_NODES_MAX, &number);
            read.node.value = (uint16_t)number;
        } else if (name != NULL && strcmp(name, "endpoint") == 0 && read.endpoint[0] == '\0') {
            status = read_endpoint(reader, value, &read);
        } else {
            return fail(reader, key, "unknown or repeated key '%.40s' in a node",
                        name == NULL ? "?" : name);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (read.node.value == 0 || read.endpoint[0] == '\0') {
        return fail(reader, node, "a node needs id and endpoint");
    }
    if (node_config_find(config, read.node) != NULL) {
        return fail(reader, node, "node %u is listed twice", (unsigned)read.node.value);
    }
    config->nodes[config->node_count++] = read;
    return STATUS_OK;
}

static enum status read_members(struct reader *reader, const yaml_node_t *node,
                                struct wire_config *ret)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        return fail(reader, node, "members must be a list of node ids");
    }
    *ret = (struct wire_config){0};
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        const yaml_node_t *member = node_at(reader, *item);
        uint64_t id = 0;
        enum status status = read_number(reader, member, "a member", 1, KV_NODES_MAX, &id);
        if (status != STATUS_OK) {
            return status;
        }
        for (uint32_t i = 0; i < ret->count; i++) {
            if (ret->members[i].node.value == id) {
                return fail(reader, member, "member %" PRIu64 " is listed twice", id);
            }
        }
        if (ret->count == KV_MEMBERS_MAX) {
            return fail(reader, member, "more than %d members", KV_MEMBERS_MAX);
        }
        ret->members[ret->count++] =
            (struct wire_config_member){.node = {(uint16_t)id}, .voter = true};
    }
    return ret->count > 0 ? STATUS_OK : fail(reader, node, "a group needs a member");
}

static enum status read_group(struct reader *reader, const yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE) {
        return fail(reader, node, "a group must be a mapping with id and members");
    }
    uint64_t id = UINT64_MAX;
    struct wire_config members = {0};
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_at(reader, pair->key), *value = node_at(reader, pair->value);
        const char *name = text_of(key);
        enum status status = STATUS_OK;
        if (name != NULL && strcmp(name, "id") == 0 && id == UINT64_MAX) {
            status = read_number(reader, value, "a group's id", 0, KV_GROUPS_MAX - 1, &id);
        } else if (name != NULL && strcmp(name, "members") == 0 && members.count == 0) {
            status = read_members(reader, value, &members);
        } else {
            return fail(reader, key, "unknown or repeated key '%.40s' in a group",
                        name == NULL ? "?" : name);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (id == UINT64_MAX || members.count == 0) {
        return fail(reader, node, "a group needs id and members");
    }
    if (reader->config->groups[id].count != 0) {
        return fail(reader, node, "group %" PRIu64 " is listed twice", id);
    }
    reader->config->groups[id] = members;
    return STATUS_OK;
}

typedef enum status (*read_item)(struct reader *reader, const yaml_node_t *node);

static enum status read_list(struct reader *reader, const yaml_node_t *node, const char *what,
                             read_item read)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        return fail(reader, node, "%s must be a list", what);
    }
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        enum status status = read(reader, node_at(reader, *item));
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status read_root(struct reader *reader, const yaml_node_t *root)
{
    struct node_config *config = reader->config;
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_at(reader, pair->key), *value = node_at(reader, pair->value);
        const char *name = text_of(key);
        enum status status = STATUS_OK;
        uint64_t number = 0;
        if (name != NULL && strcmp(name, "cluster") == 0 && config->name[0] == '\0') {
            status = read_name(reader, value);
        } else if (name != NULL && strcmp(name, "partitions") == 0 && config->partitions == 0) {
            status = read_number(reader, value, "partitions", 1, KV_GROUPS_MAX - 1, &number);
            config->partitions = (uint32_t)number;
        } else if (name != NULL && strcmp(name, "nodes") == 0 && config->node_count == 0) {
            status = read_list(reader, value, "nodes", read_node);
        } else if (name != NULL && strcmp(name, "groups") == 0 && !reader->seen_groups) {
            reader->seen_groups = true;
            status = read_list(reader, value, "groups", read_group);
        } else {
            return fail(reader, key, "unknown or repeated key '%.40s'", name == NULL ? "?" : name);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

void node_config_spread(struct node_config *config)
{
    uint32_t size = config->node_count < NODE_CONFIG_MEMBERS_DEFAULT ? config->node_count
                                                                     : NODE_CONFIG_MEMBERS_DEFAULT;
    for (uint32_t g = 0; g < config->group_count; g++) {
        if (config->groups[g].count != 0) {
            continue;
        }
        config->groups[g].count = size;
        for (uint32_t i = 0; i < size; i++) {
            config->groups[g].members[i] = (struct wire_config_member){
                .node = config->nodes[(g + i) % config->node_count].node, .voter = true};
        }
    }
}

static enum status check_relations(struct reader *reader, const yaml_node_t *root)
{
    struct node_config *config = reader->config;
    if (config->name[0] == '\0' || config->partitions == 0 || config->node_count == 0) {
        return fail(reader, root, "cluster, partitions and nodes are needed");
    }
    config->group_count = config->partitions + 1;
    for (uint32_t g = 0; g < KV_GROUPS_MAX; g++) {
        const struct wire_config *group = &config->groups[g];
        if (g >= config->group_count && group->count > 0) {
            return fail(reader, root, "group %u does not exist with %u partitions", g,
                        config->partitions);
        }
        for (uint32_t i = 0; i < group->count; i++) {
            if (node_config_find(config, group->members[i].node) == NULL) {
                return fail(reader, root, "group %u has a member on node %u, which is not listed",
                            g, (unsigned)group->members[i].node.value);
            }
        }
    }
    node_config_spread(config);
    return STATUS_OK;
}

static enum status read_file(const char *path, char **ret, size_t *ret_size,
                             struct node_config_error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        snprintf(error->text, sizeof error->text, "%.200s: %s", path, strerror(errno));
        return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    }
    char *bytes = kv_alloc(CONFIG_FILE_BYTES_MAX + 1);
    size_t size = fread(bytes, 1, CONFIG_FILE_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed || size > CONFIG_FILE_BYTES_MAX) {
        snprintf(error->text, sizeof error->text, "%.200s: %s", path,
                 failed ? "cannot be read" : "too large for a cluster file");
        kv_free(bytes);
        return failed ? STATUS_IO : STATUS_INVALID;
    }
    *ret = bytes;
    *ret_size = size;
    return STATUS_OK;
}

enum status node_config_read(const char *path, struct node_config *ret,
                             struct node_config_error *error)
{
    char *bytes = NULL;
    size_t size = 0;
    enum status status = read_file(path, &bytes, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    *ret = (struct node_config){0};
    struct reader reader = {.path = path, .config = ret, .error = error};
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        kv_free(bytes);
        snprintf(error->text, sizeof error->text, "no memory for the YAML parser");
        return STATUS_IO;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, size);
    if (yaml_parser_load(&parser, &reader.document) == 0) {
        snprintf(error->text, sizeof error->text, "%.200s:%zu: %s", path,
                 parser.problem_mark.line + 1,
                 parser.problem == NULL ? "not YAML" : parser.problem);
        status = STATUS_INVALID;
    } else {
        yaml_node_t *root = yaml_document_get_root_node(&reader.document);
        if (root == NULL || root->type != YAML_MAPPING_NODE) {
            status =
                fail(&reader, root, "a cluster file is a mapping with cluster, partitions, nodes");
        } else {
            status = read_root(&reader, root);
        }
        if (status == STATUS_OK) {
            status = check_relations(&reader, root);
        }
        yaml_document_delete(&reader.document);
    }
    yaml_parser_delete(&parser);
    kv_free(bytes);
    return status;
}

void node_config_single(struct node_config *ret, const char *endpoint, uint32_t partitions)
{
    *ret = (struct node_config){
        .name = "dev", .partitions = partitions, .node_count = 1, .group_count = partitions + 1};
    ret->nodes[0].node = (kv_node_id){1};
    snprintf(ret->nodes[0].endpoint, sizeof ret->nodes[0].endpoint, "%s", endpoint);
    node_config_spread(ret);
}

const struct node_config_node *node_config_find(const struct node_config *config, kv_node_id node)
{
    for (uint32_t i = 0; i < config->node_count; i++) {
        if (kv_node_equal(config->nodes[i].node, node)) {
            return &config->nodes[i];
        }
    }
    return NULL;
}

bool node_config_hosts(const struct node_config *config, kv_group_id group, kv_node_id node)
{
    const struct wire_config *members = &config->groups[group.value];
    for (uint32_t i = 0; i < members->count; i++) {
        if (kv_node_equal(members->members[i].node, node)) {
            return true;
        }
    }
    return false;
}
