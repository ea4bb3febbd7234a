/* SPDX-License-Identifier: Apache-2.0 */
/* timeline_main: the timeline as a service of real processes: the machine of timeline.c behind the node of kvd, and a client.
 *
 *     timeline serve CLUSTER_FILE NODE DIRECTORY [WORKERS]   one replica of each partition that the file puts on this node
 *     timeline ENDPOINTS PARTITIONS WORD...                  one command, e.g. follow ada grace
 *
 * kvctl works on it as on any cluster: status, workers, checkpoint, leader transfer. Exit status: 0 done; 1 failed; 2 usage; 4 the
 * answer is another one than OK. tests/system/timeline.sh runs it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "docs/examples/timeline.h"
#include "multicast/multicast.h"
#include "oracle/kvd/application.h"

#define TIMEOUT_MS 10000

enum { DONE = 0, FAILED = 1, USAGE = 2, NOT_OK = 4 };

static void report(const char *line, void *context)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static int stop_signal(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int serve(int count, char **words)
{
    static struct node_config config;
    struct node_config_error wrong = {{0}};
    struct node_error error = {{0}};
    struct node *node = NULL;
    if (node_config_read(words[0], &config, &wrong) != STATUS_OK) {
        fprintf(stderr, "timeline: %s\n", wrong.text);
        return FAILED;
    }
    struct application_context context = {.config = &config,
                                          .self = {(uint16_t)strtoul(words[1], NULL, 10)},
                                          .state_bytes = APPLICATION_STATE_BYTES,
                                          .machine = timeline_new};
    const struct node_settings settings = {
        .config = &config,
        .self = context.self,
        .directory = words[2],
        .stop_fd = stop_signal(),
        .application = application_new,
        .application_context = &context,
        .report = report,
        .workers_fixed = count > 3,
        .workers = count > 3 ? (uint32_t)strtoul(words[3], NULL, 10) : 0,
    };
    enum status status = node_open(&settings, &node, &error);
    if (status == STATUS_OK) {
        status = node_run(node, &error);
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "timeline: %s\n", error.text);
    }
    node_close(&node);
    return status == STATUS_OK ? DONE : FAILED;
}

static int show(multicast_bytes body)
{
    static struct wire_answer answer;
    if (wire_answer_decode(kv_slice_of(body.data, body.size), &answer) != STATUS_OK) {
        return FAILED;
    }
    for (uint32_t i = 0; i < answer.row_count; i++) {
        const struct wire_row *row = &answer.rows[i];
        printf("%.*s: %.*s\n", (int)row->key.size, (const char *)row->key.data,
               (int)row->value.size, (const char *)row->value.data);
    }
    if (answer.verdict != WIRE_VERDICT_OK) {
        printf("%s\n", wire_verdict_name(answer.verdict));
    }
    return answer.verdict == WIRE_VERDICT_OK ? DONE : NOT_OK;
}

/* One group has the whole answer; which one is the machine's business. */
static int command(const char *endpoints, uint32_t partitions, int count, char **words)
{
    struct kv_buffer body = {0};
    uint32_t groups[KV_GROUPS_MAX], group_count = 0;
    multicast_client *client;
    multicast_result *result = NULL;
    for (int i = 0; i < count; i++) {
        kv_buffer_append(&body, words[i], strlen(words[i]));
        kv_buffer_append(&body, "\n", i + 1 < count ? 1 : 0);
    }
    kv_group_set to = timeline_destinations(kv_buffer_slice(&body), partitions);
    if (to.bits == 0 || multicast_client_open(endpoints, &client) != MULTICAST_OK) {
        fputs("timeline: no such command, or no such endpoints\n", stderr);
        return USAGE;
    }
    while (to.bits != 0) {
        groups[group_count++] = kv_group_set_take(&to).value;
    }
    const multicast_bytes message = {body.data, body.size};
    int code = FAILED;
    if (multicast_submit(client, groups, group_count, message, MULTICAST_WAIT_ONE, TIMEOUT_MS,
                         &result) < MULTICAST_OK) {
        fprintf(stderr, "timeline: %s\n", multicast_client_error(client));
    }
    for (uint32_t i = 0; result != NULL && i < multicast_result_count(result); i++) {
        const multicast_answer answer = multicast_result_get(result, i);
        code = answer.answered ? show(answer.body) : code;
    }
    multicast_result_free(result);
    multicast_client_close(client);
    kv_buffer_close(&body);
    return code;
}

int main(int count, char **words)
{
    if ((count == 5 || count == 6) && strcmp(words[1], "serve") == 0) {
        return serve(count - 2, words + 2);
    }
    const unsigned long partitions = count > 3 ? strtoul(words[2], NULL, 10) : 0;
    if (partitions == 0 || partitions >= KV_GROUPS_MAX) {
        fputs("usage: timeline serve CLUSTER_FILE NODE DIRECTORY [WORKERS]\n"
              "       timeline ENDPOINTS PARTITIONS WORD...\n",
              stderr);
        return USAGE;
    }
    return command(words[1], (uint32_t)partitions, count - 3, words + 3);
}
