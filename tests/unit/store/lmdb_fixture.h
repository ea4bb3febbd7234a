/* SPDX-License-Identifier: Apache-2.0 */
/* lmdb_fixture: two stores on an LMDB environment in a directory of its own below /tmp, and beside each of them a plain store
 * that has never been frozen, to compare with. */
#ifndef KV_TESTS_STORE_LMDB_FIXTURE_H
#define KV_TESTS_STORE_LMDB_FIXTURE_H

#include "multicast/base/prng.h"
#include "partition/store/store_lmdb.h"

#define FIXTURE_STORES 2

struct lmdb_fixture {
    char parent[64];
    char path[80]; /* of the environment, below it */
    struct store_lmdb_options options;
    struct store_lmdb *lmdb;
    struct store_lmdb_view *view; /* that the stores are on; NULL: none */
    struct store *stores[FIXTURE_STORES];
    struct store *plain[FIXTURE_STORES];
    struct store_layer layers[FIXTURE_STORES]; /* frozen */
    struct kv_prng prng;
    uint64_t clock;
};

/* With a new directory and an open environment in it. */
struct lmdb_fixture *lmdb_fixture_new(uint64_t seed, uint64_t map_bytes);
void lmdb_fixture_destroy(struct lmdb_fixture **fixture);

/* Remove the files of an environment that is closed. */
void lmdb_fixture_remove(struct lmdb_fixture *fixture);

/* Close the environment, with stores and view; open it again, with stores on what it has. */
void lmdb_fixture_close(struct lmdb_fixture *fixture);
void lmdb_fixture_open(struct lmdb_fixture *fixture);

/* Key i, and random changes of any of `keys` of them in both stores and plain ones. */
#define FIXTURE_KEY_BYTES 24
kv_slice lmdb_fixture_key(char text[FIXTURE_KEY_BYTES], uint64_t i);
void lmdb_fixture_change(struct lmdb_fixture *fixture, uint32_t keys, uint32_t changes);
void lmdb_fixture_put(struct lmdb_fixture *fixture, uint32_t store, kv_slice key, kv_slice value);

/* Freeze; write all layers and the blob "engine", which is the text of the next generation, but do not commit; commit and thaw. */
void lmdb_fixture_freeze(struct lmdb_fixture *fixture);
struct store_lmdb_write *lmdb_fixture_write(struct lmdb_fixture *fixture);
enum status lmdb_fixture_commit(struct lmdb_fixture *fixture, struct store_lmdb_write *write);
void lmdb_fixture_thaw(struct lmdb_fixture *fixture);
void lmdb_fixture_abandon(struct lmdb_fixture *fixture);

/* All of it. */
void lmdb_fixture_checkpoint(struct lmdb_fixture *fixture);

/* The stores have what the plain ones have, row by row. */
void lmdb_fixture_check(struct lmdb_fixture *fixture);

/* The blob "engine" names the view's generation, and a walk finds no damage. */
void lmdb_fixture_check_view(struct lmdb_fixture *fixture);

#endif
