/* SPDX-License-Identifier: Apache-2.0 */
/* ROLL_REPLY at a blank member. [docs/decisions/0009-roll-call.md] */
#include "multicast/raft/raft_internal.h"

static void raft_note_blank(struct raft *raft, kv_node_id node, wire_tag tag)
{
    struct wire_roll *heard = &raft->caller.heard;
    bool named = false; /* by the bootstrap: nobody else is waited for */
    for (uint32_t i = 0; i < raft->settings.bootstrap.count; i++) {
        named = named || kv_node_equal(raft->settings.bootstrap.members[i].node, node);
    }
    if (!named) {
        return;
    }
    uint32_t at = 0;
    while (at < heard->count && !kv_node_equal(heard->members[at].node, node)) {
        at++;
    }
    heard->members[at] = (struct wire_roll_member){node, tag};
    heard->count = at == heard->count ? at + 1 : heard->count;
}

/* All members of the bootstrap, ourselves with the tag of this life. */
static bool raft_is_roll_sound(const struct raft *raft, const struct wire_roll *founders)
{
    const struct wire_config *bootstrap = &raft->settings.bootstrap;
    const struct wire_roll_member *self = raft_roll_find(founders, raft->settings.self);
    bool sound = founders->count == bootstrap->count && self != NULL &&
                 self->tag.value == raft->settings.tag.value;
    for (uint32_t i = 0; i < bootstrap->count; i++) {
        sound = sound && raft_roll_find(founders, bootstrap->members[i].node) != NULL;
    }
    return sound;
}

/* Where the leader is. In a term that is new to us we ask at once: only a call that names the
 * leader's term is taken for one of now. */
static void raft_note_leader(struct raft *raft, const struct wire_roll_reply *reply)
{
    struct raft_caller *caller = &raft->caller;
    if (reply->term.value > caller->term.value) {
        caller->call_at = raft->now;
        caller->pause_us = 0;
        caller->leader = reply->leader;
        caller->term = reply->term;
    } else if (reply->term.value == caller->term.value && reply->leader.value != 0) {
        caller->leader = reply->leader;
    }
}

void raft_on_roll_reply(struct raft *raft, const struct wire_message *message)
{
    const struct wire_roll_reply *reply = &message->as.roll_reply;
    if (!raft->blank || reply->asked.value != raft->settings.tag.value || reply->tag.value == 0 ||
        reply->term.value > RAFT_TERM_MAX) {
        RAFT_TRACE(raft, TRACE_DETAIL, "answer of %u to a roll call of another life -> ignored",
                   message->from.value);
        return;
    }
    switch (reply->state) {
    case WIRE_ROLL_BLANK:
        raft_note_blank(raft, message->from, reply->tag);
        raft_maybe_found(raft);
        return;
    case WIRE_ROLL_FOUNDED:
        if (raft_is_roll_sound(raft, &reply->founders)) {
            raft_found(raft, &reply->founders);
        }
        return;
    case WIRE_ROLL_MEMBER:
        raft_note_leader(raft, reply);
        return;
    }
}
