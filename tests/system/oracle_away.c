/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_away: a client that learns where keys are, waits for a line on stdin, and uses them again.
 *
 * Before the line keys are put and one is moved; behind it another client asks an oracle that cannot commit to create keys, then
 * everything is done to the known ones, and to keys that nobody has heard of. Prints how many requests went to the oracle for that,
 * and fails if an operation did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/kv.h"

#define ROUNDS 200

static kv_bytes text(const char *words)
{
    return kv_bytes_of(words, strlen(words));
}

static void must(kv_client *client, kv_status status, const char *what)
{
    if (status != KV_OK) {
        fprintf(stderr, "%s: %s, %s\n", what, kv_status_name(status), kv_client_error(client));
        exit(1);
    }
}

/* Of the library's counters. */
static unsigned long oracle_requests(kv_client *client)
{
    const char *at = strstr(kv_client_stats_json(client), "\"oracle_requests\":");
    return at == NULL ? 0 : strtoul(at + strlen("\"oracle_requests\":"), NULL, 10);
}

static void learn(kv_client *client)
{
    const kv_bytes moved[] = {text("moved")};
    must(client, kv_put(client, text("home"), text("1")), "put");
    must(client, kv_put(client, moved[0], text("1")), "put");
    const uint32_t home = kv_client_partition_of(client, moved[0]);
    must(client, kv_move(client, moved, 1, home == 1 ? 2 : 1, NULL), "move");
}

static void use(kv_client *client, int round)
{
    char fresh[32];
    kv_result *result = NULL;
    int64_t sum;
    snprintf(fresh, sizeof fresh, "fresh%d", round);
    must(client, kv_put(client, text(fresh), text("1")), "put of a key that nobody knew");
    must(client, kv_get(client, text(fresh), &result), "get of it");
    kv_result_free(result);
    must(client, kv_incr(client, text("home"), 1, &sum), "incr of a key at home");
    must(client, kv_incr(client, text("moved"), 1, &sum), "incr of a moved key");
    const kv_step steps[] = {kv_step_number(KV_STEP_INCR, text("home"), -1),
                             kv_step_number(KV_STEP_INCR, text("moved"), 1),
                             kv_step_of(KV_STEP_APPEND, text(fresh), text("x"))};
    must(client, kv_txn(client, NULL, 0, steps, 3, NULL, 0, NULL), "transaction");
    must(client, kv_delete(client, text(fresh)), "delete of a key at home");
}

/* The oracle's leader takes it, and has no quorum: no partition may hear of it, or it would wait. */
static void create_in_vain(kv_client *client)
{
    for (uint32_t partition = 1; partition <= 2; partition++) {
        const kv_op create = {.code = KV_OP_CREATE,
                              .key = text(partition == 1 ? "vain1" : "vain2"),
                              .value = text("1"),
                              .partition = partition,
                              .deadline_us = kv_now_us() + 300000};
        const kv_status status = kv_execute(client, &create, NULL);
        if (kv_client_partition_of(client, create.key) != partition && status == KV_OK) {
            fprintf(stderr, "an oracle without a quorum has created a key\n");
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    const kv_client_options options = {.struct_size = sizeof options, .timeout_ms = 20000};
    kv_client *client = NULL, *other = NULL;
    char line[16];
    if (argc != 2 || kv_client_open(argv[1], &options, &client) != KV_OK ||
        kv_client_open(argv[1], &options, &other) != KV_OK) {
        fprintf(stderr, "usage: oracle_away HOST:PORT,...\n");
        return 2;
    }
    learn(client);
    must(other, kv_put(other, text("other"), text("1")), "put of another client");
    printf("ready\n");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) {
        return 2;
    }
    create_in_vain(other);
    const unsigned long before = oracle_requests(client);
    for (int round = 0; round < ROUNDS; round++) {
        use(client, round);
    }
    printf("%lu\n", oracle_requests(client) - before);
    kv_client_close(&client);
    kv_client_close(&other);
    return 0;
}
