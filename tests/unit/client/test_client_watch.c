/* SPDX-License-Identifier: Apache-2.0 */
/* How a watch goes from node to node, and whom it believes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>

#include "client/lib/kv_internal.h"
#include "tests/unit/client/fake_server.h"

/* Nodes of a small map, as bits: bit i is node i. */
#define NODES_MAX 6

static kv_node_id next_of(uint32_t map, kv_node_id last)
{
    for (uint16_t i = 1; i <= NODES_MAX; i++) {
        const uint16_t node = (uint16_t)(1 + (last.value + i - 1) % NODES_MAX);
        if ((map & 1U << node) != 0) {
            return (kv_node_id){node};
        }
    }
    return KV_NODE_NONE;
}

/* A round that began at a node, with this map from then on: how many other nodes are asked. */
static uint32_t others_asked(uint32_t map, kv_node_id began)
{
    kv_node_id node = began;
    for (uint32_t asked = 0; asked <= NODES_MAX; asked++) {
        const kv_node_id next = next_of(map, node);
        if (kv_is_round_over(node, next, began)) {
            return asked;
        }
        node = next;
    }
    fail_msg("the round does not end");
    return 0;
}

static void a_round_asks_every_node_once_and_ends_also_when_its_first_one_has_left(void **state)
{
    (void)state;
    for (uint32_t map = 0; map < 2U << NODES_MAX; map += 2) { /* no node is 0 */
        for (uint16_t began = 1; began <= NODES_MAX; began++) {
            const uint32_t others = (uint32_t)__builtin_popcount(map & ~(1U << began));
            const bool last_is_none = map == 0;
            assert_int_equal(others_asked(map, (kv_node_id){began}), last_is_none ? 0 : others);
        }
    }
}

static void what_has_come_is_taken_before_a_node_is_called_silent(void **state)
{
    struct fake_server *server = fake_server_start("tcp://127.0.0.1:*");
    kv_client *client = NULL;
    kv_watch *watch = NULL;
    kv_watch_position at;
    kv_change change;
    (void)state;
    assert_int_equal(kv_client_open(fake_server_address(server), NULL, &client), KV_OK);
    fake_server_watch(server, "cccccccccccccccc");
    assert_int_equal(kv_watch_open(client, kv_bytes_of("k", 1), NULL, 0, 5000, &watch), KV_OK);
    while (kv_watch_next(watch, 0, &change)) {
    }
    /* A question is out, and is answered while this thread does something else, for longer than an answer may take. */
    assert_int_equal(kv_watch_positions(watch, &at, 1), 1);
    (void)poll(NULL, 0, 2100);
    assert_true(kv_watch_next(watch, 0, &change));
    assert_int_equal(change.kind, KV_CHANGE_PUT + at.index % 2);
    assert_int_equal(change.index, at.index);
    kv_watch_close(&watch);
    kv_client_close(&client);
    fake_server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_asks_every_node_once_and_ends_also_when_its_first_one_has_left),
        cmocka_unit_test(what_has_come_is_taken_before_a_node_is_called_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
