/* SPDX-License-Identifier: Apache-2.0 */
/* health: judging and printing a kv_cluster_status. */
#include "client/kvctl/health.h"

#include <stdio.h>
#include <string.h>

const char *kvctl_group_text(uint32_t group)
{
    static char text[16];
    snprintf(text, sizeof(text), "%u", group);
    return group == 0 ? "oracle" : text;
}

static const char *group_sentence(uint32_t group)
{
    static char text[32];
    snprintf(text, sizeof(text), group == 0 ? "the oracle" : "partition %u", group);
    return text;
}

static void add_problem(struct kvctl_health *health, json_t *sentence)
{
    json_array_append_new(health->problems, sentence);
    health->healthy = false;
}

/* The member of a group with the smallest node above `after`. Nodes answer in any order; people
 * look for them by number. */
static bool next_member(const kv_cluster_status *status, uint32_t group, uint32_t after,
                        kv_member_status *ret)
{
    bool found = false;
    for (uint32_t i = 0; i < kv_cluster_status_members(status); i++) {
        const kv_member_status member = kv_cluster_status_member(status, i);
        if (member.group == group && member.node > after && (!found || member.node < ret->node)) {
            *ret = member;
            found = true;
        }
    }
    return found;
}

/* How many members a group has when no file tells. */
static uint32_t members_assumed(const kv_cluster_status *status, uint32_t heard)
{
    const uint32_t nodes = kv_cluster_status_nodes(status);
    const uint32_t placed =
        nodes < NODE_CONFIG_MEMBERS_DEFAULT ? nodes : NODE_CONFIG_MEMBERS_DEFAULT;
    return heard > placed ? heard : placed;
}

static void judge_group(const kv_cluster_status *status, const struct node_config *config,
                        uint32_t group, struct kvctl_health *health)
{
    struct kvctl_group_health *judged = &health->groups[group];
    for (uint32_t i = 0; i < kv_cluster_status_members(status); i++) {
        const kv_member_status member = kv_cluster_status_member(status, i);
        if (member.group != group) {
            continue;
        }
        judged->reachable++;
        if (member.term > judged->term) {
            judged->term = member.term;
            judged->leader = 0;
        }
        if (member.term == judged->term && strcmp(member.role, "leader") == 0) {
            judged->leader = member.node;
        }
    }
    judged->members = config != NULL && group < config->group_count
                          ? config->groups[group].count
                          : members_assumed(status, judged->reachable);
    if (judged->leader == 0) {
        add_problem(health, kvctl_text_json("%s has no leader", group_sentence(group)));
    }
    if (judged->reachable * 2 <= judged->members) {
        add_problem(health,
                    kvctl_text_json("%s has no quorum: %u of %u members are reachable",
                                    group_sentence(group), judged->reachable, judged->members));
    }
}

/* Digests are comparable where two members of a group have delivered the same prefix. */
static void judge_digests(const kv_cluster_status *status, struct kvctl_health *health)
{
    const uint32_t count = kv_cluster_status_members(status);
    for (uint32_t i = 0; i < count; i++) {
        const kv_member_status a = kv_cluster_status_member(status, i);
        for (uint32_t j = i + 1; j < count; j++) {
            const kv_member_status b = kv_cluster_status_member(status, j);
            if (a.group == b.group && a.delivered == b.delivered && a.applied == b.applied &&
                a.digest != b.digest) {
                add_problem(health, kvctl_text_json("%s: nodes %u and %u have delivered the same "
                                                    "commands and have different states",
                                                    group_sentence(a.group), a.node, b.node));
            }
        }
    }
}

static void judge_disks(const kv_cluster_status *status, struct kvctl_health *health)
{
    for (uint32_t i = 0; i < kv_cluster_status_nodes(status); i++) {
        const kv_node_status node = kv_cluster_status_node(status, i);
        if (node.no_space) {
            add_problem(health,
                        kvctl_text_json("node %u: its disk is almost full (%llu MiB free); groups "
                                        "that it leads take no writes",
                                        node.node,
                                        (unsigned long long)(node.disk_free / (1024 * 1024))));
        }
    }
}

