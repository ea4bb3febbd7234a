/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's own parts: event queue, packets, network and disk. A simulator that is wrong
 * finds nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_parameters.h"

/* ---- Queue ---- */

static void test_events_come_out_in_the_order_of_time_and_ties_in_the_order_of_pushing(void **state)
{
    (void)state;
    struct sim_queue queue = {0};
    struct kv_prng prng;
    kv_prng_init(&prng, 3);
    for (uint32_t i = 0; i < 2000; i++) {
        sim_queue_push(&queue, (struct sim_event){.at = kv_prng_below(&prng, 50), .number = i});
    }
    struct sim_event before = {0}, event;
    uint32_t count = 0;
    while (sim_queue_pop(&queue, &event)) {
        assert_true(event.at > before.at ||
                    (event.at == before.at && (count == 0 || event.number > before.number)));
        before = event;
        count++;
    }
    assert_int_equal(count, 2000);
    sim_queue_close(&queue);
}

/* ---- Packets ---- */

static void check_append_packet(bool framed)
{
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, kv_slice_of_text("body"));
    entry->index.value = 8;
    entry->term.value = 3;
    entry->destinations.bits = 2;
    entry->timestamp = (kv_timestamp){{5}, {1}};
    entry->reach.value = 5;
    struct wire_message message = {
        .kind = WIRE_MESSAGE_APPEND, .group = {1}, .from = {2}, .to = {3}};
    message.as.append =
        (struct wire_append){.term = {3}, .previous_index = {7}, .count = 1, .entries = &entry};
    struct sim_packet *packet = sim_packet_new(2, 3, &message, framed);
    assert_int_equal(entry->references, framed ? 1 : 2);
    wire_entry_drop(&entry);

    struct wire_frame_reader reader = {0};
    struct wire_message opened;
    assert_int_equal(sim_packet_open(packet, &reader, &opened), STATUS_OK);
    assert_int_equal(opened.kind, WIRE_MESSAGE_APPEND);
    assert_int_equal(opened.to.value, 3);
    assert_int_equal(opened.as.append.previous_index.value, 7);
    assert_int_equal(opened.as.append.entries[0]->index.value, 8);
    assert_memory_equal(opened.as.append.entries[0]->body, "body", 4);
    wire_frame_reader_close(&reader);
    sim_packet_drop(&packet);
    assert_null(packet);
}

static void test_a_packet_carries_a_message_and_its_entries_as_a_copy(void **state)
{
    (void)state;
    check_append_packet(false);
}

static void test_a_framed_packet_carries_the_same_through_the_codec(void **state)
{
    (void)state;
    check_append_packet(true);
}

static void test_a_packet_owns_the_bytes_of_a_body(void **state)
{
    (void)state;
    char body[] = "some body";
    struct wire_message message = {.kind = WIRE_MESSAGE_REPLY, .from = {2}};
    message.as.reply =
        (struct wire_reply){.outcome = WIRE_OUTCOME_ANSWERED, .body = kv_slice_of_text(body)};
    struct sim_packet *packet = sim_packet_new(2, SIM_ENDPOINT_CLIENT, &message, false);
    memset(body, 'x', sizeof(body));
    struct wire_frame_reader reader = {0};
    struct wire_message opened;
    assert_int_equal(sim_packet_open(packet, &reader, &opened), STATUS_OK);
    assert_true(kv_slice_equal(opened.as.reply.body, kv_slice_of_text("some body")));
    sim_packet_drop(&packet);
}

/* ---- Network ---- */

static uint32_t arrivals(struct sim_queue *queue, uint64_t *ret_last)
{
    struct sim_event event;
    uint32_t count = 0;
    while (sim_queue_pop(queue, &event)) {
        struct sim_packet *packet = event.payload;
        sim_packet_drop(&packet);
        *ret_last = event.at;
        count++;
    }
    sim_queue_close(queue);
    return count;
}

static uint32_t send_many(struct sim_net_settings settings, bool cut, uint64_t *ret_last)
{
    struct sim_queue queue = {0};
    struct sim_net net;
    settings.seed = 9;
    sim_net_init(&net, &settings, &queue);
    sim_net_set_cut(&net, 1, 2, cut);
    struct wire_message message = {.kind = WIRE_MESSAGE_TIMEOUT_NOW, .from = {1}, .to = {2}};
    for (uint32_t i = 0; i < 1000; i++) {
        sim_net_send(&net, 100, 1, 2, &message);
    }
    return arrivals(&queue, ret_last);
}

static void test_a_good_network_delivers_everything_once_within_the_delay(void **state)
{
    (void)state;
    uint64_t last = 0;
    assert_int_equal(
        send_many((struct sim_net_settings){.delay_us_min = 10, .delay_us_max = 20}, false, &last),
        1000);
    assert_in_range(last, 110, 120);
}

