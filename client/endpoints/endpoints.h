/* SPDX-License-Identifier: Apache-2.0 */
/* endpoints: which nodes a program should talk to.
 *
 * The first of these that is given decides, so that an option always beats the environment:
 *   1. --endpoints LIST    2. --cluster PATH    3. KV_ENDPOINTS=LIST    4. KV_CLUSTER=PATH    5. ./kv-cluster, if it is there
 * A LIST is "host:port,host:port,..."; each may have "tcp://" in front, an IPv6 address stands in brackets. A PATH is the cluster file
 * that kvd reads (node_config.h), or a directory that holds it as cluster.yaml, as `kvctl cluster start` makes them.
 *
 * Errors are sentences for a person and name where the text came from: "KV_ENDPOINTS: ...", "cluster.yaml:7: ...".
 * Ownership. Inputs are borrowed until the call returns; a struct kv_endpoints owns its texts until kv_endpoints_close. */
#ifndef KV_ENDPOINTS_H
#define KV_ENDPOINTS_H

#include <stdint.h>

#include "multicast/base/status.h"

/* Where a cluster is looked for when nothing is given: where `kvctl cluster start` puts one. */
#define KV_ENDPOINTS_DEFAULT_PATH "kv-cluster"

/* Most endpoints of a list: kv_client_open takes no more, and learns the other nodes from these. Of a file the first ones. */
#define KV_ENDPOINTS_MAX 16

/* What the command line says; NULL for an option that was not given. */
struct kv_endpoints_options {
    const char *list;
    const char *path;
};

struct kv_endpoints {
    char *list;     /* "host:port,host:port,...", without "tcp://", as kv_client_open wants it */
    char *cluster;  /* name of the cluster when it came from a file, else NULL */
    char *file;     /* that file, else NULL */
    uint32_t count; /* 1..KV_ENDPOINTS_MAX */
};

#define KV_ENDPOINTS_ERROR_BYTES 512

struct kv_endpoints_error {
    char text[KV_ENDPOINTS_ERROR_BYTES];
};

/* Find the endpoints. *ret is set only with STATUS_OK, *error with every other status.
 * STATUS_INVALID    a list or a file is not as it must be.
 * STATUS_NOT_FOUND  nothing is given, or the file does not exist.
 * STATUS_IO         the file cannot be read. */
KV_MUST_CHECK enum status kv_endpoints_find(const struct kv_endpoints_options *options,
                                            struct kv_endpoints *ret,
                                            struct kv_endpoints_error *error);

/* The two halves of it. `origin` is the name that errors begin with. */
KV_MUST_CHECK enum status kv_endpoints_from_list(const char *list, const char *origin,
                                                 struct kv_endpoints *ret,
                                                 struct kv_endpoints_error *error);
KV_MUST_CHECK enum status kv_endpoints_from_file(const char *path, struct kv_endpoints *ret,
                                                 struct kv_endpoints_error *error);

/* Free the texts; zero-initialised and closed ones are fine. */
void kv_endpoints_close(struct kv_endpoints *endpoints);

#endif
