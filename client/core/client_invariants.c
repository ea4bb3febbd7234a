/* SPDX-License-Identifier: Apache-2.0 */
/* client_invariants: asserts C1-C5 of client.h over the whole state of a client. */
#include "client/core/client_internal.h"

static void client_check_session(const struct client *client, const struct client_session *session)
{
    const uint64_t unanswered = session->next_sequence - 1 - session->floor;
    uint32_t live = 0;
    KV_ASSERT(session->floor < session->next_sequence);
    if (session == client->session) { /* C3 */
        KV_ASSERT(!session->retired && !session->frozen && !session->ending);
        KV_ASSERT(unanswered <= session->window);
    }
    for (uint32_t i = 0; i < session->window; i++) {
        const struct client_operation *operation = session->ring[i];
        if (operation == NULL) {
            continue;
        }
        live++;
        KV_ASSERT(operation->session == session); /* C2 */
        KV_ASSERT((operation->id.sequence & (session->window - 1)) == i);
        KV_ASSERT(operation->id.sequence > session->floor); /* C1 */
        KV_ASSERT(operation->id.sequence < session->next_sequence);
        KV_ASSERT(kv_session_compare(operation->id.session, session->id) == 0);
    }
    KV_ASSERT(live == session->live);
    KV_ASSERT(live > 0 || session == client->session); /* others end with their last write */
}

/* C2: the legs are those of the destinations, and the body is one that these groups accept. */
static void client_check_attempt(const struct client *client,
                                 const struct client_operation *operation,
                                 struct wire_command *scratch)
{
    const bool oracle = kv_group_set_has(operation->destinations, KV_GROUP_ORACLE);
    kv_group_set legs = {0};
    for (uint32_t i = 0; i < operation->leg_count; i++) {
        const struct client_leg *leg = client_leg_see(operation, i);
        KV_ASSERT(!kv_group_set_has(legs, leg->group));
        legs.bits |= kv_group_set_of(leg->group).bits;
        KV_ASSERT(client->next_wake.us <= leg->wake.us);
    }
    KV_ASSERT(operation->leg_count >= 1);
    KV_ASSERT(legs.bits ==
              (oracle ? kv_group_set_of(KV_GROUP_ORACLE).bits : operation->destinations.bits));
    KV_ASSERT((operation->session != NULL || operation->role == CLIENT_ROLE_OPEN) ==
              client_is_ordered(operation));
    KV_ASSERT(operation->id.attempt <= KV_ATTEMPT_LAST);
    const enum status status = wire_command_decode(client_body_of(operation), scratch);
    KV_ASSERT(status == STATUS_OK && scratch->op == operation->op);
    KV_ASSERT(wire_op_reads_everything(scratch->op) ||
              wire_command_fits(scratch, operation->destinations, /*execution*/ false,
                                client->partitions));
}

static void client_check_operation(const struct client *client,
                                   const struct client_operation *operation,
                                   struct wire_command *scratch)
{
    switch (operation->state) {
    case CLIENT_OPERATION_FREE:
        KV_ASSERT(operation->session == NULL && operation->list == NULL);
        break;
    case CLIENT_OPERATION_WAITING: /* its sequence, if it had one, is settled or left */
        KV_ASSERT(operation->list != NULL && operation->session == NULL);
        KV_ASSERT(client->next_wake.us <= operation->deadline.us); /* C4 */
        break;
    case CLIENT_OPERATION_SENT:
        KV_ASSERT(operation->list == NULL);
        KV_ASSERT(client->next_wake.us <= operation->deadline.us); /* C4 */
        client_check_attempt(client, operation, scratch);
        break;
    case CLIENT_OPERATION_PAUSED: /* between attempts: nothing of the last one is open [X2] */
        KV_ASSERT(operation->list == NULL && operation->role == CLIENT_ROLE_USER);
        KV_ASSERT(!client_is_in_doubt(operation));
        KV_ASSERT(client->next_wake.us <= operation->deadline.us); /* C4 */
        KV_ASSERT(client->next_wake.us <= operation->wake.us);
        break;
    case CLIENT_OPERATION_GATHERING:
        KV_ASSERT(operation->role == CLIENT_ROLE_SCAN && operation->scan != NULL);
        break;
    }
    if (operation->state != CLIENT_OPERATION_FREE && operation->role == CLIENT_ROLE_ABANDONED) {
        KV_ASSERT(operation->session != NULL && client_is_in_doubt(operation)); /* C1 */
    }
}

void client_check(const struct client *client)
{
    struct wire_command *scratch = kv_alloc(sizeof *scratch);
    uint32_t outstanding = 0;
    uint32_t abandoned = 0;
    uint32_t parts = 0;
    for (uint32_t i = 0; i < client->pool_end; i++) {
        const struct client_operation *operation = client->pool[i];
        client_check_operation(client, operation, scratch);
        const bool in_use = operation->state != CLIENT_OPERATION_FREE;
        outstanding +=
            in_use && (operation->role == CLIENT_ROLE_USER || operation->role == CLIENT_ROLE_SCAN);
        abandoned += in_use && (operation->role == CLIENT_ROLE_ABANDONED ||
                                operation->role == CLIENT_ROLE_GIVE_BACK);
        parts += in_use && operation->role == CLIENT_ROLE_PART;
    }
    KV_ASSERT(outstanding == client->outstanding &&
              outstanding <= client->outstanding_max + CLIENT_RENEWALS_MAX); /* C5 */
    KV_ASSERT(abandoned == client->abandoned && abandoned <= CLIENT_ABANDONED_MAX);
    KV_ASSERT(parts == client->parts && parts <= CLIENT_PARTS_MAX);
    client_places_check(&client->places);
    kv_free(scratch);
    const struct client_session *session;
    TAILQ_FOREACH(session, &client->sessions, link)
    {
        client_check_session(client, session);
    }
}
