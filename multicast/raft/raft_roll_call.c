/* SPDX-License-Identifier: Apache-2.0 */
/* raft_roll_call: a member whose disk is empty. [docs/decisions/0009-roll-call.md]
 *
 *   BLANK -> FOLLOWER  [raft_found]        all members of the bootstrap were blank: the group is new
 *   BLANK -> LEARNER   [raft_on_admitted]  the leader of the group has made it a learner
 *
 * 1. Its disk may have held votes and entries that it has promised to others. So it promises
 *    nothing now: it is deaf to the rest of raft (R11), and calls the roll.
 * 2. Members that were all blank when they answered cannot have promised anything to anybody: a
 *    majority would not do, because one that never was there and one that was emptied are a
 *    majority of three.
 * 3. An answer repeats the tag of the question, so that no answer to a former life counts. */
#include "multicast/raft/raft_internal.h"

const struct wire_roll_member *raft_roll_find(const struct wire_roll *roll, kv_node_id node)
{
    for (uint32_t i = 0; i < roll->count; i++) {
        if (kv_node_equal(roll->members[i].node, node)) {
            return &roll->members[i];
        }
    }
    return NULL;
}

bool raft_ignore_while_blank(struct raft *raft, const struct wire_message *message)
{
    switch (message->kind) {
    case WIRE_MESSAGE_ROLL_CALL:
    case WIRE_MESSAGE_ROLL_REPLY:
    case WIRE_MESSAGE_ADMITTED:
        return false;
    case WIRE_MESSAGE_APPEND:
        /* Its sender leads or has led: it may be a member that the bootstrap does not name. */
        if (raft->caller.leader.value == 0 ||
            message->as.append.term.value > raft->caller.term.value) {
            raft->caller.leader = message->from;
        }
        break;
    case WIRE_MESSAGE_VOTE_REQUEST:
    case WIRE_MESSAGE_VOTE_REPLY:
    case WIRE_MESSAGE_APPEND_REPLY:
    case WIRE_MESSAGE_SNAPSHOT_CHUNK:
    case WIRE_MESSAGE_SNAPSHOT_REPLY:
    case WIRE_MESSAGE_TIMEOUT_NOW:
    case WIRE_MESSAGE_SOFT:
    case WIRE_MESSAGE_FIX:
    case WIRE_MESSAGE_ACK:
    case WIRE_MESSAGE_DONE_REQUEST:
    case WIRE_MESSAGE_DONE:
    case WIRE_MESSAGE_FORGET:
    case WIRE_MESSAGE_ASK:
    case WIRE_MESSAGE_TELL:
    case WIRE_MESSAGE_SIGNAL:
    case WIRE_MESSAGE_SIGNAL_REQUEST:
    case WIRE_MESSAGE_SIGNAL_ACK:
    case WIRE_MESSAGE_FORWARD:
    case WIRE_MESSAGE_HELLO:
    case WIRE_MESSAGE_WELCOME:
    case WIRE_MESSAGE_REQUEST:
    case WIRE_MESSAGE_REPLY:
    case WIRE_MESSAGE_STATUS_REQUEST:
    case WIRE_MESSAGE_STATUS_REPLY:
    case WIRE_MESSAGE_TRANSFER_REQUEST:
    case WIRE_MESSAGE_TRANSFER_REPLY:
    case WIRE_MESSAGE_CHECKPOINT_REQUEST:
    case WIRE_MESSAGE_CHECKPOINT_REPLY:
    case WIRE_MESSAGE_BACKUP_REQUEST:
    case WIRE_MESSAGE_BACKUP_REPLY:
    case WIRE_MESSAGE_WORKERS_REQUEST:
    case WIRE_MESSAGE_WORKERS_REPLY:
    case WIRE_MESSAGE_WATCH_REQUEST:
    case WIRE_MESSAGE_WATCH_REPLY:
    case WIRE_MESSAGE_COMPARE:
    case WIRE_MESSAGE_REFUSAL:
        break;
    }
    RAFT_TRACE(raft, TRACE_DETAIL, "%s from %u, disk is empty -> ignored",
               wire_message_kind_name(message->kind), message->from.value);
    return true;
}

void raft_roll_restore(struct raft *raft)
{
    if (raft->roll.origin != RAFT_ORIGIN_ADMITTED || raft->configs[0].index.value != 0) {
        return;
    }
    /* The bootstrap calls it a voter, which is what it was before its disk was emptied. */
    struct wire_config *config = &raft->configs[0].config;
    for (uint32_t i = 0; i < config->count; i++) {
        if (kv_node_equal(config->members[i].node, raft->settings.self)) {
            config->members[i].voter = false;
        }
    }
    raft_config_apply(raft);
}

void raft_found(struct raft *raft, const struct wire_roll *founders)
{
    KV_ASSERT(raft->blank && founders->count == raft->settings.bootstrap.count);
    KV_ASSERT(raft_roll_find(founders, raft->settings.self)->tag.value == raft->settings.tag.value);
    raft->blank = false;
    raft->roll = (struct raft_roll){.origin = RAFT_ORIGIN_FOUNDED, .founders = *founders};
    raft->hard_dirty = true;
    raft_settle_role(raft);
    RAFT_TRACE(raft, TRACE_DECISION, "all %u members were blank -> the group is founded",
               founders->count);
    raft_emit_hard_state(raft);
}

void raft_maybe_found(struct raft *raft)
{
    const struct wire_config *bootstrap = &raft->settings.bootstrap;
    struct wire_roll founders = {0};
    for (uint32_t i = 0; i < bootstrap->count; i++) {
        kv_node_id node = bootstrap->members[i].node;
        const struct wire_roll_member *heard = raft_roll_find(&raft->caller.heard, node);
        if (kv_node_equal(node, raft->settings.self)) {
            founders.members[founders.count++] =
                (struct wire_roll_member){node, raft->settings.tag};
        } else if (heard != NULL) {
            founders.members[founders.count++] = *heard;
        }
    }
    if (founders.count == bootstrap->count &&
        raft_roll_find(&founders, raft->settings.self) != NULL) {
        raft_found(raft, &founders);
    }
}

static void raft_send_roll_call(struct raft *raft, kv_node_id to)
{
    raft_emit_message(raft, WIRE_MESSAGE_ROLL_CALL, to, 0 /* after: it promises nothing */)
        ->as.roll_call = (struct wire_roll_call){raft->settings.tag, raft->caller.term};
}

void raft_roll_tick(struct raft *raft)
{
    struct raft_caller *caller = &raft->caller;
    if (!kv_instant_reached(caller->call_at, raft->now)) {
        return;
    }
    raft_maybe_found(raft); /* a group of one has nobody to ask */
    if (!raft->blank) {
        return;
    }
    const struct wire_config *bootstrap = &raft->settings.bootstrap;
    bool asks_leader = caller->leader.value != 0;
    for (uint32_t i = 0; i < bootstrap->count; i++) {
        kv_node_id node = bootstrap->members[i].node;
        asks_leader = asks_leader && !kv_node_equal(node, caller->leader);
        if (!kv_node_equal(node, raft->settings.self)) {
            raft_send_roll_call(raft, node);
        }
    }
    if (asks_leader) {
        raft_send_roll_call(raft, caller->leader);
    }
    /* From a heartbeat to an election timeout: often enough to be there when the others are. */
    uint64_t pause = caller->pause_us == 0 ? raft->settings.heartbeat_us : 2 * caller->pause_us;
    caller->pause_us =
        pause < raft->settings.election_timeout_us ? pause : raft->settings.election_timeout_us;
    caller->call_at = kv_instant_add(raft->now, caller->pause_us);
}