static void test_loss_doubling_and_replay_happen_about_as_often_as_asked(void **state)
{
    (void)state;
    uint64_t last = 0;
    assert_in_range(send_many((struct sim_net_settings){.loss_permille = 300}, false, &last), 600,
                    800);
    assert_in_range(send_many((struct sim_net_settings){.double_permille = 300}, false, &last),
                    1200, 1400);
    assert_in_range(
        send_many((struct sim_net_settings){.replay_permille = 300, .replay_us_max = 9000}, false,
                  &last),
        1200, 1400);
    assert_in_range(last, 8000, 9100);
}

static void test_a_cut_stops_one_direction_until_it_is_mended(void **state)
{
    (void)state;
    uint64_t last = 0;
    assert_int_equal(send_many((struct sim_net_settings){0}, true, &last), 0);
    struct sim_queue queue = {0};
    struct sim_net net;
    sim_net_init(&net, &(struct sim_net_settings){.loss_permille = 1000}, &queue);
    sim_net_set_cut(&net, 1, 2, true);
    sim_net_heal(&net);
    struct wire_message message = {.kind = WIRE_MESSAGE_TIMEOUT_NOW, .from = {1}, .to = {2}};
    sim_net_send(&net, 0, 1, 2, &message);
    sim_net_send(&net, 0, 2, 1, &message);
    assert_int_equal(arrivals(&queue, &last), 2);
}

/* ---- Disk ---- */

static void append_entry(struct sim_disk *disk, uint64_t index, uint64_t term, uint64_t sequence)
{
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_NOOP, (kv_slice){0});
    entry->index.value = index;
    entry->term.value = term;
    sim_disk_append(disk, (kv_group_id){1}, sequence,
                    &(struct raft_persist){.kind = RAFT_PERSIST_ENTRY, .entry = entry});
    wire_entry_drop(&entry);
}

static void test_a_sync_makes_durable_what_was_appended_when_it_began(void **state)
{
    (void)state;
    struct sim_disk disk = {0};
    assert_false(sim_disk_sync_begin(&disk));
    append_entry(&disk, 1, 1, 1);
    assert_true(sim_disk_sync_begin(&disk));
    append_entry(&disk, 2, 1, 2);
    assert_false(sim_disk_sync_begin(&disk)); /* one at a time */
    assert_int_equal(sim_disk_durable_sequence(&disk, (kv_group_id){1}), 0);
    sim_disk_sync_end(&disk);
    assert_int_equal(sim_disk_durable_sequence(&disk, (kv_group_id){1}), 1);
    assert_int_equal(sim_disk_view_last(&disk.views[1]).value, 1);
    assert_true(sim_disk_sync_begin(&disk));
    sim_disk_close(&disk);
}

static void test_a_crash_loses_some_suffix_of_what_was_not_synced_and_nothing_else(void **state)
{
    (void)state;
    bool lost_seen[4] = {false};
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct sim_disk disk = {0};
        struct kv_prng prng;
        kv_prng_init(&prng, seed);
        append_entry(&disk, 1, 1, 1);
        append_entry(&disk, 2, 1, 2);
        (void)sim_disk_sync_begin(&disk);
        sim_disk_sync_end(&disk);
        for (uint64_t i = 3; i <= 5; i++) {
            append_entry(&disk, i, 1, i);
        }
        uint32_t lost = sim_disk_crash(&disk, &prng);
        assert_in_range(lost, 0, 3);
        lost_seen[lost] = true;
        assert_int_equal(disk.count, 5 - lost);
        assert_int_equal(sim_disk_view_last(&disk.views[1]).value, 5 - lost);
        for (uint32_t i = 0; i < disk.count; i++) {
            assert_int_equal(disk.records[i].persist.entry->index.value, i + 1);
        }
        sim_disk_close(&disk);
    }
    assert_true(lost_seen[0] && lost_seen[1] && lost_seen[2] && lost_seen[3]);
}

static void sync(struct sim_disk *disk)
{
    (void)sim_disk_sync_begin(disk);
    sim_disk_sync_end(disk);
}

