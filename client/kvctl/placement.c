/* SPDX-License-Identifier: Apache-2.0 */
/* placement: where keys are, and moving them: where, move, partition list, partition history. */
#include <stdio.h>
#include <string.h>

#include "client/kvctl/health.h"
#include "client/kvctl/operation.h"
#include "client/kvctl/request.h"
#include "client/kvctl/target.h"

/* How long the nodes have to say who leads what. */
#define STATUS_TIMEOUT_MS 1000

/* ---- where ---- */

static enum kvctl_exit print_where(const struct kvctl_request *request, kv_status status,
                                   const kv_result *result)
{
    const struct kvctl_options *options = request->options;
    const uint32_t count = kv_result_places(result);
    struct kvctl_table table = {.columns = 4};
    if (options->output == KVCTL_OUTPUT_JSON) {
        kvctl_print_json(stdout, kvctl_request_json(request, status, result));
        return KVCTL_EXIT_OK;
    }
    if (options->output == KVCTL_OUTPUT_TABLE) {
        static const char *const heads[] = {"KEY", "PARTITION", "PLACE", "EXISTS"};
        for (unsigned i = 0; i < 4; i++) {
            kvctl_table_add(&table, "%s", heads[i]);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const kv_place place = kv_result_place(result, i);
        const bool placed = place.version != 0;
        if (options->output == KVCTL_OUTPUT_TABLE) {
            kvctl_table_add_bytes(&table, options, request->keys[i]);
            kvctl_table_add(&table, "%u", place.partition);
            kvctl_table_add(&table, "%s", placed ? "placed" : "home");
            kvctl_table_add(&table, "%s", placed ? "yes" : "unknown");
            continue;
        }
        if (count > 1 || !kvctl_given(options, KVCTL_BIT(QUIET))) {
            kvctl_print_bytes(options, request->keys[i]);
            fputc('\t', stdout);
        }
        printf("%u\n", place.partition);
    }
    if (options->output == KVCTL_OUTPUT_TABLE) {
        kvctl_table_print(&table, stdout);
    }
    return KVCTL_EXIT_OK;
}

enum kvctl_exit kvctl_run_where(const struct kvctl_command *command,
                                const struct kvctl_options *options)
{
    return kvctl_run_request(command, options, print_where);
}

/* ---- move ---- */

/* What becomes of one key. A key may be moved by somebody else between the question where it is and
 * the move; then `from` is where it was. */
struct movement {
    const char *verdict; /* "moved" */
    uint32_t from;       /* 0: not known */
    bool ok, moves;
    kv_status status;
};

static struct movement movement_of(const struct kvctl_request *request, const kv_result *places,
                                   const kv_result *moved, uint32_t i)
{
    struct movement movement = {.from = kv_result_place(places, i).partition, .status = KV_OK};
    const bool there = movement.from == request->op.partition;
    if (moved != NULL) {
        movement.status = kv_result_place(moved, i).status;
    }
    movement.ok = movement.status == KV_OK;
    movement.moves = movement.ok && !there;
    movement.verdict = movement.status == KV_NOT_FOUND ? "no such key"
                       : !movement.ok                  ? kv_status_text(movement.status)
                       : there                         ? "already there"
                       : moved == NULL                 ? "would move"
                                                       : "moved";
    movement.from = movement.ok ? movement.from : 0;
    return movement;
}

static void print_movements_json(const struct kvctl_request *request, kv_status status,
                                 const kv_result *places, const kv_result *moved)
{
    json_t *json = kvctl_request_json(request, status, moved == NULL ? places : moved);
    json_t *verdicts = json_object_get(json, "verdicts");
    for (uint32_t i = 0; i < request->op.count; i++) {
        const struct movement movement = movement_of(request, places, moved, i);
        json_t *verdict = json_array_get(verdicts, i);
        if (movement.ok) {
            json_object_set_new(verdict, "partition", json_integer(request->op.partition));
            json_object_set_new(verdict, "from", json_integer(movement.from));
            json_object_set_new(verdict, moved == NULL ? "would_move" : "moved",
                                json_boolean(movement.moves));
        }
    }
    if (moved == NULL) {
        json_object_set_new(json, "result", json_null());
        json_object_set_new(json, "dry_run", json_true());
    }
    kvctl_print_json(stdout, json);
}

/* A line for each key: key, verdict, from, to. moved NULL: of a dry run. */
static void print_movements(const struct kvctl_request *request, const kv_result *places,
                            const kv_result *moved)
{
    const struct kvctl_options *options = request->options;
    const bool is_table = options->output == KVCTL_OUTPUT_TABLE;
    struct kvctl_table table = {.columns = 4};
    if (is_table) {
        static const char *const heads[] = {"KEY", "VERDICT", "FROM", "TO"};
        for (unsigned i = 0; i < 4; i++) {
            kvctl_table_add(&table, "%s", heads[i]);
        }
    }
    for (uint32_t i = 0; i < request->op.count; i++) {
        const struct movement movement = movement_of(request, places, moved, i);
        char from[16] = "-";
        if (movement.from != 0) {
            snprintf(from, sizeof(from), "%u", movement.from);
        }
        if (is_table) {
            kvctl_table_add_bytes(&table, options, request->keys[i]);
            kvctl_table_add(&table, "%s", movement.verdict);
            kvctl_table_add(&table, "%s", from);
            kvctl_table_add(&table, "%u", request->op.partition);
        } else {
            kvctl_print_bytes(options, request->keys[i]);
            printf("\t%s\t%s\t%u\n", movement.verdict, from, request->op.partition);
        }
    }
    if (is_table) {
        kvctl_table_print(&table, stdout);
    }
}

/* Ask where the keys are, so that it can be told what has moved and what was there already; and, if it
 * is no dry run, move them. */
static enum kvctl_exit move(struct kvctl_request *request, kv_client **client)
{
    const bool dry = kvctl_given(request->options, KVCTL_BIT(DRY_RUN));
    kv_op where = request->op;
    kv_result *places = NULL, *moved = NULL;
    where.code = KV_OP_WHERE;
    kv_status status = kvctl_execute(client, &where, &places);
    if (status == KV_OK && !dry) {
        status = kvctl_execute(client, &request->op, &moved);
    }
    const bool asked = places != NULL && kv_result_places(places) == request->op.count;
    const bool done =
        dry ? status == KV_OK : moved != NULL && kv_result_places(moved) == request->op.count;
    enum kvctl_exit code = kvctl_exit_of(status, true);
    if (!asked || !done) {
        request->op.code = asked ? KV_OP_MOVE : KV_OP_WHERE; /* a question is never in doubt */
        code = kvctl_request_fail(request, *client, status, NULL);
    } else if (request->options->output == KVCTL_OUTPUT_JSON) {
        print_movements_json(request, status, places, moved);
    } else {
        print_movements(request, places, moved);
    }
    kv_result_free(places);
    kv_result_free(moved);
    return code;
}

enum kvctl_exit kvctl_run_move(const struct kvctl_command *command,
                               const struct kvctl_options *options)
{
    struct kvctl_request *request = kvctl_request_new(command, options);
    kv_client *client = NULL;
    enum kvctl_exit code = kvctl_request_build(request);
    if (code == KVCTL_EXIT_OK) {
        code = kvctl_connect_any(options, &client);
    }
    if (code == KVCTL_EXIT_OK) {
        code = kvctl_flush(options, move(request, &client));
    }
    kv_client_close(&client);
    kvctl_request_destroy(&request);
    return code;
}

/* ---- partition list ---- */

/* What one partition is and has. */
struct partition {
    uint32_t leader; /* node; 0: none */
    uint64_t keys;
    bool keys_known; /* a member has told */
};

/* As the leader says, or else the member that has applied most. */
static struct partition partition_of(const kv_cluster_status *status,
                                     const struct kvctl_health *health, uint32_t group)
{
    struct partition partition = {0};
    uint64_t applied = 0;
    partition.leader = group < health->group_count ? health->groups[group].leader : 0;
    for (uint32_t i = 0; i < kv_cluster_status_members(status); i++) {
        const kv_member_status member = kv_cluster_status_member(status, i);
        const bool leads = member.node == partition.leader;
        if (member.group == group && (leads || !partition.keys_known || member.applied > applied)) {
            partition.keys = member.keys;
            partition.keys_known = true;
            applied = leads ? UINT64_MAX : member.applied;
        }
    }
    return partition;
}

static void print_partitions(const struct kvctl_request *request, const kv_cluster_status *status,
                             const struct kvctl_health *health, const kv_result *result)
{
    json_t *answer = kvctl_request_json(request, KV_OK, result);
    json_t *list = json_object_get(answer, "result");
    struct kvctl_table table = {.columns = 4};
    static const char *const heads[] = {"PARTITION", "KEYS", "PLACED", "LEADER"};
    for (unsigned i = 0; i < 4; i++) {
        kvctl_table_add(&table, "%s", heads[i]);
    }
    for (uint32_t i = 0; i < json_array_size(list); i++) {
        json_t *json = json_array_get(list, i);
        const json_int_t number = json_integer_value(json_object_get(json, "partition"));
        const struct partition partition = partition_of(status, health, (uint32_t)number);
        json_object_set_new(json, "keys",
                            partition.keys_known ? json_integer((json_int_t)partition.keys)
                                                 : json_null());
        json_object_set_new(json, "leader",
                            partition.leader == 0 ? json_null() : json_integer(partition.leader));
        char keys[32] = "-", leader[16] = "-";
        if (partition.keys_known) {
            snprintf(keys, sizeof(keys), "%llu", (unsigned long long)partition.keys);
        }
        if (partition.leader != 0) {
            snprintf(leader, sizeof(leader), "%u", partition.leader);
        }
        kvctl_table_add(&table, "%lld", (long long)number);
        kvctl_table_add(&table, "%s", keys);
        kvctl_table_add(&table, "%lld",
                        (long long)json_integer_value(json_object_get(json, "placed")));
        kvctl_table_add(&table, "%s", leader);
    }
    if (request->options->output == KVCTL_OUTPUT_JSON) {
        kvctl_table_clear(&table);
        kvctl_print_json(stdout, answer);
    } else {
        kvctl_table_print(&table, stdout);
        json_decref(answer);
    }
}

/* The oracle tells how many keys are placed, the members how many there are. */
static enum kvctl_exit list_partitions(const struct kvctl_request *request,
                                       const struct kvctl_target *target, kv_client **client)
{
    kv_result *result = NULL;
    kv_cluster_status *cluster = NULL;
    kv_status status = kvctl_execute(client, &request->op, &result);
    if (status == KV_OK) {
        status = kv_cluster_status_get(
            *client, kvctl_timeout_ms(request->options, STATUS_TIMEOUT_MS), &cluster);
    }
    enum kvctl_exit code = KVCTL_EXIT_OK;
    if (status != KV_OK) {
        code = kvctl_request_fail(request, *client, status, NULL);
    } else {
        struct kvctl_health health;
        kvctl_health_of(cluster, target->config, &health);
        print_partitions(request, cluster, &health, result);
        kvctl_health_close(&health);
    }
    kv_cluster_status_free(cluster);
    kv_result_free(result);
    return code;
}

enum kvctl_exit kvctl_run_partition_list(const struct kvctl_command *command,
                                         const struct kvctl_options *options)
{
    struct kvctl_request *request = kvctl_request_new(command, options);
    struct kvctl_target target;
    kv_client *client = NULL;
    kvctl_request_build(request); /* has no arguments */
    enum kvctl_exit code = kvctl_target_find(options, &target);
    if (code == KVCTL_EXIT_OK) {
        code = kvctl_connect(options, &target, &client);
    }
    if (code == KVCTL_EXIT_OK) {
        code = kvctl_flush(options, list_partitions(request, &target, &client));
    }
    kv_client_close(&client);
    kvctl_target_close(&target);
    kvctl_request_destroy(&request);
    return code;
}

/* ---- partition history ---- */

static enum kvctl_exit print_history(const struct kvctl_request *request, kv_status status,
                                     const kv_result *result)
{
    const struct kvctl_options *options = request->options;
    struct kvctl_table table = {.columns = 3};
    if (options->output == KVCTL_OUTPUT_JSON) {
        kvctl_print_json(stdout, kvctl_request_json(request, status, result));
        return KVCTL_EXIT_OK;
    }
    if (options->output == KVCTL_OUTPUT_TABLE) {
        kvctl_table_add(&table, "KEY");
        kvctl_table_add(&table, "CHANGE");
        kvctl_table_add(&table, "TIMESTAMP");
    }
    for (uint32_t i = 0; i < kv_result_count(result); i++) {
        const kv_bytes change = kv_result_value(result, i);
        const unsigned long long timestamp = kv_result_place(result, i).version;
        if (options->output == KVCTL_OUTPUT_TABLE) {
            kvctl_table_add_bytes(&table, options, kv_result_key(result, i));
            kvctl_table_add(&table, "%.*s", (int)change.size, (const char *)change.data);
            kvctl_table_add(&table, "%llu", timestamp);
        } else {
            kvctl_print_bytes(options, kv_result_key(result, i));
            printf("\t%.*s\t%llu\n", (int)change.size, (const char *)change.data, timestamp);
        }
    }
    if (options->output == KVCTL_OUTPUT_TABLE) {
        kvctl_table_print(&table, stdout);
    }
    if (kv_result_more(result)) {
        kvctl_note(options,
                   "partition history: there are older changes; --limit is the number of them");
    }
    return KVCTL_EXIT_OK;
}

enum kvctl_exit kvctl_run_partition_history(const struct kvctl_command *command,
                                            const struct kvctl_options *options)
{
    return kvctl_run_request(command, options, print_history);
}
