/* SPDX-License-Identifier: Apache-2.0 */
/* lock_contenders: as many contenders for one lock as are asked for, each of them again as soon as it has given it back. Prints how
 * often each had it at least and at most, how many there are, and the locks per second; fails if two have it at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/kv.h"

#define CONTENDERS_MAX 256

struct contender {
    kv_client *client;
    unsigned count;
};

static unsigned granted, wanted, holders;
static uint64_t last_clock;

static void ask(struct contender *contender);

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void on_unlocked(void *context, kv_status status, kv_result *result)
{
    (void)result;
    if (status != KV_OK) {
        fail(kv_status_text(status));
    }
    if (granted < wanted) {
        ask(context);
    }
}

static void on_locked(void *context, kv_status status, kv_result *result)
{
    struct contender *contender = context;
    const kv_op unlock = {.code = KV_OP_UNLOCK, .token = kv_result_token(result)};
    if (status != KV_OK) {
        fail(kv_status_text(status));
    }
    if (kv_result_timestamp(result) <= last_clock) {
        fail("a token is not larger than the one before");
    }
    last_clock = kv_result_timestamp(result);
    holders++;
    if (holders != 1) {
        fail("two have the lock at a time");
    }
    contender->count++;
    granted++;
    holders--; /* it may be granted to the next one before this client hears that it was ended */
    if (kv_submit(contender->client, &unlock, on_unlocked, contender) != KV_OK) {
        fail("an unlock could not be sent");
    }
}

static void ask(struct contender *contender)
{
    const kv_bytes key = kv_bytes_of("contended", 9);
    const kv_op lock = {.code = KV_OP_LOCK,
                        .keys = &key,
                        .count = 1,
                        .ttl_ms = 60000,
                        .deadline_us = kv_now_us() + 60 * UINT64_C(1000000)};
    if (kv_submit(contender->client, &lock, on_locked, contender) != KV_OK) {
        fail("a lock could not be asked for");
    }
}

int main(int argc, char **argv)
{
    static struct contender contenders[CONTENDERS_MAX];
    kv_client *client;
    const unsigned count = argc > 3 ? (unsigned)atoi(argv[2]) : 0;
    if (count < 1 || count > CONTENDERS_MAX || kv_client_open(argv[1], NULL, &client) != KV_OK) {
        fail("usage: lock_contenders ENDPOINTS CONTENDERS LOCKS");
    }
    wanted = (unsigned)atoi(argv[3]);
    const uint64_t begin = kv_now_us();
    for (unsigned i = 0; i < count; i++) {
        contenders[i].client = client;
        ask(&contenders[i]);
    }
    while (kv_client_outstanding(client) > 0) {
        (void)kv_client_run(client, 1000);
    }
    unsigned least = granted, most = 0;
    for (unsigned i = 0; i < count; i++) {
        least = contenders[i].count < least ? contenders[i].count : least;
        most = contenders[i].count > most ? contenders[i].count : most;
    }
    const uint64_t us = kv_now_us() - begin;
    printf("%u %u %u %llu\n", least, most, count,
           (unsigned long long)granted * 1000000 / (us == 0 ? 1 : us));
    kv_client_close(&client);
    return 0;
}