static void test_the_view_follows_truncation_and_snapshots(void **state)
{
    (void)state;
    struct sim_disk disk = {0};
    const struct sim_disk_view *view = &disk.views[1];
    for (uint64_t i = 1; i <= 6; i++) {
        append_entry(&disk, i, 1, i);
    }
    append_entry(&disk, 4, 2, 7); /* removes 4..6 */
    sync(&disk);
    assert_int_equal(sim_disk_view_last(view).value, 4);
    assert_int_equal(sim_disk_view_term(view, (kv_index){3}).value, 1);
    assert_int_equal(sim_disk_view_term(view, (kv_index){4}).value, 2);
    struct raft_persist snapshot = {
        .kind = RAFT_PERSIST_SNAPSHOT, .point = {.index = {3}, .term = {1}}, .keeps_log = true};
    sim_disk_append(&disk, (kv_group_id){1}, 8, &snapshot);
    sync(&disk);
    assert_int_equal(view->base.value, 3);
    assert_int_equal(sim_disk_view_last(view).value, 4);
    assert_int_equal(sim_disk_view_term(view, (kv_index){4}).value, 2);
    snapshot =
        (struct raft_persist){.kind = RAFT_PERSIST_SNAPSHOT, .point = {.index = {9}, .term = {3}}};
    sim_disk_append(&disk, (kv_group_id){1}, 9, &snapshot);
    sync(&disk);
    assert_int_equal(sim_disk_view_last(view).value, 9);
    assert_int_equal(sim_disk_view_term(view, (kv_index){9}).value, 3);
    sim_disk_close(&disk);
}

static void put_snapshot(struct sim_disk *disk, uint64_t index)
{
    struct sim_snapshot *snapshot = kv_alloc_zero(1, sizeof(*snapshot));
    snapshot->group.value = 1;
    snapshot->point.index.value = index;
    sim_disk_put_snapshot(disk, snapshot);
}

static void test_a_snapshot_file_is_kept_until_the_record_of_a_newer_one_is_durable(void **state)
{
    (void)state;
    struct sim_disk disk = {0};
    put_snapshot(&disk, 3);
    put_snapshot(&disk, 5);
    struct raft_persist record = {.kind = RAFT_PERSIST_SNAPSHOT,
                                  .point = {.index = {5}, .term = {1}}};
    sim_disk_append(&disk, (kv_group_id){1}, 1, &record);
    assert_non_null(sim_disk_snapshot(&disk, (kv_group_id){1}, (kv_index){3}));
    sync(&disk);
    assert_null(sim_disk_snapshot(&disk, (kv_group_id){1}, (kv_index){3}));
    assert_non_null(sim_disk_snapshot(&disk, (kv_group_id){1}, (kv_index){5}));
    sim_disk_close(&disk);
}

/* ---- Parameters ---- */

static void test_a_seed_always_draws_the_same_and_seeds_differ(void **state)
{
    (void)state;
    struct sim_parameters a, b;
    sim_parameters_draw(5, SIM_PROFILE_ALL, &a);
    sim_parameters_draw(5, SIM_PROFILE_ALL, &b);
    assert_memory_equal(&a, &b, sizeof(a));
    sim_parameters_draw(6, SIM_PROFILE_ALL, &b);
    assert_memory_not_equal(&a, &b, sizeof(a));
}

static void test_every_fault_is_on_in_some_seeds_and_off_in_others(void **state)
{
    (void)state;
    struct sim_parameters p;
    uint32_t crash = 0, loss = 0, pause = 0, change = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        sim_parameters_draw(seed, SIM_PROFILE_ALL, &p);
        crash += p.crash_weight > 0;
        loss += p.loss_permille > 0;
        pause += p.pause_weight > 0;
        change += p.change_weight > 0;
        assert_true(p.members <= p.nodes && p.heartbeat_us * 3 <= p.election_us);
    }
    assert_in_range(crash, 50, 150);
    assert_in_range(loss, 50, 150);
    assert_in_range(pause, 50, 150);
    assert_in_range(change, 20, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_events_come_out_in_the_order_of_time_and_ties_in_the_order_of_pushing),
        cmocka_unit_test(test_a_packet_carries_a_message_and_its_entries_as_a_copy),
        cmocka_unit_test(test_a_framed_packet_carries_the_same_through_the_codec),
        cmocka_unit_test(test_a_packet_owns_the_bytes_of_a_body),
        cmocka_unit_test(test_a_good_network_delivers_everything_once_within_the_delay),
        cmocka_unit_test(test_loss_doubling_and_replay_happen_about_as_often_as_asked),
        cmocka_unit_test(test_a_cut_stops_one_direction_until_it_is_mended),
        cmocka_unit_test(test_a_sync_makes_durable_what_was_appended_when_it_began),
        cmocka_unit_test(test_a_crash_loses_some_suffix_of_what_was_not_synced_and_nothing_else),
        cmocka_unit_test(test_the_view_follows_truncation_and_snapshots),
        cmocka_unit_test(test_a_snapshot_file_is_kept_until_the_record_of_a_newer_one_is_durable),
        cmocka_unit_test(test_a_seed_always_draws_the_same_and_seeds_differ),
        cmocka_unit_test(test_every_fault_is_on_in_some_seeds_and_off_in_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
