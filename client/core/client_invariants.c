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

static void client_check_operation(const struct client *client,
                                   const struct client_operation *operation)
{
    if (operation->state == CLIENT_OPERATION_FREE) {
        KV_ASSERT(operation->session == NULL && operation->list == NULL);
        return;
    }
    KV_ASSERT((operation->state == CLIENT_OPERATION_WAITING) == (operation->list != NULL));
    KV_ASSERT((operation->role == CLIENT_ROLE_SCAN) == (operation->scan != NULL) ||
              operation->state == CLIENT_OPERATION_WAITING);
    if (operation->state == CLIENT_OPERATION_SENT || operation->state == CLIENT_OPERATION_PAUSED) {
        KV_ASSERT(client->next_wake.us <= operation->wake.us);
    }
    if (operation->state != CLIENT_OPERATION_GATHERING) {
        KV_ASSERT(client->next_wake.us <= operation->deadline.us); /* C4 */
    }
    if (operation->role == CLIENT_ROLE_ABANDONED) {
        KV_ASSERT(operation->session != NULL);
    }
}

void client_check(const struct client *client)
{
    uint32_t outstanding = 0;
    uint32_t abandoned = 0;
    uint32_t parts = 0;
    for (uint32_t i = 0; i < client->pool_end; i++) {
        const struct client_operation *operation = client->pool[i];
        client_check_operation(client, operation);
        const bool in_use = operation->state != CLIENT_OPERATION_FREE;
        outstanding +=
            in_use && (operation->role == CLIENT_ROLE_USER || operation->role == CLIENT_ROLE_SCAN);
        abandoned += in_use && operation->role == CLIENT_ROLE_ABANDONED;
        parts += in_use && operation->role == CLIENT_ROLE_PART;
    }
    KV_ASSERT(outstanding == client->outstanding &&
              outstanding <= client->outstanding_max); /* C5 */
    KV_ASSERT(abandoned == client->abandoned && abandoned <= CLIENT_ABANDONED_MAX);
    KV_ASSERT(parts == client->parts && parts <= CLIENT_PARTS_MAX);
    const struct client_session *session;
    TAILQ_FOREACH(session, &client->sessions, link)
    {
        client_check_session(client, session);
    }
}
