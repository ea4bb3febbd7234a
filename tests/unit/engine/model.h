/* SPDX-License-Identifier: Apache-2.0 */
/* model: the session rules of docs/execution.md in the plainest form: flat arrays, no pruning but
 * by asking the floor.
 *
 * It remembers every message that ever ran, so it also notices one that runs twice (E1). */
#ifndef KV_TESTS_ENGINE_MODEL_H
#define KV_TESTS_ENGINE_MODEL_H

#include "partition/engine/engine.h"

#define MODEL_SESSIONS  8  /* different sessions: clocks 1..MODEL_SESSIONS */
#define MODEL_SEQUENCES 24 /* sequences 1..MODEL_SEQUENCES */
#define MODEL_ATTEMPTS  4  /* attempts 1..MODEL_ATTEMPTS */

enum model_outcome { MODEL_RUNS, MODEL_RECORDED, MODEL_REFUSED, MODEL_SESSION_UNKNOWN };

struct model_record {
    uint32_t attempt; /* 0: none */
    bool done;        /* its verdict is OK */
    uint64_t at;      /* timestamp of its delivery */
};

struct model {
    uint32_t sessions_max;
    uint64_t session_floor;
    struct model_session {
        bool known;
        uint64_t floor;
        uint64_t last;
        struct model_record records[MODEL_SEQUENCES + 1];
    } sessions[MODEL_SESSIONS + 1];
    bool ran[MODEL_SESSIONS + 1][MODEL_SEQUENCES + 1][MODEL_ATTEMPTS + 1];
};

/* What a look at the message says, without changing anything. */
enum model_outcome model_look(const struct model *model, kv_message_id id, uint64_t floor);

/* Deliver at timestamp `at` a message that is done if it runs, or answered NO. */
enum model_outcome model_deliver(struct model *model, kv_message_id id, uint64_t floor, uint64_t at,
                                 bool done);

#endif
