/* SPDX-License-Identifier: Apache-2.0 */
/* status: the commands that ask about the cluster as a whole: status, leader transfer. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/kvctl/command.h"
#include "client/kvctl/health.h"
#include "client/kvctl/target.h"

/* How long the nodes have for an answer to status; a node on the same continent needs less. */
#define STATUS_TIMEOUT_MS 1000

/* How often a hand-over is looked at, and the default time between two pictures of status -w. */
#define TRANSFER_POLL_MS    50
#define INTERVAL_MS_DEFAULT 1000

/* Nobody answered: no group has a leader that can be reached. */
static enum kvctl_exit report_silence(const struct kvctl_options *options,
                                      const struct kvctl_target *target)
{
    return kvctl_fail(options, KVCTL_EXIT_UNHEALTHY,
                      "status: no node answered; asked %s; are they running? ('kvctl cluster "
                      "start' starts a local cluster)",
                      target->endpoints.list);
}

static enum kvctl_exit print_status(const struct kvctl_options *options,
                                    const struct kvctl_target *target, kv_client *client)
{
    kv_cluster_status *status = NULL;
    struct kvctl_health health;
    const kv_status got =
        kv_cluster_status_get(client, kvctl_timeout_ms(options, STATUS_TIMEOUT_MS), &status);
    if (got == KV_UNAVAILABLE) {
        return report_silence(options, target);
    }
    if (got != KV_OK) {
        return kvctl_fail_status(options, client, got, "status");
    }
    kvctl_health_of(status, target->config, &health);
    if (options->output == KVCTL_OUTPUT_JSON) {
        kvctl_print_json(stdout, kvctl_health_json(status, &health));
    } else {
        kvctl_health_print(status, &health, stdout);
    }
    const enum kvctl_exit code = health.healthy ? KVCTL_EXIT_OK : KVCTL_EXIT_UNHEALTHY;
    kvctl_health_close(&health);
    kv_cluster_status_free(status);
    return kvctl_flush(options, code);
}

enum kvctl_exit kvctl_run_status(const struct kvctl_command *command,
                                 const struct kvctl_options *options)
{
    (void)command;
    struct kvctl_target target;
    kv_client *client = NULL;
    enum kvctl_exit code = kvctl_target_find(options, &target);
    if (code == KVCTL_EXIT_OK) {
        code = kvctl_connect(options, &target, &client);
    }
    if (client != NULL) {
        const bool watch = kvctl_given(options, KVCTL_BIT(WATCH));
        const bool clear = options->output != KVCTL_OUTPUT_JSON && isatty(STDOUT_FILENO) == 1;
        do {
            if (watch && clear) {
                printf("\033[H\033[2J"); /* home and erase, as clear(1) does */
            }
            code = print_status(options, &target, client);
            if (watch) {
                kvctl_pause(options->interval_ms == 0 ? INTERVAL_MS_DEFAULT : options->interval_ms);
            }
        } while (watch && !kvctl_interrupted() && code != KVCTL_EXIT_FAILURE);
        code = kvctl_interrupted() ? KVCTL_EXIT_INTERRUPTED : code;
    }
    kv_client_close(&client);
    kvctl_target_close(&target);
    return code;
}

/* ---- leader transfer ---- */

/* The leader of a group, 0 if there is none or nobody answers. */
static uint32_t leader_of(kv_client *client, uint32_t group)
{
    kv_cluster_status *status = NULL;
    uint32_t leader = 0;
    if (kv_cluster_status_get(client, STATUS_TIMEOUT_MS, &status) == KV_OK) {
        struct kvctl_health health;
        kvctl_health_of(status, NULL, &health);
        leader = group < health.group_count ? health.groups[group].leader : 0;
        kvctl_health_close(&health);
        kv_cluster_status_free(status);
    }
    return leader;
}

