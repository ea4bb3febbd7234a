/* SPDX-License-Identifier: Apache-2.0 */
/* client_attempt: from one attempt of an operation to the next.
 *
 * 1. The next attempt begins only after a definitive answer to the present one [X2]; then nothing of the present one can do
 *    anything any more, so its bookings go. A time-out or a refusal only makes a leg send the same attempt again.
 * 2. It keeps the sequence, which so stays above the floor, and has the next attempt number. Only an EXEC that said NO, which
 *    a correct oracle never does, gives up its sequence: the oracle may have remembered that answer for it.
 * 3. Each attempt is routed from the operation's own command, with what is known of its keys then. */
#include "client/core/client_internal.h"

void client_attempt(struct client *client, struct client_operation *operation)
{
    client_route(client, operation, client_decode(client, kv_buffer_slice(&operation->command)));
}

void client_pause_attempt(struct client *client, struct client_operation *operation)
{
    const uint64_t pause_us =
        client_backoff(CLIENT_PAUSE_US, CLIENT_PAUSE_US_MAX, operation->pauses++);
    client_set_state(operation, CLIENT_OPERATION_PAUSED);
    operation->wake =
        kv_instant_add(client->now, pause_us / 2 + kv_prng_below(&client->prng, pause_us / 2 + 1));
    client_wake_at(client, kv_instant_min(operation->wake, operation->deadline));
}

bool client_can_exec(const struct client_operation *operation)
{
    return wire_op_is_access(operation->op) || wire_op_is_per_key(operation->op) ||
           operation->op == WIRE_OP_LOCK;
}

void client_try_again(struct client *client, struct client_operation *operation, bool no,
                      bool pause)
{
    KV_ASSERT(operation->role == CLIENT_ROLE_USER);
    KV_ASSERT(!client_is_in_doubt(operation));
    const bool failed_exec = no && operation->exec;
    const bool used_up = failed_exec || operation->id.attempt >= KV_ATTEMPT_LAST;
    if (operation->session != NULL && used_up) {
        client_settle(client, operation);
    } else if (operation->session != NULL) {
        operation->id.attempt++; /* a read without a session gets a new id anyway */
    }
    operation->noes += no;
    /* [placement C1] */
    operation->exec = operation->noes >= CLIENT_NOES_MAX && client_can_exec(operation);
    CLIENT_TRACE(client, TRACE_DECISION, "%s, sequence %llu: %u NOs -> %s %u%s",
                 wire_op_name(operation->op), (unsigned long long)operation->id.sequence,
                 operation->noes, operation->exec ? "the oracle is to run it, attempt" : "attempt",
                 operation->id.attempt, pause || failed_exec ? ", after a pause" : "");
    if (pause || failed_exec) {
        client_pause_attempt(client, operation);
    } else {
        client_attempt(client, operation);
    }
}

static void client_count_no(struct client *client, enum wire_verdict verdict)
{
    client->counters.stale += verdict == WIRE_VERDICT_STALE;
    client->counters.pinned += verdict == WIRE_VERDICT_PINNED;
}

void client_on_no(struct client *client, struct client_operation *operation, struct client_leg *leg)
{
    const enum wire_verdict verdict = client->answer.verdict;
    client_count_no(client, verdict);
    switch (operation->role) {
    case CLIENT_ROLE_USER:
        client_learn_no(client, operation);
        client_resolve_all(operation);
        if (verdict == WIRE_VERDICT_LOCK_LOST) {
            operation->noes = CLIENT_NOES_MAX;
        }
        /* Only STALE teaches something that another attempt can use at once. */
        client_try_again(client, operation, verdict != WIRE_VERDICT_DEFERRED,
                         (verdict != WIRE_VERDICT_STALE && verdict != WIRE_VERDICT_LOCK_LOST) ||
                             !client_can_exec(operation));
        return;
    case CLIENT_ROLE_ABANDONED: /* nobody waits for another attempt */
    case CLIENT_ROLE_GIVE_BACK:
        client_learn_no(client, operation);
        client_resolve_all(operation);
        client_settle(client, operation);
        client_release(client, operation);
        return;
    case CLIENT_ROLE_PART:
    case CLIENT_ROLE_OPEN:
    case CLIENT_ROLE_LOADS: /* an answer that makes no sense */
        if (leg != NULL) {
            client_pause(client, operation, leg);
        }
        return;
    case CLIENT_ROLE_END:
        client_settle(client, operation);
        client_release(client, operation);
        return;
    case CLIENT_ROLE_SCAN: /* is never sent */
        break;
    }
    KV_UNREACHABLE();
}

void client_restart(struct client *client, struct client_operation *operation)
{
    KV_ASSERT(operation->session == NULL && client_is_ordered(operation));
    client_resolve_all(operation);
    operation->restarts++;
    client->counters.restarted++;
    if (operation->restarts > 1) {
        /* Once is a session that has ended; more often asks for patience. */
        client_pause_attempt(client, operation);
    } else {
        client_attempt(client, operation);
    }
}
