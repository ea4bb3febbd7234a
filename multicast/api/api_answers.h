/* SPDX-License-Identifier: Apache-2.0 */
/* api_answers: the answers that a group's clients may still ask for, by session and sequence.
 *
 * A client's messages carry a floor: it has the answers up to there. Bounded: API_SESSIONS_MAX sessions, of which the one used least
 * recently is forgotten, and API_ANSWERS_MAX answers of a session, of which the oldest are. What is forgotten is refused, never
 * executed again: the order remembers ids by itself. */
#ifndef KV_API_ANSWERS_H
#define KV_API_ANSWERS_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"
#include "multicast/base/limits.h"

#define API_SESSIONS_MAX KV_SESSIONS_MAX
#define API_ANSWERS_MAX  KV_SESSION_OUTSTANDING_MAX

struct api_session;

struct api_answers {
    struct api_session *by_id;
    struct api_session *oldest, *newest; /* by last use */
    uint32_t count;
};

struct api_answer {
    uint64_t sequence;
    kv_timestamp timestamp;
    kv_index index;
    struct kv_buffer body;
};

enum api_answer_state { API_ANSWER_NONE, API_ANSWER_KNOWN, API_ANSWER_DROPPED };

/* KNOWN: *ret is borrowed until the next change. DROPPED: the client said that it needs it no more, or it is too old. */
enum api_answer_state api_answers_find(const struct api_answers *answers, kv_message_id id,
                                       const struct api_answer **ret);

/* Keep a copy of an answer, and drop those at or below the floor. */
void api_answers_add(struct api_answers *answers, kv_message_id id, uint64_t floor,
                     kv_timestamp timestamp, kv_index index, kv_slice body);

uint32_t api_answers_sessions(const struct api_answers *answers);
void api_answers_close(struct api_answers *answers);

#endif
