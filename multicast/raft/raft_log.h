/* SPDX-License-Identifier: Apache-2.0 */
/* raft_log: the entries of one member from its snapshot on, in memory.
 *
 * 1. A ring of slots whose size is a power of two: the entry at index i is in slot i modulo the
 *    size, so that access, append, dropping a prefix (snapshot) and truncating a suffix (conflict)
 *    are O(1) per entry and nothing is ever moved but on growth.
 * 2. The point below the first entry is the base: index, term and reach of the snapshot, or zeros.
 * 3. Each slot knows the persist sequence of its record; `durable` is the last index whose
 *    entry, as it is in the log now, would survive a crash. It goes back on truncation and forth
 *    with raft_log_set_durable. */
#ifndef KV_RAFT_RAFT_LOG_H
#define KV_RAFT_RAFT_LOG_H

#include "multicast/wire/entry.h"

struct raft_slot {
    struct wire_entry *entry; /* one reference */
    uint64_t sequence;        /* persist sequence of its record; 0: restored */
};

struct raft_log {
    struct raft_slot *slots;
    uint64_t capacity; /* power of two */
    kv_index base;
    kv_term base_term;
    kv_clock base_reach;
    kv_index last;
    kv_index durable;
    uint64_t
        truncations; /* since the start; tells the invariant checks that a suffix was removed */
};

void raft_log_init(struct raft_log *log);
void raft_log_close(struct raft_log *log);

/* Take one more reference to `entry` and put it behind the last one. Index, term and reach go on
 * (asserted: R3, R10). */
void raft_log_append(struct raft_log *log, struct wire_entry *entry, uint64_t sequence);

/* Remove the entries at and above `from`; base < from <= last. */
void raft_log_truncate(struct raft_log *log, kv_index from);

/* A snapshot covers the log up to `index`: drop the entries up to there, keep those above. */
void raft_log_drop_prefix(struct raft_log *log, kv_index index, kv_term term, kv_clock reach);

/* A snapshot replaces the whole log. */
void raft_log_reset(struct raft_log *log, kv_index index, kv_term term, kv_clock reach);

/* Records up to `sequence` are synced. */
void raft_log_set_durable(struct raft_log *log, uint64_t sequence);

/* The largest index in [base, from] whose term is at most `term`; base if there is none. from <=
 * last. */
kv_index raft_log_last_with_term_at_most(const struct raft_log *log, kv_index from, kv_term term);

static inline struct raft_slot *raft_log_slot(const struct raft_log *log, uint64_t index)
{
    return &log->slots[index & (log->capacity - 1)];
}

/* base < index <= last. */
static inline struct wire_entry *raft_log_entry(const struct raft_log *log, kv_index index)
{
    return raft_log_slot(log, index.value)->entry;
}

/* base <= index <= last. */
static inline kv_term raft_log_term(const struct raft_log *log, kv_index index)
{
    return index.value == log->base.value ? log->base_term : raft_log_entry(log, index)->term;
}

/* base <= index <= last. */
static inline kv_clock raft_log_reach(const struct raft_log *log, kv_index index)
{
    return index.value == log->base.value ? log->base_reach : raft_log_entry(log, index)->reach;
}

#endif
