/* SPDX-License-Identifier: Apache-2.0 */
/* state: what the checkpoints of one group member keep on disk, between its engine and an LMDB environment.
 *
 * A checkpoint has the rows of the machine's stores, each in a table of its own, and two blobs: "engine", everything else of the engine, and
 * "mark", which is the driver's. After it is written it is read back: the blobs, and each row that was written.
 *
 * At its opening a checkpoint of up to STATE_WALK_BYTES is read through: damage that no lookup can notice, rows that are gone, is found
 * before anybody is answered. A larger one is read through as soon as the node runs, as all are then and now and then (scrub).
 *
 * A checkpoint that came from another member is made in DIRECTORY.next and takes the place of DIRECTORY; whatever the power does in
 * between, one of them is there.
 *
 * Threads. state_write, _scrub, _sweep, _dump and _prepare run on another thread, beside everything else but _freeze, _thaw and _adopt. */
#ifndef KV_KVD_STATE_H
#define KV_KVD_STATE_H

#include "multicast/node/node.h"
#include "oracle/kvd/state_image.h"
#include "partition/engine/engine.h"

/* A fifth of a second of a warm cache: how long a restart takes must not grow with the state. */
#define STATE_WALK_BYTES (UINT64_C(256) * 1024 * 1024)

struct state;

struct state_settings {
    kv_cluster_id cluster;
    kv_group_id group;
    kv_node_id node;
    uint64_t map_bytes; /* what a member's file may grow to: address space */
};

/* The machine is the engine's. */
struct state *state_new(const struct state_settings *settings, struct engine *engine,
                        struct machine machine);
void state_close(struct state **state);

/* As the slots of node.h. */
enum status state_open(struct state *state, const char *directory, struct kv_buffer *ret_mark,
                       struct node_error *error);
void state_freeze(struct state *state, kv_slice mark);
enum status state_write(struct state *state);
enum status state_thaw(struct state *state, bool written);
void state_sweep(struct state *state);
enum status state_scrub(struct state *state);
enum status state_dump(struct state *state, const char *path, uint64_t *ret_bytes,
                       uint64_t *ret_digest);
enum status state_prepare(struct state *state, const struct state_image_source *source);
enum status state_adopt(struct state *state, struct kv_buffer *ret_mark);

#endif
