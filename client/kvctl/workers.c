/* SPDX-License-Identifier: Apache-2.0 */
/* workers: the threads of the nodes that compute for commands. */
#include <stdio.h>
#include <string.h>

#include "client/kvctl/command.h"
#include "client/kvctl/health.h"
#include "client/kvctl/target.h"

/* How long the nodes have for an answer. */
#define WORKERS_TIMEOUT_MS 1000

/* Of one job, in microseconds. */
static double mean(uint64_t total_us, uint64_t jobs)
{
    return jobs == 0 ? 0.0 : (double)total_us / (double)jobs;
}

static void print_table(const kv_cluster_status *status, uint32_t only)
{
    struct kvctl_table table = {.columns = 8};
    static const char *const heads[] = {"NODE", "WORKERS", "MODE", "STATE",
                                        "JOBS", "OUT",     "WAIT", "WORK"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        kvctl_table_add(&table, "%s", heads[i]);
    }
    for (uint32_t i = 0; i < kv_cluster_status_nodes(status); i++) {
        const kv_node_status node = kv_cluster_status_node(status, i);
        if (!node.reachable || (only != 0 && node.node != only)) {
            continue;
        }
        kvctl_table_add(&table, "%u", node.node);
        kvctl_table_add(&table, "%u", node.workers);
        kvctl_table_add(&table, "%s", node.workers_automatic ? "auto" : "fixed");
        kvctl_table_add(&table, "%s", node.workers_state == NULL ? "-" : node.workers_state);
        kvctl_table_add(&table, "%llu", (unsigned long long)node.jobs);
        kvctl_table_add(&table, "%llu", (unsigned long long)node.jobs_out);
        kvctl_table_add(&table, "%.1fus", mean(node.jobs_wait_us, node.jobs));
        kvctl_table_add(&table, "%.1fus", mean(node.jobs_work_us, node.jobs));
    }
    kvctl_table_print(&table, stdout);
}

static void print_json(const kv_cluster_status *status, uint32_t only)
{
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < kv_cluster_status_nodes(status); i++) {
        const kv_node_status node = kv_cluster_status_node(status, i);
        if (node.reachable && (only == 0 || node.node == only)) {
            json_t *json = json_object();
            json_object_set_new(json, "node", json_integer(node.node));
            kvctl_health_workers_json(json, node);
            json_array_append_new(nodes, json);
        }
    }
    json_t *json = json_object();
    json_object_set_new(json, "nodes", nodes);
    kvctl_print_json(stdout, json);
}

static enum kvctl_exit show(const struct kvctl_options *options, kv_client *client, uint32_t only)
{
    kv_cluster_status *status = NULL;
    const kv_status got =
        kv_cluster_status_get(client, kvctl_timeout_ms(options, WORKERS_TIMEOUT_MS), &status);
    if (got != KV_OK) {
        return kvctl_fail_status(options, client, got, "workers");
    }
    if (options->output == KVCTL_OUTPUT_JSON) {
        print_json(status, only);
    } else if (!kvctl_given(options, KVCTL_BIT(QUIET))) {
        print_table(status, only);
    }
    kv_cluster_status_free(status);
    return KVCTL_EXIT_OK;
}

/* The words of the command line; N is in *ret_workers, a node in *ret_node. */
static enum kvctl_exit read_words(const struct kvctl_options *options,
                                  const struct kvctl_arguments *arguments, uint32_t *ret_workers,
                                  uint32_t *ret_node)
{
    uint64_t number = 0;
    *ret_workers = KV_WORKERS_AUTOMATIC;
    *ret_node = 0;
    if (arguments->count > 0 && strcmp(arguments->words[0], "auto") != 0) {
        if (!kvctl_number_parse(arguments->words[0], KV_WORKERS_MAX, &number)) {
            return kvctl_fail(options, KVCTL_EXIT_USAGE,
                              "workers: '%s' is not a number from 0 to %u, and not auto",
                              arguments->words[0], (unsigned)KV_WORKERS_MAX);
        }
        *ret_workers = (uint32_t)number;
    }
    if (arguments->count > 1) {
        if (!kvctl_number_parse(arguments->words[1], KV_NODES_MAX, &number) || number == 0) {
            return kvctl_fail(options, KVCTL_EXIT_USAGE,
                              "workers: '%s' is not a node; give its number, or nothing for all",
                              arguments->words[1]);
        }
        *ret_node = (uint32_t)number;
    }
    return KVCTL_EXIT_OK;
}

enum kvctl_exit kvctl_run_workers(const struct kvctl_command *command,
                                  const struct kvctl_options *options)
{
    const struct kvctl_arguments arguments = kvctl_arguments_of(command, options);
    uint32_t workers, node;
    kv_client *client = NULL;
    enum kvctl_exit code = read_words(options, &arguments, &workers, &node);
    code = code == KVCTL_EXIT_OK ? kvctl_connect_any(options, &client) : code;
    if (code == KVCTL_EXIT_OK && arguments.count > 0) {
        const kv_status status =
            kv_set_workers(client, node, workers, kvctl_timeout_ms(options, WORKERS_TIMEOUT_MS));
        if (status != KV_OK) {
            code = kvctl_fail_status(options, client, status, "workers");
        }
    }
    code = code == KVCTL_EXIT_OK ? show(options, client, node) : code;
    kv_client_close(&client);
    return kvctl_flush(options, code);
}
