/* SPDX-License-Identifier: Apache-2.0 */
/* node_staging: whatever was pruned from the front of a log, and whichever checkpoint a member goes on from, its cores see the
 * same entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "multicast/base/prng.h"
#include "multicast/node/node_staging.h"

#define RUNS        400
#define RECORDS_MAX 200
#define INDEX_MAX   400

/* A member's records as they were written, and what they amount to. */
struct history {
    struct raft_persist records[RECORDS_MAX];
    uint32_t count;
    uint64_t term;
    struct wire_entry *log[INDEX_MAX]; /* by index, borrowed; NULL: none */
    uint64_t last, commit, base;       /* base: nothing at or below it is needed */
};

static struct wire_config members = {.count = 1, .members = {{{1}, true}}};

static struct order *new_order(void)
{
    static struct wire_config groups[2];
    groups[1] = members;
    const struct order_settings settings = {.group_count = 2,
                                            .groups = groups,
                                            .raft = {.group = {1},
                                                     .self = {1},
                                                     .election_timeout_us = 100000,
                                                     .heartbeat_us = 10000,
                                                     .seed = 1,
                                                     .tag = {7},
                                                     .bootstrap = members}};
    return order_new(&settings, (kv_instant){0});
}

static struct raft_persist *add(struct history *history, enum raft_persist_kind kind)
{
    struct raft_persist *record = &history->records[history->count++];
    *record = (struct raft_persist){.kind = kind};
    return record;
}

static void add_hard_state(struct history *history)
{
    struct raft_persist *record = add(history, RAFT_PERSIST_HARD_STATE);
    record->term.value = ++history->term;
    record->vote.value = 1;
}

static void add_entry(struct history *history, uint64_t index)
{
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_NOOP, kv_slice_of("x", 1));
    entry->index.value = index;
    entry->term.value = history->term;
    entry->reach.value = history->term * INDEX_MAX + index;
    add(history, RAFT_PERSIST_ENTRY)->entry = entry;
    history->log[index] = entry;
    history->last = index;
}

/* What a member may write: entries, a new term that replaces what is not committed, an own snapshot, one of the leader's. */
static void grow(struct history *history, struct kv_prng *prng)
{
    const uint64_t what = kv_prng_below(prng, 20);
    if (what == 0) {
        add_hard_state(history);
        if (kv_prng_chance(prng, 1, 2) && history->last > history->commit) {
            add_entry(history, kv_prng_between(prng, history->commit + 1, history->last));
        }
    } else if (what == 1) {
        history->commit = kv_prng_between(prng, history->commit, history->last);
    } else if (what == 2 && history->commit > history->base) {
        struct raft_persist *record = add(history, RAFT_PERSIST_SNAPSHOT);
        history->base = kv_prng_between(prng, history->base + 1, history->commit);
        record->point.index.value = history->base;
        record->keeps_log = true;
    } else if (what == 3) {
        struct raft_persist *record = add(history, RAFT_PERSIST_SNAPSHOT);
        history->base = history->commit = history->last =
            history->last + kv_prng_between(prng, 1, 9);
        record->point.index.value = history->base;
    } else {
        add_entry(history, history->last + 1);
    }
}

/* How many of the first records may be given up: no entry above the base is among them. */
static uint32_t prunable(const struct history *history)
{
    uint32_t count = 0;
    while (count < history->count &&
           (history->records[count].kind != RAFT_PERSIST_ENTRY ||
            history->records[count].entry->index.value <= history->base)) {
        count++;
    }
    return count;
}

static struct raft_snapshot_point point_at(const struct history *history, uint64_t index)
{
    const struct wire_entry *entry = history->log[index];
    return (struct raft_snapshot_point){
        .index = {index},
        .term = entry == NULL ? (kv_term){1} : entry->term,
        .reach = entry == NULL ? (kv_clock){1} : entry->reach,
        .config = members,
    };
}

