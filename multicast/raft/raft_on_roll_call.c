/* SPDX-License-Identifier: Apache-2.0 */
/* ROLL_CALL at any member: say what is on our disk. [docs/decisions/0009-roll-call.md] */
#include "multicast/raft/raft_internal.h"

/* Whether the asker was blank, in this life of it, when the group was founded. */
static bool raft_is_founder(const struct raft *raft, kv_node_id node, wire_tag tag)
{
    const struct wire_roll_member *founder = raft_roll_find(&raft->roll.founders, node);
    return founder != NULL && founder->tag.value == tag.value;
}

void raft_on_roll_call(struct raft *raft, const struct wire_message *message)
{
    const struct wire_roll_call *call = &message->as.roll_call;
    kv_node_id from = message->from;
    if (call->tag.value == 0 || call->term.value > RAFT_TERM_MAX) {
        RAFT_TRACE(raft, TRACE_DECISION, "roll call of %u without a tag -> ignored", from.value);
        return;
    }

    struct wire_roll_reply reply = {.tag = raft->settings.tag, .asked = call->tag};
    uint64_t after = 0; /* BLANK promises nothing */
    if (raft->blank) {
        const struct wire_roll_member *heard = raft_roll_find(&raft->caller.heard, from);
        reply.state = WIRE_ROLL_BLANK;
        if (heard == NULL || heard->tag.value != call->tag.value) {
            raft->caller.call_at = raft->now; /* it is up: ask it, too */
        }
    } else if (raft_is_founder(raft, from, call->tag)) {
        reply.state = WIRE_ROLL_FOUNDED;
        reply.founders = raft->roll.founders;
        after = raft->hard_sequence;
    } else {
        reply.state = WIRE_ROLL_MEMBER;
        reply.term = raft->term;
        reply.leader = raft->leader;
        after = raft->hard_sequence;
    }
    RAFT_TRACE(raft, TRACE_DECISION, "roll call of %u -> %s", from.value,
               reply.state == WIRE_ROLL_BLANK     ? "blank, too"
               : reply.state == WIRE_ROLL_FOUNDED ? "founded, with it"
                                                  : "there is a group");
    raft_emit_message(raft, WIRE_MESSAGE_ROLL_REPLY, from, after)->as.roll_reply = reply;
    if (reply.state == WIRE_ROLL_MEMBER) {
        raft_readmit(raft, from, call);
    }
}
