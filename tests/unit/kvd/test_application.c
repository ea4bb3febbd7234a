/* SPDX-License-Identifier: Apache-2.0 */
/* The application of a partition whose rows on disk are damaged tells nobody anything any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "multicast/base/assert.h"
#include "multicast/wire/command.h"
#include "oracle/kvd/application.h"
#include "partition/kv/kv_machine.h"
#include "tests/unit/store/memory_base.h"

/* The machine that the application is given, whose rows the test can reach. */
static struct machine given;

static struct machine give_machine(kv_group_id group, uint32_t partitions)
{
    given = kv_machine_new(group, partitions);
    return given;
}

/* One row, in a base that the test can damage. */
static struct memory_base *put_row(kv_slice key)
{
    struct machine_store stores[MACHINE_STORES_MAX];
    struct store_layer layer;
    struct kv_map *written = NULL;
    KV_ASSERT(given.ops->stores(given.state, stores) >= 1);
    store_put(stores[0].store, key, kv_slice_of_text("value"), (kv_timestamp){{1}, {1}});
    store_freeze(stores[0].store, &layer);
    struct memory_base *base = memory_base_new(NULL, &layer);
    const struct store_base of = memory_base_of(base);
    assert_int_equal(store_thaw(stores[0].store, &of, &written), STATUS_OK);
    kv_map_destroy(&written);
    return base;
}

static bool can_read(const struct node_application *application, kv_slice key)
{
    static struct wire_command command;
    struct node_read_answer answer;
    struct kv_buffer body = {0};
    wire_command_begin(&command, WIRE_OP_GET);
    command.keys[command.key_count++] = key;
    wire_command_encode(&command, &body);
    const bool can =
        application->ops->stale_read(application->state, kv_buffer_slice(&body), &answer);
    kv_buffer_close(&body);
    return can;
}

static bool can_watch(const struct node_application *application)
{
    struct node_changes changes;
    struct kv_buffer bytes = {0};
    const bool can = application->ops->changes(
        application->state, /* position */ 0, &(struct node_watching){.from = 0}, &bytes, &changes);
    kv_buffer_close(&bytes);
    return can;
}

static void changes_of_a_damaged_store_are_not_told(void **state)
{
    static struct node_config config;
    struct application_context context = {
        .config = &config, .self = {1}, .state_bytes = 1 << 20, .machine = give_machine};
    const kv_slice key = kv_slice_of_text("k");
    (void)state;
    node_config_single(&config, "tcp://127.0.0.1:*", 1);
    const struct node_application application = application_new((kv_group_id){1}, &context);
    struct memory_base *base = put_row(key);
    assert_true(can_read(&application, key));
    assert_true(can_watch(&application));
    memory_base_damage(base, key);
    assert_true(can_watch(&application)); /* nobody has met it yet */
    assert_false(can_read(&application, key));
    assert_false(can_watch(&application));
    application.ops->destroy(application.state);
    memory_base_destroy(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_of_a_damaged_store_are_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