void kvctl_health_of(const kv_cluster_status *status, const struct node_config *config,
                     struct kvctl_health *health)
{
    memset(health, 0, sizeof(*health));
    health->healthy = true;
    health->problems = json_array();
    uint32_t partitions = kv_cluster_status_partitions(status);
    if (config != NULL && config->partitions > partitions) {
        partitions = config->partitions;
    }
    if (partitions > KV_GROUPS_MAX - 1) {
        partitions = KV_GROUPS_MAX - 1;
    }
    health->group_count = partitions + 1;
    for (uint32_t group = 0; group < health->group_count; group++) {
        judge_group(status, config, group, health);
    }
    judge_digests(status, health);
    judge_disks(status, health);
}

void kvctl_health_close(struct kvctl_health *health)
{
    json_decref(health->problems);
    health->problems = NULL;
}

/* ---- JSON ---- */

static void set_number(json_t *json, const char *field, uint64_t number)
{
    json_object_set_new(json, field, json_integer((json_int_t)number));
}

static json_t *member_json(kv_member_status member)
{
    json_t *json = json_object();
    set_number(json, "node", member.node);
    json_object_set_new(json, "role", json_string(member.role));
    set_number(json, "leader", member.leader);
    set_number(json, "term", member.term);
    set_number(json, "last", member.last);
    set_number(json, "commit", member.commit);
    set_number(json, "applied", member.applied);
    set_number(json, "delivered", member.delivered);
    json_object_set_new(json, "digest",
                        kvctl_text_json("%016llx", (unsigned long long)member.digest));
    set_number(json, "keys", member.keys);
    set_number(json, "sessions", member.sessions);
    set_number(json, "commands", member.commands);
    set_number(json, "reads", member.reads);
    set_number(json, "checkpoint", member.checkpoint);
    return json;
}

static json_t *group_json(const kv_cluster_status *status, const struct kvctl_health *health,
                          uint32_t group)
{
    const struct kvctl_group_health *judged = &health->groups[group];
    json_t *json = json_object();
    json_t *members = json_array();
    set_number(json, "group", group);
    json_object_set_new(json, "leader",
                        judged->leader == 0 ? json_null() : json_integer(judged->leader));
    set_number(json, "term", judged->term);
    json_object_set_new(json, "quorum", json_boolean(judged->reachable * 2 > judged->members));
    kv_member_status member = {.node = 0};
    while (next_member(status, group, member.node, &member)) {
        json_array_append_new(members, member_json(member));
    }
    json_object_set_new(json, "members", members);
    return json;
}

void kvctl_health_workers_json(json_t *json, kv_node_status node)
{
    const char *state = node.workers_state == NULL ? "" : node.workers_state;
    set_number(json, "workers", node.workers);
    json_object_set_new(json, "workers_automatic", json_boolean(node.workers_automatic));
    json_object_set_new(json, "workers_state", json_string(state));
    set_number(json, "jobs", node.jobs);
    set_number(json, "jobs_out", node.jobs_out);
    set_number(json, "jobs_wait_us", node.jobs_wait_us);
    set_number(json, "jobs_work_us", node.jobs_work_us);
}

static json_t *node_json(kv_node_status node)
{
    json_t *json = json_object();
    set_number(json, "node", node.node);
    json_object_set_new(json, "endpoint", json_string(node.endpoint == NULL ? "" : node.endpoint));
    json_object_set_new(json, "reachable", json_boolean(node.reachable));
    if (node.reachable) {
        set_number(json, "uptime_ms", node.uptime_ms);
        set_number(json, "log_syncs", node.log_syncs);
        set_number(json, "log_bytes", node.log_bytes);
        set_number(json, "frames_dropped", node.frames_dropped);
        set_number(json, "log_files", node.log_files);
        set_number(json, "disk_free", node.disk_free);
        json_object_set_new(json, "no_space", json_boolean(node.no_space));
        kvctl_health_workers_json(json, node);
    }
    return json;
}

