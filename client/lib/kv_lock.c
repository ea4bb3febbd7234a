/* SPDX-License-Identifier: Apache-2.0 */
/* kv_lock: locks and sessions of this client, and their renewal.
 *
 * Each is renewed every third of its ttl, by whoever runs the client (kv_client_run). An answer LOCK_LOST, or none for a whole ttl,
 * means that it is lost; that matters to the caller only, since the cluster checks the token of every command. */
#include <stdlib.h>

#include "client/lib/kv_internal.h"
#include "multicast/base/assert.h"

/* Renewals within one ttl. */
#define LOCK_RENEWALS 3

struct kv_held {
    kv_client *client;
    kv_token token;
    uint64_t ttl_us;
    uint64_t renew_at;
    uint64_t
        good_until; /* by this clock, at the earliest: an answer to a renewal that was sent ttl before */
    uint64_t asked_at; /* of the renewal that is under way */
    bool asking, lost, left;
    struct kv_held *next;
};

static struct kv_held *kv_held_find(const kv_client *client, kv_token token)
{
    struct kv_held *held = client->held;
    while (held != NULL &&
           (held->left || held->token.clock != token.clock || held->token.group != token.group)) {
        held = held->next;
    }
    return held;
}

static void kv_held_free(struct kv_held *gone)
{
    struct kv_held **at = &gone->client->held;
    while (*at != gone) {
        at = &(*at)->next;
    }
    *at = gone->next;
    kv_free(gone);
}

static void kv_on_renewed(void *context, kv_status status, kv_result *result)
{
    struct kv_held *held = context;
    (void)result;
    held->asking = false;
    if (held->left) {
        kv_held_free(held);
        return;
    }
    if (status == KV_OK) {
        held->good_until = held->asked_at + held->ttl_us;
    } else if (status == KV_LOCK_LOST) {
        held->lost = true;
    }
}

void kv_locks_turn(kv_client *client)
{
    const uint64_t now = kv_now_us();
    for (struct kv_held *held = client->held; held != NULL; held = held->next) {
        held->lost = held->lost || now >= held->good_until;
        if (held->asking || held->lost || held->left || now < held->renew_at) {
            continue;
        }
        const kv_op op = {
            .code = KV_OP_KEEPALIVE, .token = held->token, .deadline_us = now + held->ttl_us};
        held->renew_at = now + held->ttl_us / LOCK_RENEWALS;
        held->asked_at = now;
        held->asking = kv_submit(client, &op, kv_on_renewed, held) == KV_OK;
    }
}

uint64_t kv_locks_deadline(const kv_client *client)
{
    uint64_t at = UINT64_MAX;
    for (const struct kv_held *held = client->held; held != NULL; held = held->next) {
        if (!held->left && !held->lost && held->renew_at < at) {
            at = held->renew_at;
        }
    }
    return at;
}

void kv_locks_close(kv_client *client)
{
    while (client->held != NULL) {
        kv_held_free(client->held);
    }
}

/* Renew it from now on. */
static void kv_hold(kv_client *client, kv_token token, uint32_t ttl_ms)
{
    const uint64_t now = kv_now_us(), ttl_us = (uint64_t)ttl_ms * 1000;
    struct kv_held *held = kv_alloc_zero(1, sizeof(*held));
    *held = (struct kv_held){.client = client,
                             .token = token,
                             .ttl_us = ttl_us,
                             .renew_at = now + ttl_us / LOCK_RENEWALS,
                             .good_until = now + ttl_us,
                             .next = client->held};
    client->held = held;
}

kv_status kv_lock(kv_client *client, const kv_bytes *keys, uint32_t count,
                  const kv_lock_options *options, kv_token *ret)
{
    const uint64_t before = kv_now_us();
    kv_op op = {.code = KV_OP_LOCK, .keys = keys, .count = count};
    kv_result *result = NULL;
    op.ttl_ms = options == NULL || options->ttl_ms == 0 ? KV_LOCK_TTL_MS_DEFAULT : options->ttl_ms;
    op.shared = options != NULL && options->shared;
    op.no_wait = options != NULL && options->no_wait;
    if (options != NULL && options->wait_ms != 0) {
        op.deadline_us =
            options->wait_ms == UINT64_MAX ? UINT64_MAX : before + options->wait_ms * 1000;
    }
    const kv_status status = kv_execute(client, &op, &result);
    if (status == KV_OK) {
        *ret = kv_result_token(result);
        kv_hold(client, *ret, op.ttl_ms);
    }
    kv_result_free(result);
    return status;
}

kv_status kv_unlock(kv_client *client, kv_token token)
{
    struct kv_held *held = kv_held_find(client, token);
    if (held != NULL) {
        held->left = true;
        if (!held->asking) {
            kv_held_free(held);
        }
    }
    return kv_execute(client, &(kv_op){.code = KV_OP_UNLOCK, .token = token}, NULL);
}

bool kv_lock_is_lost(const kv_client *client, kv_token token)
{
    const struct kv_held *held = kv_held_find(client, token);
    return held == NULL || held->lost || kv_now_us() >= held->good_until;
}

/* ---- Sessions: a lease in the same way, on no keys ---- */

kv_status kv_session_open(kv_client *client, uint32_t ttl_ms, kv_token *ret)
{
    kv_result *result = NULL;
    const kv_op op = {.code = KV_OP_SESSION,
                      .ttl_ms = ttl_ms == 0 ? KV_LOCK_TTL_MS_DEFAULT : ttl_ms};
    const kv_status status = kv_execute(client, &op, &result);
    if (status == KV_OK) {
        *ret = kv_result_token(result);
        kv_hold(client, *ret, op.ttl_ms);
    }
    kv_result_free(result);
    return status;
}

kv_status kv_session_close(kv_client *client, kv_token session)
{
    const kv_status status = kv_unlock(client, session);
    return status == KV_LOCK_LOST ? KV_SESSION_ENDED : status;
}

bool kv_session_is_lost(const kv_client *client, kv_token session)
{
    return kv_lock_is_lost(client, session);
}
