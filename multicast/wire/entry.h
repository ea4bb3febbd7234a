/* SPDX-License-Identifier: Apache-2.0 */
/* entry: one entry of a group's replicated log, as a checked struct.
 *
 * Entries are immutable once they have an index, and shared by reference count between a log, effects and messages
 * of one thread (the count is not atomic). Whoever keeps an entry beyond a call takes a reference.
 *
 * Every entry has a reach (multicast rule 4): no CMD or PROPOSE behind it has a clock at or below it. */
#ifndef KV_WIRE_ENTRY_H
#define KV_WIRE_ENTRY_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"
#include "multicast/base/limits.h"

/* X(NAME, number on the wire and on disk, "purpose") */
#define WIRE_ENTRY_MAP(X)                                                                          \
    X(NOOP, 1, "starts the term of a leader")                                                      \
    X(CONFIG, 2, "replaces the set of members; body: wire_config")                                 \
    X(CMD, 3, "a message to this group alone; timestamp is final")                                 \
    X(PROPOSE, 4, "a message to several groups; timestamp is this group's proposal")               \
    X(CLOCK, 5, "raises reach")                                                                    \
    X(RESOLVE, 6, "the final timestamp of a proposed message")                                     \
    X(REMOTE, 7, "the vote of another group on a message: source group, verdict and payload")

enum wire_entry_kind {
#define X(name, number, purpose) WIRE_ENTRY_##name = number,
    WIRE_ENTRY_MAP(X)
#undef X
};

struct wire_entry {
    uint32_t references;
    enum wire_entry_kind kind;
    kv_term term;
    kv_index index;
    kv_clock reach;
    kv_timestamp timestamp; /* CMD, PROPOSE: ts; RESOLVE, REMOTE: gts of the message; else {0,0} */
    kv_message_id id;       /* CMD, PROPOSE, RESOLVE, REMOTE */
    kv_group_set destinations; /* CMD, PROPOSE */
    uint64_t floor; /* CMD, PROPOSE: all sequences of the session up to here are answered (X5) */
    kv_group_id source; /* REMOTE: the group that said it */
    kv_clock oracle;    /* PROPOSE: the committed proposal of group 0, if it is known; else 0 */
    uint32_t body_size; /* at most KV_BODY_BYTES_MAX */
    uint8_t body[];
};

/* A new entry with one reference and a copy of body; every other field is zero and may be set until the entry is
 * given to a log. body.size <= KV_BODY_BYTES_MAX. */
struct wire_entry *wire_entry_new(enum wire_entry_kind kind, kv_slice body);

/* Take one more reference; returns entry. */
struct wire_entry *wire_entry_keep(struct wire_entry *entry);

/* Give one reference back and set *entry to NULL; the last one frees. NULL inside is fine. */
void wire_entry_drop(struct wire_entry **entry);

static inline kv_slice wire_entry_body(const struct wire_entry *entry)
{
    return (kv_slice){entry->body, entry->body_size};
}

/* The name of a kind, e.g. "CMD"; never NULL. */
const char *wire_entry_kind_name(enum wire_entry_kind kind);

/* The members of a group, as CONFIG entries, snapshots and the bootstrap carry them. Node ids are distinct. */
struct wire_config {
    uint32_t count; /* 1..KV_MEMBERS_MAX */
    struct wire_config_member {
        kv_node_id node;
        bool voter; /* false: learner, receives the log but does not count */
    } members[KV_MEMBERS_MAX];
};

#endif
