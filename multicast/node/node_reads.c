/* SPDX-License-Identifier: Apache-2.0 */
/* node_reads: linearizable reads that do not touch the log.
 *
 * [Raft thesis 6.4] The leader notes its commit index, confirms with a majority that it still leads (one round for all reads
 * of a turn), and answers from its state once everything up to that index is delivered: a deposed leader may have answered a
 * command that this one has committed but, because it waits for another group, not yet delivered. Deliveries of a turn are
 * executed before its reads are looked at; a read that must wait for more is parked. */
#include "multicast/node/node_internal.h"

#define READS_FIRST 64

/* Bytes of a body buffer that a free slot keeps: most reads name a key or a few. */
#define READ_BODY_KEPT_MAX 1024

static struct node_read *slot_take(struct node_member *member, uint64_t *ret_token)
{
    if (member->read_free == 0) {
        uint32_t old = member->read_capacity;
        if (old >= NODE_READS_MAX) {
            return NULL;
        }
        uint32_t capacity = old == 0 ? READS_FIRST : old * 2;
        member->reads = kv_realloc(member->reads, capacity * sizeof *member->reads);
        member->read_capacity = capacity;
        for (uint32_t i = capacity; i > old; i--) {
            member->reads[i - 1] = (struct node_read){.next_free = member->read_free};
            member->read_free = i;
        }
    }
    *ret_token = member->read_free - 1;
    struct node_read *read = &member->reads[*ret_token];
    member->read_free = read->next_free;
    read->used = true;
    read->index = (kv_index){0};
    return read;
}

static void slot_give(struct node_member *member, struct node_read *read)
{
    if (read->body.capacity > READ_BODY_KEPT_MAX) {
        kv_buffer_close(&read->body);
    }
    read->used = false;
    read->next_free = member->read_free;
    member->read_free = (uint32_t)(read - member->reads) + 1;
}

void node_read_begin(struct node *node, struct node_member *member, const struct net_route *route,
                     const struct wire_request *request)
{
    uint64_t token = 0;
    struct node_read *read = slot_take(member, &token);
    if (read == NULL) {
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_BUSY);
        return;
    }
    enum status status =
        node_step_raft(node, member, (struct raft_event){.kind = RAFT_EVENT_READ, .token = token});
    if (status != STATUS_OK) {
        slot_give(member, read);
        node_answer_outcome(node, route, member->group, request->id,
                            status == STATUS_FULL ? WIRE_OUTCOME_BUSY : WIRE_OUTCOME_NOT_LEADER);
        return;
    }
    read->route = *route;
    read->id = request->id;
    kv_buffer_clear(&read->body);
    kv_buffer_append(&read->body, request->body.data, request->body.size);
}

static void answer_read(struct node *node, struct node_member *member, struct node_read *read)
{
    kv_slice answer;
    if (!member->application.ops->read(member->application.state, kv_buffer_slice(&read->body),
                                       order_cursor(member->order), &answer)) {
        node_answer_outcome(node, &read->route, member->group, read->id, WIRE_OUTCOME_MALFORMED);
        return;
    }
    member->reads_served++;
    struct wire_message reply = {.kind = WIRE_MESSAGE_REPLY, .group = member->group};
    reply.as.reply = (struct wire_reply){
        .id = read->id,
        .outcome = WIRE_OUTCOME_ANSWERED,
        .leader = raft_leader(order_raft(member->order)),
        .index = order_delivered_index(member->order),
        .body = answer,
    };
    node_outbox_answer(&node->outbox, &read->route, &reply);
}

void node_read_decided(struct node *node, struct node_member *member,
                       const struct raft_read *decided)
{
    KV_ASSERT(decided->token < member->read_capacity && member->reads[decided->token].used);
    struct node_read *read = &member->reads[decided->token];
    if (decided->ready && !order_has_delivered(member->order, decided->index)) {
        read->index = decided->index;
        member->reads_parked++;
        return;
    }
    if (decided->ready) {
        answer_read(node, member, read);
    } else {
        node_answer_outcome(node, &read->route, member->group, read->id, WIRE_OUTCOME_NOT_LEADER);
    }
    slot_give(member, read);
}

void node_reads_unpark(struct node *node, struct node_member *member)
{
    for (uint32_t i = 0; i < member->read_capacity && member->reads_parked > 0; i++) {
        struct node_read *read = &member->reads[i];
        if (read->used && read->index.value != 0 &&
            order_has_delivered(member->order, read->index)) {
            member->reads_parked--;
            answer_read(node, member, read);
            slot_give(member, read);
        }
    }
}

void node_reads_close(struct node_member *member)
{
    for (uint32_t i = 0; i < member->read_capacity; i++) {
        kv_buffer_close(&member->reads[i].body);
    }
    kv_free(member->reads);
    member->reads = NULL;
    member->read_capacity = 0;
}
