/* SPDX-License-Identifier: Apache-2.0 */
/* message_roll: what members with empty disks say, and what is said to them
 * (docs/decisions/0009-roll-call.md). Part of wire/message.h. */
#ifndef KV_WIRE_MESSAGE_ROLL_H
#define KV_WIRE_MESSAGE_ROLL_H

#include "multicast/wire/entry.h"

/* Random number of a data directory, made with it: tells a member's lives apart. Not 0. */
typedef struct {
    uint64_t value;
} wire_tag;

/* Who took part when a group was founded. */
struct wire_roll {
    uint32_t count; /* at most KV_MEMBERS_MAX; nodes are distinct */
    struct wire_roll_member {
        kv_node_id node;
        wire_tag tag;
    } members[KV_MEMBERS_MAX];
};

/* My disk is empty: who are you. */
struct wire_roll_call {
    wire_tag tag; /* the asker's */
    kv_term
        term; /* the highest that was named to it in this life: tells a leader that this is no late message */
};

enum wire_roll_state {
    WIRE_ROLL_BLANK = 1,   /* nothing on my disk */
    WIRE_ROLL_FOUNDED = 2, /* all members were blank, and the asker with this tag was one of them */
    WIRE_ROLL_MEMBER = 3   /* the group exists; ask its leader */
};

struct wire_roll_reply {
    wire_tag tag;   /* of who answers */
    wire_tag asked; /* of the ROLL_CALL */
    enum wire_roll_state state;
    kv_term term;              /* MEMBER: of who answers; else 0 */
    kv_node_id leader;         /* MEMBER: believed, or none; else none */
    struct wire_roll founders; /* FOUNDED: all members; else none */
};

/* The configuration that makes it a learner is committed. */
struct wire_admitted {
    wire_tag tag;   /* whom it is for */
    kv_term term;   /* of the leader */
    kv_index index; /* of that configuration: the member votes when its log has it */
};

#endif
