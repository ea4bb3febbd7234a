/* SPDX-License-Identifier: Apache-2.0 */
/* target: from options and environment to an open client. */
#include "client/kvctl/target.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/* How long an interrupt may wait to be seen. */
#define INTERRUPT_POLL_MS 100

/* The rest of a target whose endpoints have been found, or the report that they have not. */
static enum kvctl_exit complete(const struct kvctl_options *options, enum status found,
                                const struct kv_endpoints_error *error, struct kvctl_target *target)
{
    if (found != STATUS_OK) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "%s", error->text);
    }
    if (target->endpoints.file == NULL) {
        return KVCTL_EXIT_OK;
    }
    struct node_config_error config_error;
    target->config = kv_alloc(sizeof(*target->config));
    return node_config_read(target->endpoints.file, target->config, &config_error) == STATUS_OK
               ? KVCTL_EXIT_OK
               : kvctl_fail(options, KVCTL_EXIT_USAGE, "%s", config_error.text);
}

enum kvctl_exit kvctl_target_find(const struct kvctl_options *options, struct kvctl_target *target)
{
    const struct kv_endpoints_options given = {.list = options->endpoints,
                                               .path = options->cluster};
    struct kv_endpoints_error error;
    memset(target, 0, sizeof(*target));
    if (given.list != NULL && given.path != NULL) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "--endpoints and --cluster exclude each other; give one of them");
    }
    return complete(options, kv_endpoints_find(&given, &target->endpoints, &error), &error, target);
}

enum kvctl_exit kvctl_target_of_path(const struct kvctl_options *options, const char *path,
                                     struct kvctl_target *target)
{
    struct kv_endpoints_error error;
    memset(target, 0, sizeof(*target));
    return complete(options, kv_endpoints_from_file(path, &target->endpoints, &error), &error,
                    target);
}

void kvctl_target_close(struct kvctl_target *target)
{
    kv_endpoints_close(&target->endpoints);
    kv_free(target->config);
    memset(target, 0, sizeof(*target));
}

enum kvctl_exit kvctl_connect(const struct kvctl_options *options,
                              const struct kvctl_target *target, kv_client **ret)
{
    const kv_client_options client_options = {
        .struct_size = sizeof(client_options),
        .timeout_ms = kvctl_timeout_ms(options, KVCTL_TIMEOUT_MS_DEFAULT),
        .cluster_name = target->endpoints.cluster,
    };
    *ret = NULL;
    const kv_status status = kv_client_open(target->endpoints.list, &client_options, ret);
    if (status == KV_INVALID) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "'%s' is not a list of endpoints; give HOST:PORT,HOST:PORT,...",
                          target->endpoints.list);
    }
    return status == KV_OK ? KVCTL_EXIT_OK : kvctl_fail_status(options, NULL, status, "connect");
}

enum kvctl_exit kvctl_connect_any(const struct kvctl_options *options, kv_client **ret)
{
    struct kvctl_target target;
    *ret = NULL;
    enum kvctl_exit code = kvctl_target_find(options, &target);
    if (code == KVCTL_EXIT_OK) {
        code = kvctl_connect(options, &target, ret);
    }
    kvctl_target_close(&target);
    return code;
}

/* What the completion of the one operation of kvctl_execute leaves behind. */
struct completion {
    bool done;
    kv_status status;
    kv_result *result;
};

static void on_done(void *context, kv_status status, kv_result *result)
{
    struct completion *completion = context;
    completion->done = true;
    completion->status = status;
    completion->result = result == NULL ? NULL : kv_result_keep(result);
}

static kv_status execute_once(kv_client **client, const kv_op *op, kv_result **ret_result)
{
    struct completion completion = {.status = KV_CLOSED};
    *ret_result = NULL;
    const kv_status status = kv_submit(*client, op, on_done, &completion);
    if (status != KV_OK) {
        return status;
    }
    while (!completion.done && !kvctl_interrupted()) {
        kv_client_run(*client, INTERRUPT_POLL_MS);
    }
    if (!completion.done) {
        kv_client_close(client);
    }
    *ret_result = completion.result;
    return completion.status;
}

kv_status kvctl_execute(kv_client **client, const kv_op *op, kv_result **ret_result)
{
    const kv_status status = execute_once(client, op, ret_result);
    if (status != KV_REFUSED || op->partition == 0 || *client == NULL) {
        return status;
    }
    /* A client that has not heard yet how many partitions there are cannot say what is wrong. Now it
     * has, and a partition that does not exist is not valid. Nothing was executed. */
    kv_result_free(*ret_result);
    return execute_once(client, op, ret_result);
}

enum kvctl_exit kvctl_fail_status(const struct kvctl_options *options, const kv_client *client,
                                  kv_status status, const char *what)
{
    const char *specific = client == NULL ? "" : kv_client_error(client);
    const char *hint = kvctl_hint(status);
    const bool has_hint = hint[0] != '\0';
    return kvctl_fail(
        options, kvctl_exit_of(status, false), "%s: %s: %s%s%s", what, kv_status_name(status),
        specific[0] == '\0' ? kv_status_text(status) : specific, has_hint ? "; " : "", hint);
}

void kvctl_pause(uint64_t ms)
{
    const uint64_t end_us = kv_now_us() + ms * 1000;
    while (!kvctl_interrupted()) {
        const uint64_t now_us = kv_now_us();
        if (now_us >= end_us) {
            return;
        }
        const uint64_t left_ms = (end_us - now_us + 999) / 1000;
        poll(NULL, 0, (int)(left_ms > INTERRUPT_POLL_MS ? INTERRUPT_POLL_MS : left_ms));
    }
}