static void check(const struct history *history, struct kv_prng *prng)
{
    struct node_staging staging = {0};
    struct order *order = new_order(), *source = new_order();
    struct kv_buffer state = {0};
    const uint32_t pruned = (uint32_t)kv_prng_below(prng, prunable(history) + 1);
    const struct raft_persist hard = {
        .kind = RAFT_PERSIST_HARD_STATE, .term = {history->term}, .vote = {1}};
    for (uint32_t i = pruned; i < history->count; i++) {
        const struct raft_persist *record = &history->records[i];
        assert_int_equal(node_staging_add(&staging, record), STATUS_OK);
    }
    assert_int_equal(node_staging_add(&staging, &hard),
                     STATUS_OK); /* it is written again by who prunes */
    order_save(source, &state);
    const struct raft_snapshot_point point = point_at(history, history->base);
    assert_int_equal(node_staging_restore(&staging, history->base == 0 ? NULL : &point,
                                          kv_buffer_slice(&state), order),
                     STATUS_OK);
    const struct raft *raft = order_raft(order);
    assert_int_equal(raft_last(raft).value, history->last);
    assert_int_equal(raft_term(raft).value, history->term);
    for (uint64_t i = history->base + 1; i <= history->last; i++) {
        assert_ptr_equal(raft_entry(raft, (kv_index){i}), history->log[i]);
    }
    kv_buffer_close(&state);
    node_staging_close(&staging);
    order_destroy(&order);
    order_destroy(&source);
}

static void entries_behind_the_checkpoint_are_what_was_written_last(void **state)
{
    (void)state;
    static struct history history;
    for (uint64_t run = 0; run < RUNS; run++) {
        struct kv_prng prng;
        kv_prng_init(&prng, run);
        history = (struct history){0};
        add_hard_state(&history);
        const uint64_t steps = kv_prng_between(&prng, 1, RECORDS_MAX / 2);
        for (uint64_t i = 0; i < steps; i++) {
            grow(&history, &prng);
        }
        check(&history, &prng);
        for (uint32_t i = 0; i < history.count; i++) {
            wire_entry_drop(&history.records[i].entry);
        }
    }
}

static void a_checkpoint_that_is_older_than_the_log_reaches_is_refused(void **state)
{
    (void)state;
    static struct history history;
    history = (struct history){0};
    add_hard_state(&history);
    for (uint64_t i = 1; i <= 10; i++) {
        add_entry(&history, i);
    }
    struct kv_buffer saved = {0};
    struct order *source = new_order();
    order_save(source, &saved);
    for (uint32_t first = 1; first <= 10; first++) { /* the log begins with entry `first` */
        struct node_staging staging = {0};
        assert_int_equal(node_staging_add(&staging, &history.records[0]), STATUS_OK);
        for (uint32_t i = first; i <= 10; i++) {
            assert_int_equal(node_staging_add(&staging, &history.records[i]), STATUS_OK);
        }
        for (uint64_t base = 0; base <= 10; base++) {
            struct order *order = new_order();
            const struct raft_snapshot_point point = point_at(&history, base);
            assert_int_equal(node_staging_restore(&staging, base == 0 ? NULL : &point,
                                                  kv_buffer_slice(&saved), order),
                             base + 1 >= first ? STATUS_OK : STATUS_CORRUPT);
            order_destroy(&order);
        }
        node_staging_close(&staging);
    }
    kv_buffer_close(&saved);
    order_destroy(&source);
    for (uint32_t i = 0; i < history.count; i++) {
        wire_entry_drop(&history.records[i].entry);
    }
}

/* The power went between a checkpoint that came from elsewhere and the record that says so. */
static void entries_that_do_not_follow_the_checkpoint_are_not_taken(void **state)
{
    (void)state;
    static struct history history;
    history = (struct history){0};
    struct node_staging staging = {0};
    struct kv_buffer saved = {0};
    add_hard_state(&history);
    for (uint64_t i = 1; i <= 10; i++) {
        add_entry(&history, i);
    }
    add_hard_state(&history);
    for (uint32_t i = 0; i < history.count; i++) {
        assert_int_equal(node_staging_add(&staging, &history.records[i]), STATUS_OK);
    }
    struct order *source = new_order(), *order = new_order();
    order_save(source, &saved);
    struct raft_snapshot_point point = point_at(&history, 6);
    point.term.value = 2; /* another leader's entry 6 */
    assert_int_equal(node_staging_restore(&staging, &point, kv_buffer_slice(&saved), order),
                     STATUS_OK);
    assert_int_equal(raft_last(order_raft(order)).value, 6);
    kv_buffer_close(&saved);
    node_staging_close(&staging);
    order_destroy(&source);
    order_destroy(&order);
    for (uint32_t i = 0; i < history.count; i++) {
        wire_entry_drop(&history.records[i].entry);
    }
}

/* What is left of a restart from a checkpoint at `index` of another leader, `last` entries having been there before: the record that it
 * writes first, if it does, and one entry behind. Returns the last index that the next restart has. */
