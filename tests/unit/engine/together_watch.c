/* SPDX-License-Identifier: Apache-2.0 */
/* together_watch: see the header. */
#include "tests/unit/engine/together_watch.h"

#include <stdio.h>

#include "multicast/base/assert.h"
#include "tests/reference/reference_places.h"

/* So little that one command's changes come in several answers. */
#define ANSWER_BYTES 24

/* Ask a member from where the watcher is. False: it has forgotten, or cannot say yet. */
static bool ask(struct together_watcher *watcher, const struct together_member *member)
{
    struct machine_watch watch = {.from = watcher->next, .bytes_max = ANSWER_BYTES};
    struct machine_changes found;
    struct kv_buffer bytes = {0};
    if (!engine_changes(member->engine, member->delivered, &watch, &bytes, &found) || found.gap) {
        KV_ASSERT(bytes.size == 0);
        kv_buffer_close(&bytes);
        return false;
    }
    KV_ASSERT(found.next >= watcher->next);
    KV_ASSERT(wire_changes_are_sound(kv_buffer_slice(&bytes)));
    watcher->next = found.next;
    kv_buffer_append(&watcher->seen, bytes.data, bytes.size);
    const bool any = bytes.size > 0;
    kv_buffer_close(&bytes);
    return any || found.more;
}

void together_watch_step(struct together *together, struct together_member *member)
{
    struct together_watcher *watcher = &together->watchers[member->group.value];
    watcher->next = watcher->next == 0 ? wire_watch_index(1) : watcher->next;
    while (ask(watcher, member)) {
    }
}

/* A change of the reference: somebody has seen it, or must have. */
static bool is_seen(struct together *together, kv_slice key, const struct reference_key *now,
                    kv_timestamp at)
{
    uint32_t times = 0;
    for (unsigned g = 1; g < TOGETHER_GROUPS; g++) {
        kv_slice seen = kv_buffer_slice(&together->watchers[g].seen);
        struct wire_change change;
        while (wire_changes_take(&seen, &change)) {
            if (kv_timestamp_compare(change.version, at) == 0 && kv_slice_equal(change.key, key)) {
                KV_ASSERT((change.kind == WIRE_CHANGE_PUT) == now->present);
                KV_ASSERT(!now->present || kv_slice_equal(change.value, now->value));
                times++;
            }
        }
    }
    KV_ASSERT(times <= 1);
    return times == 1;
}

/* What a message has changed, of all keys that were ever written; returns how many were seen. */
static uint32_t look_at_keys(struct together *together, const struct reference *replay,
                             struct reference_key *before, kv_timestamp at, bool complete)
{
    uint32_t count = 0;
    struct reference_key written;
    for (uint32_t i = 0; reference_at(together->reference, i, &written); i++) {
        const struct reference_key now = reference_find(replay, written.key);
        const bool changed =
            now.present != before[i].present ||
            (now.present && kv_timestamp_compare(now.version, before[i].version) != 0);
        if (changed) {
            const bool seen = is_seen(together, written.key, &now, at);
            KV_ASSERT(seen || !complete);
            count += seen ? 1 : 0;
        }
        before[i] = now;
    }
    return count;
}

static uint32_t count_of(const struct together_watcher *watcher)
{
    kv_slice seen = kv_buffer_slice(&watcher->seen);
    struct wire_change change;
    kv_timestamp version = {{0}, {0}};
    uint64_t index = 0;
    uint32_t count = 0;
    while (wire_changes_take(&seen, &change)) {
        KV_ASSERT(change.index > index);
        KV_ASSERT(kv_timestamp_compare(change.version, version) >= 0);
        index = change.index;
        version = change.version;
        count++;
    }
    return count;
}

uint32_t together_watch_check(struct together *together)
{
    static struct wire_answer unused;
    struct reference_key written;
    uint32_t keys = 0;
    while (reference_at(together->reference, keys, &written)) {
        keys++;
    }
    struct reference_key *before = kv_alloc_zero(keys + 1, sizeof(*before));
    struct reference *replay = reference_new(TOGETHER_PARTITIONS, 0);
    uint32_t seen = 0, found = 0;
    bool complete = true; /* else both members of a group have begun anew before somebody asked */
    for (unsigned g = 1; g < TOGETHER_GROUPS; g++) {
        for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
            together_watch_step(together, &together->members[g][m]);
        }
        const struct together_member *member = &together->members[g][0];
        complete =
            complete && together->watchers[g].next == wire_watch_index(member->delivered + 1);
        seen += count_of(&together->watchers[g]);
    }
    for (uint32_t i = 0; i < together->message_count; i++) {
        const struct wire_entry *message = together->messages[i];
        const struct reference_message said = {
            message->id,    message->destinations,    message->timestamp,
            message->floor, wire_entry_body(message), NULL};
        (void)reference_run(replay, &said, &unused);
        found += look_at_keys(together, replay, before, message->timestamp, complete);
    }
    KV_ASSERT(found == seen); /* and nothing else */
    reference_close(&replay);
    kv_free(before);
    return complete ? seen : 0;
}
