/* SPDX-License-Identifier: Apache-2.0 */
/* engine_watch: what those may see who watch the machine's changes.
 *
 * Members execute in different orders what does not touch the same variables, but they deliver in one. So changes are shown in the order of
 * delivery, and only up to the first message that has not executed: behind it somebody else's changes may be known, and its own must come
 * before them. */
#include "partition/engine/engine_internal.h"

bool engine_changes(const struct engine *engine, uint64_t delivered, struct machine_watch *watch,
                    struct kv_buffer *ret_bytes, struct machine_changes *ret)
{
    if (engine->machine.ops->changes == NULL) {
        return false;
    }
    const struct engine_run *waits = TAILQ_FIRST(&engine->waiting);
    const bool loaded = waits != NULL && (engine->begun == 0 || waits->position < engine->begun);
    watch->first = engine->begun != 0 ? engine->begun : delivered + 1;
    watch->last = engine->begun != 0 ? engine->delivered : delivered;
    if (waits != NULL) {
        watch->last = loaded ? watch->first - 1 : waits->position - 1;
    }
    if (watch->from == 0) {
        *ret = (struct machine_changes){.next = wire_watch_index(watch->last + 1)};
        ret->first = ret->next;
        return !loaded; /* its change will have an index below this one */
    }
    if (watch->from < wire_watch_index(1)) {
        watch->from = wire_watch_index(1); /* whatever there is */
    }
    engine->machine.ops->changes(engine->machine.state, watch, ret_bytes, ret);
    return true;
}
