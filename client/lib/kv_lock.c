/* SPDX-License-Identifier: Apache-2.0 */
/* kv_lock: locks and sessions of this client, and their renewal.
 *
 * 1. What is held is renewed every third of its ttl, by whoever runs the client (kv_client_run). One renewal is under way at a time;
 *    the core sends it again until it is answered.
 * 2. A lease begins when the cluster executes the LOCK or the renewal, hence not before that was sent: it is good until a ttl behind
 *    that moment. A LOCK that has waited is renewed before it is given to the caller, since nobody knows when it was granted.
 * 3. An answer LOCK_LOST, or none until then, means that it is lost; that matters to the caller only, since the cluster checks the
 *    token of every command. */
#include <stdlib.h>

#include "client/lib/kv_internal.h"
#include "multicast/base/assert.h"

/* Renewals within one ttl. */
#define LOCK_RENEWALS 3

/* Pause when a renewal could not be sent, because too much is in flight. */
#define LOCK_RETRY_US (10 * 1000)

struct kv_held {
    kv_client *client;
    kv_token token;
    uint64_t ttl_us;
    uint64_t renew_at;   /* unless one is under way */
    uint64_t good_until; /* the cluster ends it no earlier */
    uint64_t asked_at;   /* of the renewal that is under way */
    bool asking, lost;
    bool left; /* by its holder; is freed when no renewal is under way */
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

/* It was granted or renewed by what was sent at this time. */
static void kv_held_extend(struct kv_held *held, uint64_t sent_at)
{
    held->good_until = sent_at + held->ttl_us;
    held->renew_at = sent_at + held->ttl_us / LOCK_RENEWALS;
}

static struct kv_held *kv_held_new(kv_client *client, kv_token token, uint64_t ttl_us,
                                   uint64_t sent_at)
{
    struct kv_held *held = kv_alloc_zero(1, sizeof(*held));
    *held =
        (struct kv_held){.client = client, .token = token, .ttl_us = ttl_us, .next = client->held};
    kv_held_extend(held, sent_at);
    client->held = held;
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
        kv_held_extend(held, held->asked_at);
    } else if (status == KV_LOCK_LOST) {
        held->lost = true;
    }
}

static void kv_held_renew(struct kv_held *held, uint64_t now)
{
    const kv_op op = {
        .code = KV_OP_KEEPALIVE, .token = held->token, .deadline_us = now + held->ttl_us};
    KV_ASSERT(!held->asking && !held->lost && !held->left);
    held->asked_at = now;
    held->renew_at = now + LOCK_RETRY_US;
    held->asking = kv_submit(held->client, &op, kv_on_renewed, held) == KV_OK;
}

void kv_locks_turn(kv_client *client)
{
    const uint64_t now = kv_now_us();
    for (struct kv_held *held = client->held; held != NULL; held = held->next) {
        held->lost = held->lost || now >= held->good_until;
        if (!held->asking && !held->lost && !held->left && now >= held->renew_at) {
            kv_held_renew(held, now);
        }
    }
}

/* When there is something to do for it: nothing but to give it up, while its renewal is under way. */
static uint64_t kv_held_deadline(const struct kv_held *held)
{
    if (held->left || held->lost) {
        return UINT64_MAX;
    }
    return held->asking || held->good_until < held->renew_at ? held->good_until : held->renew_at;
}

uint64_t kv_locks_deadline(const kv_client *client)
{
    uint64_t at = UINT64_MAX;
    for (const struct kv_held *held = client->held; held != NULL; held = held->next) {
        const uint64_t of_this = kv_held_deadline(held);
        at = of_this < at ? of_this : at;
    }
    return at;
}

void kv_locks_close(kv_client *client)
{
    while (client->held != NULL) {
        kv_held_free(client->held);
    }
}

/* A lock of which it is not known when it was granted: the answer to a renewal tells until when it is good. Any other status than
 * KV_OK and KV_LOCK_LOST tells nothing. */
static kv_status kv_confirm(kv_client *client, kv_token token, uint64_t ttl_us, uint64_t *sent_at)
{
    const uint64_t now = kv_now_us();
    const kv_op op = {.code = KV_OP_KEEPALIVE, .token = token, .deadline_us = now + ttl_us};
    const kv_status status = kv_execute(client, &op, NULL);
    if (status == KV_OK) {
        *sent_at = now;
    }
    return status;
}

/* Take a lock or a session, and renew it from now on. */
static kv_status kv_take(kv_client *client, const kv_op *op, uint64_t sent_at, kv_token *ret)
{
    kv_result *result = NULL;
    const kv_status status = kv_execute(client, op, &result);
    const kv_token token = kv_result_token(result);
    const uint64_t ttl_us = (uint64_t)op->ttl_ms * 1000;
    kv_result_free(result);
    if (status != KV_OK) {
        return status;
    }
    const bool waited = kv_now_us() - sent_at >= ttl_us / LOCK_RENEWALS;
    const kv_status confirmed = waited ? kv_confirm(client, token, ttl_us, &sent_at) : KV_OK;
    if (confirmed == KV_LOCK_LOST) {
        return KV_LOCK_LOST;
    }
    if (confirmed != KV_OK) { /* it may be lost for all that is known: it is given back */
        (void)!kv_submit(client, &(kv_op){.code = KV_OP_UNLOCK, .token = token}, NULL, NULL);
        return KV_UNAVAILABLE;
    }
    *ret = token;
    (void)kv_held_new(client, token, ttl_us, sent_at);
    return KV_OK;
}

kv_status kv_lock(kv_client *client, const kv_bytes *keys, uint32_t count,
                  const kv_lock_options *options, kv_token *ret)
{
    const uint64_t now = kv_now_us();
    kv_op op = {.code = KV_OP_LOCK, .keys = keys, .count = count};
    op.ttl_ms = options == NULL || options->ttl_ms == 0 ? KV_LOCK_TTL_MS_DEFAULT : options->ttl_ms;
    op.shared = options != NULL && options->shared;
    op.no_wait = options != NULL && options->no_wait;
    if (options != NULL && options->wait_ms != 0) {
        op.deadline_us =
            options->wait_ms == UINT64_MAX ? UINT64_MAX : now + options->wait_ms * 1000;
    }
    return kv_take(client, &op, now, ret);
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

static kv_status kv_session_status(kv_status status)
{
    return status == KV_LOCK_LOST ? KV_SESSION_ENDED : status;
}

kv_status kv_session_open(kv_client *client, uint32_t ttl_ms, kv_token *ret)
{
    const kv_op op = {.code = KV_OP_SESSION,
                      .ttl_ms = ttl_ms == 0 ? KV_LOCK_TTL_MS_DEFAULT : ttl_ms};
    return kv_session_status(kv_take(client, &op, kv_now_us(), ret));
}

kv_status kv_session_close(kv_client *client, kv_token session)
{
    return kv_session_status(kv_unlock(client, session));
}

bool kv_session_is_lost(const kv_client *client, kv_token session)
{
    return kv_lock_is_lost(client, session);
}
