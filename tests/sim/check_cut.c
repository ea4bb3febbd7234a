/* SPDX-License-Identifier: Apache-2.0 */
/* check_cut: see the header. */
#include "tests/sim/check_cut.h"

#include "multicast/base/assert.h"
#include "oracle/oracle_machine.h"
#include "partition/kv/kv_machine.h"
#include "tests/reference/reference_places.h"

static const struct check_cut_state *find(const struct check_cut *check, kv_timestamp timestamp,
                                          kv_group_id group)
{
    for (uint32_t i = 0; i < check->count; i++) {
        if (kv_group_equal(check->states[i].group, group) &&
            kv_timestamp_compare(check->states[i].timestamp, timestamp) == 0) {
            return &check->states[i];
        }
    }
    return NULL;
}

void check_cut_keep(struct check_cut *check, kv_timestamp timestamp, kv_group_id group,
                    const struct engine *engine)
{
    if (find(check, timestamp, group) != NULL) {
        return; /* another leader of the group has cut, too */
    }
    if (check->count == check->capacity) {
        check->capacity = 2 * check->capacity + 16;
        check->states = kv_realloc(check->states, check->capacity * sizeof(*check->states));
    }
    struct check_cut_state *state = &check->states[check->count++];
    *state = (struct check_cut_state){.timestamp = timestamp, .group = group};
    engine_save(engine, &state->state);
}

static struct engine *engine_of(const struct check_cut_state *state, uint32_t partitions,
                                struct sim_report *report)
{
    const struct machine machine = kv_group_equal(state->group, KV_GROUP_ORACLE)
                                       ? oracle_machine_new(partitions, 0)
                                       : kv_machine_new(state->group, partitions);
    struct engine *engine = engine_new(state->group, machine, 0);
    if (engine_load(engine, kv_buffer_slice(&state->state)) != STATUS_OK ||
        engine_begin_anew(engine, state->timestamp, state->timestamp) != STATUS_OK) {
        sim_report_fail(report, "cut", "group %u has cut what is no cut",
                        (unsigned)state->group.value);
    } else {
        engine_check(engine);
    }
    return engine;
}

/* The engines that begin anew with the states of all groups; false: not all have cut. */
static bool begin_anew(const struct check_cut *check, kv_timestamp timestamp, uint32_t groups,
                       struct engine **engines, struct sim_report *report)
{
    for (uint32_t g = 0; g < groups; g++) {
        if (find(check, timestamp, (kv_group_id){(uint16_t)g}) == NULL) {
            return false;
        }
    }
    for (uint32_t g = 0; g < groups; g++) {
        engines[g] =
            engine_of(find(check, timestamp, (kv_group_id){(uint16_t)g}), groups - 1, report);
    }
    return true;
}

static void end(struct check_cut *check, struct engine **engines, uint32_t groups)
{
    for (uint32_t g = 0; g < groups; g++) {
        engine_destroy(&engines[g]);
    }
    check->checked++;
}

void check_cut_at(struct check_cut *check, kv_timestamp timestamp,
                  const struct reference *reference, uint32_t groups, struct sim_report *report)
{
    struct engine *engines[KV_GROUPS_MAX];
    char text[REFERENCE_TEXT_BYTES];
    if (!begin_anew(check, timestamp, groups, engines, report)) {
        return;
    }
    if (!report->failed && !reference_places_agree(reference, engines, groups - 1, text)) {
        sim_report_fail(report, "cut", "at the mark: %s", text);
    }
    end(check, engines, groups);
}

void check_cut_places(struct check_cut *check, const kv_slice *keys, uint32_t key_count,
                      uint32_t groups, struct sim_report *report)
{
    struct engine *engines[KV_GROUPS_MAX];
    char text[REFERENCE_TEXT_BYTES];
    for (uint32_t i = 0; i < check->count; i++) {
        const struct check_cut_state *state = &check->states[i];
        if (!kv_group_equal(state->group, KV_GROUP_ORACLE) ||
            !begin_anew(check, state->timestamp, groups, engines, report)) {
            continue;
        }
        for (uint32_t k = 0; k < key_count && !report->failed; k++) {
            if (!reference_place_is_one(keys[k], engines, groups - 1, text)) {
                sim_report_fail(report, "cut", "at the mark: %s", text);
            }
        }
        end(check, engines, groups);
    }
}

void check_cut_close(struct check_cut *check)
{
    for (uint32_t i = 0; i < check->count; i++) {
        kv_buffer_close(&check->states[i].state);
    }
    kv_free(check->states);
}
