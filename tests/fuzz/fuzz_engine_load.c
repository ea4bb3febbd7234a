/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_engine_load: saved states as an adversary would write them.
 *
 * The first byte says who loads the rest: the KV machine, the oracle, or an engine with either,
 * whose checksum is made right first. Whatever is taken must be a valid state that saves as the
 * same bytes; whatever is refused must leave nothing behind. */
#include <endian.h>
#include <string.h>

#include "oracle/oracle_machine.h"
#include "partition/engine/engine_internal.h"
#include "partition/kv/kv_machine.h"

#define SESSIONS_MAX 16
#define PARTITIONS   1

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct machine new_machine(bool oracle)
{
    return oracle ? oracle_machine_new(PARTITIONS, SESSIONS_MAX)
                  : kv_machine_new((kv_group_id){1}, PARTITIONS);
}

static void load_machine(bool oracle, kv_slice bytes)
{
    struct machine machine = new_machine(oracle);
    const uint64_t empty = machine.ops->digest(machine.state);
    if (machine.ops->load(machine.state, bytes, /* bases */ NULL) == STATUS_OK) {
        struct kv_buffer again = {0};
        machine.ops->save(machine.state, /* rows */ true, &again);
        KV_ASSERT(kv_slice_equal(kv_buffer_slice(&again), bytes));
        kv_buffer_close(&again);
    } else {
        KV_ASSERT(machine.ops->digest(machine.state) == empty);
        KV_ASSERT(machine.ops->keys(machine.state) == 0);
    }
    machine.ops->destroy(machine.state);
}

static void load_engine(bool oracle, kv_slice bytes)
{
    struct kv_buffer sealed = {0};
    struct kv_buffer again = {0};
    struct engine *engine =
        engine_new((kv_group_id){oracle ? 0 : 1}, new_machine(oracle), SESSIONS_MAX);
    const uint64_t empty = engine_digest(engine);
    kv_buffer_append(&sealed, bytes.data, bytes.size);
    const uint64_t sum = htole64(engine_hash(bytes.data, bytes.size));
    kv_buffer_append(&sealed, &sum, sizeof(sum));
    if (engine_load(engine, kv_buffer_slice(&sealed)) == STATUS_OK) {
        engine_save(engine, &again);
        KV_ASSERT(kv_slice_equal(kv_buffer_slice(&again), kv_buffer_slice(&sealed)));
    } else {
        KV_ASSERT(engine_digest(engine) == empty);
        KV_ASSERT(engine_keys(engine) == 0 && engine_sessions(engine) == 0);
    }
    engine_check(engine);
    engine_destroy(&engine);
    kv_buffer_close(&sealed);
    kv_buffer_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const kv_slice rest = kv_slice_of(data + 1, size - 1);
    const bool oracle = (data[0] & 1) != 0;
    if ((data[0] & 2) != 0) {
        load_engine(oracle, rest);
    } else {
        load_machine(oracle, rest);
    }
    return 0;
}
