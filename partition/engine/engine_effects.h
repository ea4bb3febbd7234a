/* SPDX-License-Identifier: Apache-2.0 */
/* engine_effects: what a step leaves behind for its driver. */
#ifndef KV_ENGINE_ENGINE_EFFECTS_H
#define KV_ENGINE_ENGINE_EFFECTS_H

#include "partition/engine/engine.h"

/* Append a zeroed element and return it. */
struct engine_send *engine_emit_send(struct engine *engine);
void engine_emit_reply(struct engine *engine, const struct engine_reply *reply);
void engine_emit_read(struct engine *engine, uint64_t token, kv_timestamp timestamp,
                      kv_slice answer);
struct engine_append *engine_emit_append(struct engine *engine);
struct machine_dispatch *engine_emit_submit(struct engine *engine);
struct engine_job *engine_emit_job(struct engine *engine);

/* Answers that are in effects->bytes get their addresses. */
void engine_effects_settle(struct engine_effects *effects);

#endif
