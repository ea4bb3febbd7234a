/* SPDX-License-Identifier: Apache-2.0 */
/* raft_read: linearizable reads without the log: ReadIndex. [Raft thesis 6.4]
 *
 * 1. A read notes the commit index when it arrives, and the round that begins at the next flush:
 *    all reads of a batch share one round. Heartbeats are rounds as well.
 * 2. When a majority of voters has answered that round or a later one, no other leader had replaced
 *    us when the read arrived, so nothing committed before it can be above the index it noted.
 * 3. A new leader does not know how far its predecessors have committed until it has committed
 *    an entry of its own term: reads wait for that, at most RAFT_READS_MAX of them, and at most
 *    until check-quorum or a higher term ends the leadership. */
#include "multicast/raft/raft_internal.h"

static void raft_reads_grow(struct raft *raft)
{
    uint32_t capacity = raft->read_capacity == 0 ? 64 : raft->read_capacity * 2;
    struct raft_read_waiting *reads = kv_alloc(capacity * sizeof *reads);
    for (uint32_t i = 0; i < raft->read_count; i++) {
        reads[i] = raft->reads[(raft->read_first + i) % raft->read_capacity];
    }
    kv_free(raft->reads);
    raft->reads = reads;
    raft->read_capacity = capacity;
    raft->read_first = 0;
}

enum status raft_on_read(struct raft *raft, uint64_t token)
{
    if (raft->role != RAFT_LEADER || raft->transfer_target.value != 0) {
        return STATUS_NOT_LEADER;
    }
    if (raft->read_count == RAFT_READS_MAX) {
        return STATUS_FULL;
    }
    if (raft->read_count == raft->read_capacity) {
        raft_reads_grow(raft);
    }
    uint32_t slot = (raft->read_first + raft->read_count++) % raft->read_capacity;
    raft->reads[slot] =
        (struct raft_read_waiting){.token = token, .index = raft->commit, .round = raft->round + 1};
    return STATUS_OK;
}

bool raft_reads_need_round(const struct raft *raft)
{
    if (raft->read_count == 0) {
        return false;
    }
    uint32_t slot = (raft->read_first + raft->read_count - 1) % raft->read_capacity;
    return raft->reads[slot].round > raft->round;
}

void raft_reads_serve(struct raft *raft)
{
    if (raft->read_count == 0 || !raft_can_serve(raft)) {
        return;
    }
    uint64_t rounds[KV_MEMBERS_MAX];
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        rounds[i] = (int)i == raft->self_position ? raft->round : raft->peers[i].round_answered;
    }
    uint64_t confirmed = raft_quorum_value(raft, rounds);
    uint32_t served = 0;
    while (raft->read_count > 0 && raft->reads[raft->read_first].round <= confirmed) {
        const struct raft_read_waiting *read = &raft->reads[raft->read_first];
        kv_index index =
            read->index.value > raft->term_start.value ? read->index : raft->term_start;
        raft_emit_read(raft, read->token, index, true /* ready */);
        raft->read_first = (raft->read_first + 1) % raft->read_capacity;
        raft->read_count--;
        served++;
    }
    if (served > 0) {
        RAFT_TRACE(raft, TRACE_DETAIL, "a majority has answered round %llu -> %u reads may run",
                   (unsigned long long)confirmed, served);
    }
}

void raft_reads_fail(struct raft *raft)
{
    if (raft->read_count > 0) {
        RAFT_TRACE(raft, TRACE_DECISION, "leadership ends -> %u waiting reads fail",
                   raft->read_count);
    }
    for (; raft->read_count > 0; raft->read_count--) {
        raft_emit_read(raft, raft->reads[raft->read_first].token, (kv_index){0}, false /* ready */);
        raft->read_first = (raft->read_first + 1) % raft->read_capacity;
    }
}
