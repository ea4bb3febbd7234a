/* SPDX-License-Identifier: Apache-2.0 */
/* engine_judge: whether a message may run. All of "exactly once" is decided here, from replicated
 * state only.
 *
 * Delivery asks with the floor raised by the message itself; what it says there is final. Admission
 * asks before a message is ordered, at a member that may lag behind: there it is a hint that saves
 * a place in the log.
 *
 * Whether an earlier attempt has finished depends on when votes arrived, so a judgement at delivery never looks at that: only at
 * which attempts have been delivered. */
#include "partition/engine/engine_internal.h"

static enum engine_judgement engine_judge_same(const struct engine_record *record)
{
    if (record->running) {
        return ENGINE_JUDGED_RUNNING;
    }
    /* [X3] A copy of a known message is answered from its record; without its body nothing can
     * be said about it. */
    return record->size > 0 ? ENGINE_JUDGED_RECORDED : ENGINE_JUDGED_REFUSED;
}

/* A message whose sequence has a record. */
static enum engine_judgement engine_judge_recorded(const struct engine_record *record,
                                                   uint32_t attempt)
{
    const uint32_t mine = engine_attempt_rank(attempt);
    const uint32_t theirs = engine_attempt_rank(record->attempt);
    if (mine > theirs) {
        return ENGINE_JUDGED_EXECUTE; /* [X2] the client has had a NO to the earlier one */
    }
    if (mine == theirs || attempt == (record->attempt & KV_ATTEMPT_MAX)) {
        return engine_judge_same(record); /* or one that the oracle has sent on for it [D5] */
    }
    /* [X2] The later attempt exists because this one had a definitive NO: it is a late
     * duplicate, or one that another destination has refused already. */
    return ENGINE_JUDGED_REFUSED;
}

enum engine_judgement engine_judge(const struct engine_sessions *sessions,
                                   const struct engine_session *session, kv_message_id id,
                                   uint64_t floor, struct engine_record **ret)
{
    *ret = NULL;
    const bool ended = session != NULL && session->floor == ENGINE_SESSION_ENDED;
    if (ended || (session == NULL && !engine_session_is_new(sessions, id.session))) {
        return ENGINE_JUDGED_SESSION_UNKNOWN;
    }
    if (session != NULL && session->floor > floor) {
        floor = session->floor;
    }
    if (id.sequence <= floor) {
        return ENGINE_JUDGED_REFUSED; /* [X8, X10] */
    }
    if (id.sequence - floor > KV_SESSION_OUTSTANDING_MAX) {
        return ENGINE_JUDGED_BEYOND; /* E5 */
    }
    struct engine_record *record =
        session == NULL ? NULL : engine_record_find(session, id.sequence);
    if (record == NULL) {
        return ENGINE_JUDGED_EXECUTE;
    }
    const enum engine_judgement judgement = engine_judge_recorded(record, id.attempt);
    if (judgement == ENGINE_JUDGED_RECORDED) {
        *ret = record;
    }
    return judgement;
}
