/* SPDX-License-Identifier: Apache-2.0 */
/* model: see model.h. */
#include "tests/unit/engine/model.h"

#include <string.h>

#include "multicast/base/assert.h"

enum model_outcome model_look(const struct model *model, kv_message_id id, uint64_t floor)
{
    const uint64_t clock = id.session.registered.clock.value;
    const struct model_session *session = &model->sessions[clock];
    if (!session->known && clock <= model->session_floor) {
        return MODEL_SESSION_UNKNOWN;
    }
    if (session->known && session->floor > floor) {
        floor = session->floor;
    }
    if (id.sequence <= floor) {
        return MODEL_REFUSED;
    }
    const struct model_record *record = &session->records[id.sequence];
    if (!session->known || record->attempt == 0) {
        return MODEL_RUNS;
    }
    if (record->attempt == id.attempt) {
        return MODEL_RECORDED;
    }
    return record->attempt > id.attempt ? MODEL_REFUSED : MODEL_RUNS;
}

static void model_make_room(struct model *model)
{
    uint32_t known = 0;
    uint32_t oldest = 0;
    for (uint32_t i = 1; i <= MODEL_SESSIONS; i++) {
        if (model->sessions[i].known) {
            known++;
            if (oldest == 0 || model->sessions[i].last < model->sessions[oldest].last) {
                oldest = i;
            }
        }
    }
    if (known < model->sessions_max) {
        return;
    }
    memset(&model->sessions[oldest], 0, sizeof(model->sessions[oldest]));
    if (oldest > model->session_floor) {
        model->session_floor = oldest;
    }
}

enum model_outcome model_deliver(struct model *model, kv_message_id id, uint64_t floor, uint64_t at,
                                 bool done)
{
    const uint64_t clock = id.session.registered.clock.value;
    const enum model_outcome outcome = model_look(model, id, floor);
    if (outcome == MODEL_SESSION_UNKNOWN) {
        return outcome;
    }
    struct model_session *session = &model->sessions[clock];
    if (!session->known) {
        model_make_room(model);
        session->known = true;
    }
    session->last = at;
    if (floor > session->floor) {
        session->floor = floor;
    }
    if (outcome == MODEL_RUNS) {
        KV_ASSERT(!model->ran[clock][id.sequence][id.attempt]); /* E1 */
        model->ran[clock][id.sequence][id.attempt] = true;
        session->records[id.sequence] = (struct model_record){id.attempt, done, at};
    }
    return outcome;
}
