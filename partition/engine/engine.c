/* SPDX-License-Identifier: Apache-2.0 */
/* engine: construction, and the questions that have short answers. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "partition/engine/engine_internal.h"

uint64_t engine_hash(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

struct engine *engine_new(kv_group_id group, struct machine machine, uint32_t sessions_max)
{
    KV_ASSERT(machine.ops != NULL);
    KV_ASSERT(group.value < KV_GROUPS_MAX);
    struct engine *engine = kv_alloc(sizeof(*engine));
    engine->group = group;
    engine->machine = machine;
    engine->cursor = (kv_timestamp){0};
    engine->answer_bytes = (struct kv_buffer){0};
    engine_sessions_init(&engine->sessions, sessions_max == 0 ? KV_SESSIONS_MAX : sessions_max);
    return engine;
}

void engine_destroy(struct engine **engine)
{
    if (*engine == NULL) {
        return;
    }
    engine_sessions_clear(&(*engine)->sessions);
    (*engine)->machine.ops->destroy((*engine)->machine.state);
    kv_buffer_close(&(*engine)->answer_bytes);
    kv_free(*engine);
    *engine = NULL;
}

uint64_t engine_digest(const struct engine *engine)
{
    const struct engine_sessions *sessions = &engine->sessions;
    const uint64_t parts[] = {
        engine->machine.ops->digest(engine->machine.state),
        sessions->digest,
        sessions->floor.registered.clock.value,
        sessions->floor.registered.group.value,
    };
    return engine_hash(parts, sizeof(parts));
}

uint64_t engine_keys(const struct engine *engine)
{
    return engine->machine.ops->keys(engine->machine.state);
}

uint64_t engine_sessions(const struct engine *engine)
{
    return engine->sessions.count;
}