static uint64_t last_after_restarts(uint64_t last, uint64_t index, bool foreign)
{
    static struct history history;
    history = (struct history){0};
    struct node_staging staging = {0};
    struct kv_buffer saved = {0};
    add_hard_state(&history);
    for (uint64_t i = 1; i <= last; i++) {
        add_entry(&history, i);
    }
    for (uint32_t i = 0; i < history.count; i++) {
        assert_int_equal(node_staging_add(&staging, &history.records[i]), STATUS_OK);
    }
    struct raft_persist installed = {
        .kind = RAFT_PERSIST_SNAPSHOT,
        .point = {{index}, {foreign ? 2 : 1}, {INDEX_MAX + index}, members}};
    assert_int_equal(node_staging_is_overtaken(&staging, &installed.point), foreign);
    if (foreign) {
        assert_int_equal(node_staging_add(&staging, &installed), STATUS_OK);
    }
    add_hard_state(&history);
    add_entry(&history, index + 1);
    for (uint32_t i = history.count - 2; i < history.count; i++) {
        assert_int_equal(node_staging_add(&staging, &history.records[i]), STATUS_OK);
    }
    struct order *source = new_order(), *order = new_order();
    order_save(source, &saved);
    assert_int_equal(
        node_staging_restore(&staging, &installed.point, kv_buffer_slice(&saved), order),
        STATUS_OK);
    const uint64_t restored = raft_last(order_raft(order)).value;
    kv_buffer_close(&saved);
    node_staging_close(&staging);
    order_destroy(&source);
    order_destroy(&order);
    for (uint32_t i = 0; i < history.count; i++) {
        wire_entry_drop(&history.records[i].entry);
    }
    return restored;
}

/* It would be refused, or taken for a continuation of what was given up and dropped with it. */
static void
what_is_written_behind_a_checkpoint_from_elsewhere_survives_the_next_restart(void **state)
{
    (void)state;
    assert_int_equal(last_after_restarts(3, 5, true), 6);
    assert_int_equal(last_after_restarts(10, 6, true), 7);
    assert_int_equal(last_after_restarts(6, 6, false), 7);
}

static void records_that_cannot_follow_each_other_are_refused(void **state)
{
    (void)state;
    static struct history history;
    history = (struct history){0};
    struct node_staging staging = {0};
    add_hard_state(&history);
    add_entry(&history, 1);
    add_entry(&history, 3);
    assert_int_equal(node_staging_add(&staging, &history.records[0]), STATUS_OK);
    assert_int_equal(node_staging_add(&staging, &history.records[1]), STATUS_OK);
    assert_int_equal(node_staging_add(&staging, &history.records[2]), STATUS_CORRUPT);
    struct raft_persist back = {.kind = RAFT_PERSIST_HARD_STATE, .term = {0}};
    assert_int_equal(node_staging_add(&staging, &back), STATUS_CORRUPT);
    back.term.value = 1;
    back.vote.value = 2; /* a second vote in the same term */
    assert_int_equal(node_staging_add(&staging, &back), STATUS_CORRUPT);
    node_staging_close(&staging);
    for (uint32_t i = 0; i < history.count; i++) {
        wire_entry_drop(&history.records[i].entry);
    }
}

static void a_member_without_records_is_blank_and_any_record_ends_that(void **state)
{
    (void)state;
    struct node_staging staging = {0};
    struct order *order = new_order();
    assert_int_equal(node_staging_restore(&staging, NULL, (kv_slice){0}, order), STATUS_OK);
    assert_true(raft_is_blank(order_raft(order)));
    order_destroy(&order);

    const struct raft_persist founded = {
        .kind = RAFT_PERSIST_HARD_STATE,
        .roll = {.origin = RAFT_ORIGIN_FOUNDED, .founders = {.count = 1, .members = {{{1}, {7}}}}}};
    assert_int_equal(node_staging_add(&staging, &founded), STATUS_OK);
    order = new_order();
    assert_int_equal(node_staging_restore(&staging, NULL, (kv_slice){0}, order), STATUS_OK);
    assert_false(raft_is_blank(order_raft(order)));
    assert_int_equal(raft_roll(order_raft(order))->founders.members[0].tag.value, 7);
    order_destroy(&order);
    node_staging_close(&staging);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_without_records_is_blank_and_any_record_ends_that),
        cmocka_unit_test(entries_behind_the_checkpoint_are_what_was_written_last),
        cmocka_unit_test(a_checkpoint_that_is_older_than_the_log_reaches_is_refused),
        cmocka_unit_test(entries_that_do_not_follow_the_checkpoint_are_not_taken),
        cmocka_unit_test(
            what_is_written_behind_a_checkpoint_from_elsewhere_survives_the_next_restart),
        cmocka_unit_test(records_that_cannot_follow_each_other_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