static enum kvctl_exit transfer(const struct kvctl_options *options, kv_client *client,
                                uint32_t group)
{
    const uint64_t timeout_ms = kvctl_timeout_ms(options, KVCTL_TIMEOUT_MS_DEFAULT);
    const uint64_t end_us = kv_now_us() + timeout_ms * 1000;
    const uint32_t before = leader_of(client, group);
    uint32_t leader = before;
    if (before == 0 || before != options->to) {
        const kv_status status = kv_transfer_leader(client, group, options->to, timeout_ms);
        if (status != KV_OK) {
            return kvctl_fail_status(options, client, status, "leader transfer");
        }
        do {
            kvctl_pause(TRANSFER_POLL_MS);
            leader = leader_of(client, group);
        } while ((leader == 0 || leader == before || (options->to != 0 && leader != options->to)) &&
                 kv_now_us() < end_us && !kvctl_interrupted());
    }
    if (kvctl_interrupted()) {
        return kvctl_fail(options, KVCTL_EXIT_INTERRUPTED,
                          "leader transfer: interrupted; the hand-over may still happen");
    }
    if (leader == 0 || (options->to == 0 && leader == before) ||
        (options->to != 0 && leader != options->to)) {
        return kvctl_fail(
            options, KVCTL_EXIT_UNAVAILABLE,
            "leader transfer: group %u is not led by another node yet (leader now: node %u); "
            "is the other node up? see 'kvctl status'",
            group, leader);
    }
    if (options->output == KVCTL_OUTPUT_JSON) {
        json_t *json = json_object();
        json_object_set_new(json, "group", json_integer(group));
        json_object_set_new(json, "leader", json_integer(leader));
        json_object_set_new(json, "leader_before",
                            before == 0 ? json_null() : json_integer(before));
        kvctl_print_json(stdout, json);
    } else {
        printf("group %s: node %u leads (before: node %u)\n", kvctl_group_text(group), leader,
               before);
    }
    return KVCTL_EXIT_OK;
}

/* A large state takes its time. */
#define CHECKPOINT_TIMEOUT_MS_DEFAULT 60000

enum kvctl_exit kvctl_run_checkpoint(const struct kvctl_command *command,
                                     const struct kvctl_options *options)
{
    const struct kvctl_arguments arguments = kvctl_arguments_of(command, options);
    uint64_t node = 0;
    if (arguments.count > 0 &&
        (!kvctl_number_parse(arguments.words[0], KV_NODES_MAX, &node) || node == 0)) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "checkpoint: '%s' is not a node; give its number, or nothing for all",
                          arguments.words[0]);
    }
    kv_client *client = NULL;
    enum kvctl_exit code = kvctl_connect_any(options, &client);
    if (code == KVCTL_EXIT_OK) {
        const uint64_t began_us = kv_now_us();
        const kv_status status = kv_checkpoint(
            client, (uint32_t)node, kvctl_timeout_ms(options, CHECKPOINT_TIMEOUT_MS_DEFAULT));
        const double seconds = (double)(kv_now_us() - began_us) / 1e6;
        if (status != KV_OK) {
            code = kvctl_fail_status(options, client, status, "checkpoint");
        } else if (options->output == KVCTL_OUTPUT_JSON) {
            json_t *json = json_object();
            json_object_set_new(json, "op", json_string("checkpoint"));
            json_object_set_new(json, "status", json_string("ok"));
            json_object_set_new(json, "seconds", json_real(seconds));
            kvctl_print_json(stdout, json);
        } else if (!kvctl_given(options, KVCTL_BIT(QUIET))) {
            printf("OK, %.2f s\n", seconds);
        }
    }
    kv_client_close(&client);
    return kvctl_flush(options, code);
}

enum kvctl_exit kvctl_run_leader_transfer(const struct kvctl_command *command,
                                          const struct kvctl_options *options)
{
    const char *word = kvctl_arguments_of(command, options).words[0];
    uint64_t group = 0;
    if (strcmp(word, "oracle") != 0 && !kvctl_number_parse(word, KV_GROUPS_MAX - 1, &group)) {
        return kvctl_fail(
            options, KVCTL_EXIT_USAGE,
            "leader transfer: '%s' is not a group; give 0 or oracle, or the number of a partition",
            word);
    }
    kv_client *client = NULL;
    enum kvctl_exit code = kvctl_connect_any(options, &client);
    if (code == KVCTL_EXIT_OK) {
        code = transfer(options, client, (uint32_t)group);
    }
    kv_client_close(&client);
    return kvctl_flush(options, code);
}