json_t *kvctl_health_json(const kv_cluster_status *status, const struct kvctl_health *health)
{
    const char *name = kv_cluster_status_name(status);
    json_t *json = json_object();
    json_t *nodes = json_array();
    json_t *groups = json_array();
    json_object_set_new(json, "cluster", json_string(name == NULL ? "" : name));
    set_number(json, "partitions", health->group_count - 1);
    json_object_set_new(json, "healthy", json_boolean(health->healthy));
    json_object_set(json, "problems", health->problems);
    for (uint32_t i = 0; i < kv_cluster_status_nodes(status); i++) {
        json_array_append_new(nodes, node_json(kv_cluster_status_node(status, i)));
    }
    for (uint32_t group = 0; group < health->group_count; group++) {
        json_array_append_new(groups, group_json(status, health, group));
    }
    json_object_set_new(json, "nodes", nodes);
    json_object_set_new(json, "groups", groups);
    return json;
}

/* ---- Tables ---- */

static void print_nodes(const kv_cluster_status *status, FILE *file)
{
    struct kvctl_table table = {.columns = 6};
    static const char *const heads[] = {"NODE", "ENDPOINT", "STATE", "UPTIME", "SYNCS", "DROPPED"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        kvctl_table_add(&table, "%s", heads[i]);
    }
    for (uint32_t i = 0; i < kv_cluster_status_nodes(status); i++) {
        const kv_node_status node = kv_cluster_status_node(status, i);
        kvctl_table_add(&table, "%u", node.node);
        kvctl_table_add(&table, "%s", node.endpoint == NULL ? "" : node.endpoint);
        kvctl_table_add(&table, "%s", node.reachable ? "reachable" : "unreachable");
        if (node.reachable) {
            kvctl_table_add(&table, "%.1fs", (double)node.uptime_ms / 1000.0);
            kvctl_table_add(&table, "%llu", (unsigned long long)node.log_syncs);
            kvctl_table_add(&table, "%llu", (unsigned long long)node.frames_dropped);
        } else {
            for (int column = 0; column < 3; column++) {
                kvctl_table_add(&table, "-");
            }
        }
    }
    kvctl_table_print(&table, file);
}

static void print_members(const kv_cluster_status *status, const struct kvctl_health *health,
                          FILE *file)
{
    struct kvctl_table table = {.columns = 10};
    static const char *const heads[] = {"GROUP",  "NODE",    "ROLE",      "TERM",   "LAST",
                                        "COMMIT", "APPLIED", "DELIVERED", "DIGEST", "KEYS"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        kvctl_table_add(&table, "%s", heads[i]);
    }
    for (uint32_t group = 0; group < health->group_count; group++) {
        kv_member_status member = {.node = 0};
        while (next_member(status, group, member.node, &member)) {
            kvctl_table_add(&table, "%s", kvctl_group_text(group));
            kvctl_table_add(&table, "%u", member.node);
            kvctl_table_add(&table, "%s", member.role);
            kvctl_table_add(&table, "%llu", (unsigned long long)member.term);
            kvctl_table_add(&table, "%llu", (unsigned long long)member.last);
            kvctl_table_add(&table, "%llu", (unsigned long long)member.commit);
            kvctl_table_add(&table, "%llu", (unsigned long long)member.applied);
            kvctl_table_add(&table, "%llu", (unsigned long long)member.delivered);
            kvctl_table_add(&table, "%016llx", (unsigned long long)member.digest);
            kvctl_table_add(&table, "%llu", (unsigned long long)member.keys);
        }
    }
    kvctl_table_print(&table, file);
}

void kvctl_health_print(const kv_cluster_status *status, const struct kvctl_health *health,
                        FILE *file)
{
    const char *name = kv_cluster_status_name(status);
    fprintf(file, "cluster %s: %u nodes, %u partitions, %s\n\n", name == NULL ? "?" : name,
            kv_cluster_status_nodes(status), health->group_count - 1,
            health->healthy ? "healthy" : "NOT HEALTHY");
    print_nodes(status, file);
    fputc('\n', file);
    print_members(status, health, file);
    for (size_t i = 0; i < json_array_size(health->problems); i++) {
        fprintf(file, "%s! %s\n", i == 0 ? "\n" : "",
                json_string_value(json_array_get(health->problems, i)));
    }
}
