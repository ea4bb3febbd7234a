/* SPDX-License-Identifier: Apache-2.0 */
/* order_sessions: ids of messages whose records are gone (rule 36): a floor for each session and the ids above it.
 *
 * An id at or below its session's floor, or in its set, is forgotten: it was in this log, or its client will never need it. When
 * the table is full, the session used least recently is dropped; ids of unknown sessions at or below the highest dropped one
 * may be late duplicates and count as below the floor. */
#ifndef KV_ORDER_SESSIONS_H
#define KV_ORDER_SESSIONS_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"
#include "multicast/base/status.h"

struct order_session;

struct order_sessions {
    struct order_session *by_id;
    struct order_session *oldest, *newest; /* by last use */
    uint32_t count;
    uint32_t max;
    kv_session_id dropped; /* highest id ever dropped */
};

enum order_id_state {
    ORDER_ID_NEW,
    ORDER_ID_FORGOTTEN,  /* it was delivered here */
    ORDER_ID_BELOW_FLOOR /* it was, or its client has given it up */
};

enum order_id_state order_sessions_look(const struct order_sessions *sessions, kv_message_id id);

/* Remember an id whose record is gone. */
void order_sessions_forget(struct order_sessions *sessions, kv_message_id id);

/* A delivered message carried this floor: ids at or below it need no storage. */
void order_sessions_raise_floor(struct order_sessions *sessions, kv_session_id session,
                                uint64_t floor);

/* Empty: nothing is known of ids of sessions up to `dropped`, so they may be late duplicates. */
void order_sessions_start(struct order_sessions *sessions, kv_session_id dropped);

void order_sessions_save(const struct order_sessions *sessions, struct kv_buffer *ret);
KV_MUST_CHECK enum status order_sessions_load(struct order_sessions *sessions, kv_slice *bytes);
void order_sessions_close(struct order_sessions *sessions);

#endif
