/* SPDX-License-Identifier: Apache-2.0 */
/* raft_log: see raft_log.h. */
#include "multicast/raft/raft_log.h"

#include "multicast/base/assert.h"

/* Slots of an empty log: a quiet group stays small, a busy one doubles a few times and then
 * never again. */
#define RAFT_LOG_SLOTS_MIN 64

void raft_log_init(struct raft_log *log)
{
    *log = (struct raft_log){.capacity = RAFT_LOG_SLOTS_MIN};
    log->slots = kv_alloc_zero(RAFT_LOG_SLOTS_MIN, sizeof *log->slots);
}

void raft_log_close(struct raft_log *log)
{
    for (uint64_t i = log->base.value + 1; i <= log->last.value; i++) {
        wire_entry_drop(&raft_log_slot(log, i)->entry);
    }
    kv_free(log->slots);
    *log = (struct raft_log){0};
}

static void raft_log_grow(struct raft_log *log)
{
    struct raft_log grown = *log;
    grown.capacity = log->capacity * 2;
    grown.slots = kv_alloc_zero(grown.capacity, sizeof *grown.slots);
    for (uint64_t i = log->base.value + 1; i <= log->last.value; i++) {
        *raft_log_slot(&grown, i) = *raft_log_slot(log, i);
    }
    kv_free(log->slots);
    *log = grown;
}

void raft_log_append(struct raft_log *log, struct wire_entry *entry, uint64_t sequence)
{
    KV_ASSERT(entry->index.value == log->last.value + 1);
    KV_ASSERT(entry->term.value >= raft_log_term(log, log->last).value);
    KV_ASSERT(entry->reach.value >= raft_log_reach(log, log->last).value); /* R10 */
    if (log->last.value - log->base.value == log->capacity) {
        raft_log_grow(log);
    }
    log->last = entry->index;
    *raft_log_slot(log, entry->index.value) = (struct raft_slot){wire_entry_keep(entry), sequence};
}

void raft_log_truncate(struct raft_log *log, kv_index from)
{
    KV_ASSERT(from.value > log->base.value && from.value <= log->last.value);
    for (uint64_t i = from.value; i <= log->last.value; i++) {
        wire_entry_drop(&raft_log_slot(log, i)->entry);
    }
    log->last.value = from.value - 1;
    if (log->durable.value > log->last.value) {
        log->durable = log->last;
    }
    log->truncations++;
}

void raft_log_drop_prefix(struct raft_log *log, kv_index index, kv_term term, kv_clock reach)
{
    KV_ASSERT(index.value >= log->base.value && index.value <= log->last.value);
    for (uint64_t i = log->base.value + 1; i <= index.value; i++) {
        wire_entry_drop(&raft_log_slot(log, i)->entry);
    }
    log->base = index;
    log->base_term = term;
    log->base_reach = reach;
    if (log->durable.value < index.value) {
        log->durable = index;
    }
}

void raft_log_reset(struct raft_log *log, kv_index index, kv_term term, kv_clock reach)
{
    for (uint64_t i = log->base.value + 1; i <= log->last.value; i++) {
        wire_entry_drop(&raft_log_slot(log, i)->entry);
    }
    log->base = index;
    log->base_term = term;
    log->base_reach = reach;
    log->last = index;
    log->durable = index;
    log->truncations++;
}

void raft_log_set_durable(struct raft_log *log, uint64_t sequence)
{
    uint64_t durable = log->durable.value;
    while (durable < log->last.value && raft_log_slot(log, durable + 1)->sequence <= sequence) {
        durable++;
    }
    log->durable.value = durable;
}

kv_index raft_log_last_with_term_at_most(const struct raft_log *log, kv_index from, kv_term term)
{
    /* Terms never decrease along a log, so halving finds the place; `low` always qualifies,
     * `high + 1` never does. */
    uint64_t low = log->base.value;
    uint64_t high = from.value;
    while (low < high) {
        uint64_t middle = high - (high - low) / 2;
        if (raft_log_term(log, (kv_index){middle}).value <= term.value) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return (kv_index){low};
}
