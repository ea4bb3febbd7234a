/* SPDX-License-Identifier: Apache-2.0 */
/* target: from options and environment to an open client. */
#include "client/kvctl/target.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How long an interrupt may wait to be seen. */
#define INTERRUPT_POLL_MS 100

/* Nodes of a cluster file that are given to the library as first contacts; it learns the others from them, and takes no more. */
#define ENDPOINTS_MAX 16

static const char *without_scheme(const char *endpoint)
{
    static const char scheme[] = "tcp://";
    return strncmp(endpoint, scheme, sizeof(scheme) - 1) == 0 ? endpoint + sizeof(scheme) - 1
                                                              : endpoint;
}

/* The library takes "host:port,host:port"; people also write tcp:// and spaces. */
static char *normal_endpoints(const char *text)
{
    struct kv_buffer list = {0};
    while (*text != '\0') {
        const size_t size = strcspn(text, ", ");
        if (size > 0) {
            char *one = strndup(text, size);
            const char *bare = one == NULL ? "" : without_scheme(one);
            if (list.size > 0) {
                kv_buffer_append(&list, ",", 1);
            }
            kv_buffer_append(&list, bare, strlen(bare));
            free(one);
        }
        text += size + (text[size] == '\0' ? 0 : 1);
    }
    kv_buffer_append(&list, "", 1);
    return (char *)list.data;
}

void kvctl_target_of_config(const struct node_config *config, struct kvctl_target *target)
{
    struct kv_buffer list = {0};
    for (uint32_t i = 0; i < config->node_count && i < ENDPOINTS_MAX; i++) {
        const char *bare = without_scheme(config->nodes[i].endpoint);
        kv_buffer_append(&list, ",", i == 0 ? 0 : 1);
        kv_buffer_append(&list, bare, strlen(bare));
    }
    kv_buffer_append(&list, "", 1);
    target->endpoints = (char *)list.data;
    target->config = kv_alloc(sizeof(*config));
    memcpy(target->config, config, sizeof(*config));
}

static enum kvctl_exit target_of_path(const struct kvctl_options *options, const char *path,
                                      struct kvctl_target *target)
{
    char file_path[4096];
    struct node_config_error error;
    struct stat status;
    const bool directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    snprintf(file_path, sizeof(file_path), "%s%s", path, directory ? "/" KVCTL_FILE_NAME : "");
    struct node_config *config = kv_alloc(sizeof(*config));
    enum kvctl_exit code = KVCTL_EXIT_OK;
    if (node_config_read(file_path, config, &error) == STATUS_OK) {
        kvctl_target_of_config(config, target);
    } else {
        code = kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "the cluster file cannot be used: %s; check --cluster or KV_CLUSTER",
                          error.text);
    }
    kv_free(config);
    return code;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

enum kvctl_exit kvctl_target_find(const struct kvctl_options *options, struct kvctl_target *target)
{
    memset(target, 0, sizeof(*target));
    if (options->endpoints != NULL && options->cluster != NULL) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "--endpoints and --cluster exclude each other; give one of them");
    }
    const bool by_option = options->endpoints != NULL || options->cluster != NULL;
    const char *endpoints = by_option ? options->endpoints : environment("KV_ENDPOINTS");
    const char *cluster = by_option ? options->cluster : environment("KV_CLUSTER");
    struct stat status;
    if (endpoints != NULL) {
        target->endpoints = normal_endpoints(endpoints);
        return KVCTL_EXIT_OK;
    }
    if (cluster == NULL && stat(KVCTL_DIRECTORY_DEFAULT "/" KVCTL_FILE_NAME, &status) == 0) {
        cluster = KVCTL_DIRECTORY_DEFAULT;
    }
    if (cluster != NULL) {
        return target_of_path(options, cluster, target);
    }
    return kvctl_fail(
        options, KVCTL_EXIT_USAGE,
        "no cluster is given: use --endpoints HOST:PORT,... or --cluster DIR, set KV_ENDPOINTS or "
        "KV_CLUSTER, or start one here with 'kvctl cluster start'");
}

void kvctl_target_close(struct kvctl_target *target)
{
    kv_free(target->endpoints);
    kv_free(target->config);
    memset(target, 0, sizeof(*target));
}

enum kvctl_exit kvctl_connect(const struct kvctl_options *options,
                              const struct kvctl_target *target, kv_client **ret)
{
    const kv_client_options client_options = {
        .struct_size = sizeof(client_options),
        .timeout_ms = kvctl_timeout_ms(options, KVCTL_TIMEOUT_MS_DEFAULT),
        .cluster_name = target->config == NULL ? NULL : target->config->name,
    };
    *ret = NULL;
    const kv_status status = kv_client_open(target->endpoints, &client_options, ret);
    if (status == KV_INVALID) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "'%s' is not a list of endpoints; give HOST:PORT,HOST:PORT,...",
                          target->endpoints);
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

kv_status kvctl_execute(kv_client **client, const kv_op *op, kv_result **ret_result)
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
