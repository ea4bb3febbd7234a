/* SPDX-License-Identifier: Apache-2.0 */
/* node_reads: linearizable reads that do not touch the log.
 *
 * [Raft thesis 6.4] The leader notes its commit index, confirms with a majority that it still leads (one round for all reads
 * of a turn), and answers from its state once everything up to that index is delivered: a deposed leader may have answered a
 * command that this one has committed but, because it waits for another group, not yet delivered. Deliveries of a turn are
 * handed over before its reads are looked at; a read that must wait for more is parked. The application may park it again,
 * behind a delivered message that waits for other groups. */
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
    read->runs = false;
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

static struct node_read *running_read(struct node_member *member, uint64_t token)
{
    KV_ASSERT(token < member->read_capacity);
    struct node_read *read = &member->reads[token];
    KV_ASSERT(read->used && read->runs);
    return read;
}

static void end_read(struct node_member *member, struct node_read *read)
{
    member->reads_running--;
    slot_give(member, read);
}

void node_port_answer_read(const struct node_port *port, const struct node_read_answer *answer)
{
    struct node_member *member = port->member;
    struct node_read *read = running_read(member, answer->token);
    struct wire_message reply = {.kind = WIRE_MESSAGE_REPLY, .group = member->group};
    reply.as.reply = (struct wire_reply){
        .id = read->id,
        .outcome = WIRE_OUTCOME_ANSWERED,
        .leader = raft_leader(order_raft(member->order)),
        .timestamp = answer->timestamp,
        .index = order_delivered_index(member->order),
        .body = answer->body,
    };
    node_outbox_answer(&port->node->outbox, &read->route, &reply);
    member->reads_served++;
    end_read(member, read);
}

void node_port_refuse_read(const struct node_port *port, uint64_t token)
{
    struct node_member *member = port->member;
    struct node_read *read = running_read(member, token);
    node_answer_outcome(port->node, &read->route, member->group, read->id, WIRE_OUTCOME_MALFORMED);
    end_read(member, read);
}

/* Everything that it must see is delivered. */
static void run_read(struct node *node, struct node_member *member, struct node_read *read)
{
    const struct node_port port = node_port_of(node, member);
    read->runs = true;
    read->give_up = kv_instant_add(node->now, NODE_READ_WAIT_US);
    member->reads_running++;
    member->application.ops->read(member->application.state, &port,
                                  (uint64_t)(read - member->reads), kv_buffer_slice(&read->body));
}

void node_read_decided(struct node *node, struct node_member *member,
                       const struct raft_read *decided)
{
    KV_ASSERT(decided->token < member->read_capacity && member->reads[decided->token].used);
    struct node_read *read = &member->reads[decided->token];
    if (!decided->ready) {
        node_answer_outcome(node, &read->route, member->group, read->id, WIRE_OUTCOME_NOT_LEADER);
        slot_give(member, read);
    } else if (order_has_delivered(member->order, decided->index)) {
        run_read(node, member, read);
    } else {
        read->index = decided->index;
        member->reads_parked++;
    }
}

void node_reads_unpark(struct node *node, struct node_member *member)
{
    for (uint32_t i = 0; i < member->read_capacity && member->reads_parked > 0; i++) {
        struct node_read *read = &member->reads[i];
        if (read->used && !read->runs && read->index.value != 0 &&
            order_has_delivered(member->order, read->index)) {
            member->reads_parked--;
            run_read(node, member, read);
        }
    }
}

void node_reads_give_up(struct node *node, struct node_member *member)
{
    for (uint32_t i = 0; i < member->read_capacity && member->reads_running > 0; i++) {
        struct node_read *read = &member->reads[i];
        if (read->used && read->runs && kv_instant_reached(read->give_up, node->now)) {
            member->application.ops->drop_read(member->application.state, i);
            node_answer_outcome(node, &read->route, member->group, read->id, WIRE_OUTCOME_BUSY);
            end_read(member, read);
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
