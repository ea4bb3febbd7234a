/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_save: the registry as bytes, and back.
 *
 *   u8 form (1)  u32 partitions  u32 sessions, then for each in the order of opening:
 *   u64+u16 id  u64 nonce */
#include "oracle/oracle_internal.h"
#include "partition/engine/state_bytes.h"

#define ORACLE_SAVE_FORM 1

void oracle_save(const struct oracle_machine *machine, struct kv_buffer *ret)
{
    state_write_u8(ret, ORACLE_SAVE_FORM);
    state_write_u32(ret, machine->partitions);
    state_write_u32(ret, machine->sessions.count);
    for (const struct oracle_session *session = machine->sessions.by_id; session != NULL;
         session = session->by_id.next) {
        state_write_timestamp(ret, oracle_session_id(session).registered);
        state_write_u64(ret, session->nonce);
    }
}

/* Ids are the timestamps of the openings: they ascend. */
static bool oracle_load_session(struct oracle_machine *machine, struct state_reader *reader,
                                kv_session_id *before)
{
    kv_session_id id;
    id.registered = state_read_timestamp(reader);
    const uint64_t nonce = state_read_u64(reader);
    if (reader->failed || kv_session_is_none(id) || kv_session_compare(id, *before) <= 0 ||
        id.registered.group.value >= KV_GROUPS_MAX ||
        oracle_session_by_nonce(&machine->sessions, nonce) != NULL) {
        return false;
    }
    oracle_session_open(&machine->sessions, id, nonce);
    *before = id;
    return true;
}

bool oracle_load(struct oracle_machine *machine, kv_slice bytes)
{
    struct state_reader reader = {bytes, false};
    if (state_read_u8(&reader) != ORACLE_SAVE_FORM ||
        state_read_u32(&reader) != machine->partitions) {
        return false;
    }
    const uint32_t count = state_read_u32(&reader);
    if (reader.failed || count > machine->sessions.max) {
        return false;
    }
    kv_session_id before = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (!oracle_load_session(machine, &reader, &before)) {
            return false;
        }
    }
    return state_reader_is_done(&reader);
}
