/* SPDX-License-Identifier: Apache-2.0 */
/* multicast: build a replicated, partitioned service on genuine atomic multicast. The public C interface.
 *
 * A service consists of groups. Each group holds a part of the state and is replicated on several nodes; it survives the crash of a
 * minority of them. A client submits a message to any set of groups. Every replica of every one of those groups executes it, and any
 * two messages are executed in the same order wherever both are: in order of their final timestamps. A message to several groups
 * takes as many network delays as one to a single group. Protocol: docs/protocol/multicast.md. Example: docs/examples/multicast_log.c.
 *
 * What a service promises
 *   1. Determinism. State and answers depend on nothing but the messages delivered, in their order: no clock (a message carries its
 *      timestamp), no random numbers, no addresses, no threads whose timing shows. Replicas that differ compute different digests.
 *   2. It keeps nothing on disk. A restarted node delivers the whole sequence again, from its log, into a new instance.
 *   3. It never blocks, and keeps no pointer it was given.
 * What it may rely on
 *   1. A message id is delivered at most once to each group, however often the client sends it; a client that sends it again gets the
 *      first answer. Answers are kept until the client has moved on, and for the 65536 sessions used last.
 *   2. A delivered message will be delivered by all replicas of all of its groups.
 *   3. A read sees every message that was answered before it began (linearizability of one group).
 *
 * Sessions. A client's ids are unique because its session is: the time it was made in microseconds and 18 random bits. Two
 * clients that draw the same session (2^-38 for two made in the same second) could take one's message for the other's. After
 * 65536 newer sessions were in use a session that was long idle is refused: multicast_submit then makes a new one by itself.
 *
 * Threads.    One thread at a time for each server and each client; different ones are independent.
 * Ownership.  Arguments are borrowed until the call returns; what is returned is freed as its function says. */
#ifndef MULTICAST_H
#define MULTICAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Groups of one service are numbered from 0; a set of groups is one bit for each. */
#define MULTICAST_GROUPS_MAX 64

/* Bytes of a message, a question or an answer. */
#define MULTICAST_BODY_BYTES_MAX (4 * 1024 * 1024)

#define MULTICAST_ERROR_BYTES    640

/* Negative ones are failures. */
typedef enum {
    MULTICAST_OK = 0,
    MULTICAST_INVALID = -1,   /* an argument or a file is wrong; nothing was sent or done */
    MULTICAST_TOO_LARGE = -2, /* beyond MULTICAST_BODY_BYTES_MAX; nothing was sent */
    MULTICAST_UNAVAILABLE =
        -3, /* in time nobody took it: the message did not happen, and will not */
    MULTICAST_UNKNOWN =
        -4, /* no answer in time: the message may have happened, or happen later, once */
    MULTICAST_PARTIAL = -5, /* it has happened, but not every group answered in time */
    MULTICAST_REFUSED = -6, /* another cluster, or another version of the protocol */
    MULTICAST_NETWORK = -7, /* a socket could not be made or bound */
    MULTICAST_STORAGE = -8  /* the node's files cannot be used; a server ends */
} multicast_status;

/* A fixed text, never NULL. */
const char *multicast_status_text(multicast_status status);

typedef struct {
    const void *data;
    size_t size;
} multicast_bytes;

/* ---- The service ---- */

typedef struct {
    uint64_t
        clock; /* final timestamp: with clock_group, unique and increasing in the order of delivery */
    uint32_t clock_group;
    uint64_t position;     /* of the message in this group's sequence, from 1 */
    uint64_t destinations; /* set of groups */
    multicast_bytes body;
} multicast_message;

/* Answers point to memory of the service and are copied before its next call. */
typedef struct {
    /* Execute a message; its answer may be empty. */
    void (*deliver)(void *state, const multicast_message *message, multicast_bytes *ret_answer);
    /* Answer a question without changing anything; false: the question makes no sense. NULL: there are no reads. */
    bool (*read)(void *state, multicast_bytes question, multicast_bytes *ret_answer);
    /* A number that is the same for equal states. NULL: none. */
    uint64_t (*digest)(const void *state);
    /* Free the state. NULL: nothing to free. */
    void (*close)(void *state);
} multicast_service_ops;

typedef struct {
    const multicast_service_ops *ops;
    void *state;
} multicast_service;

/* ---- Server ---- */

typedef struct {
    uint32_t node;        /* 1..192 */
    const char *endpoint; /* "tcp://host:port" */
} multicast_node;

/* A cluster without a file: group g has its replicas on three nodes, beginning with number g (modulo the nodes). */
typedef struct {
    const char *name;
    uint32_t group_count; /* 2..MULTICAST_GROUPS_MAX */
    uint32_t node_count;
    const multicast_node *nodes;
} multicast_cluster;

typedef struct {
    const char *cluster_file;         /* docs/cluster-file.md; groups are 0 to `partitions` */
    const multicast_cluster *cluster; /* if cluster_file is NULL */
    uint32_t node;                    /* which one this is */
    const char *directory;            /* of its log; made if it does not exist */
    int stop_fd;                      /* readable when the server is to end; -1: never */
    uint32_t election_timeout_ms;     /* 0: 1000 */
    bool unsafe_no_sync;              /* answers before data is durable; for experiments */
    multicast_service (*service)(uint32_t group,
                                 void *context); /* called once for each group here */
    void *context;
    void (*report)(const char *line, void *report_context); /* for the operator; NULL: dropped */
    void *report_context;
} multicast_server_settings;

typedef struct multicast_server multicast_server;

/* Open files, recover, bind. `error`, of MULTICAST_ERROR_BYTES, may be NULL. INVALID, NETWORK, STORAGE: *ret is NULL. */
multicast_status multicast_server_open(const multicast_server_settings *settings,
                                       multicast_server **ret, char *error);

/* Serve until stop_fd is readable (OK: leaderships are handed over, all is durable) or the disk fails (STORAGE). */
multicast_status multicast_server_run(multicast_server *server, char *error);

void multicast_server_close(multicast_server *server);

/* ---- Client ---- */

typedef struct multicast_client multicast_client;
typedef struct multicast_result multicast_result;

/* Endpoints: "host:port,host:port,..." of some of the nodes; the others are learnt. Sends nothing yet. INVALID, NETWORK. */
multicast_status multicast_client_open(const char *endpoints, multicast_client **ret);
void multicast_client_close(multicast_client *client);

/* Why the last call failed; valid until the next one. */
const char *multicast_client_error(const multicast_client *client);

/* How many groups there are; 0 until a call has found the cluster. */
uint32_t multicast_client_groups(const multicast_client *client);

typedef enum {
    MULTICAST_WAIT_ONE, /* for the answer of any destination: the message is then ordered in all of them */
    MULTICAST_WAIT_ALL /* for the answers of all */
} multicast_wait;

/* Order a message in all `groups` (each once) and return what they answer, in the order of `groups`. The same message is sent
 * again until it is answered, so it happens once however many leaders fail meanwhile.
 * OK, PARTIAL    *ret_result is set, to be freed with multicast_result_free; NULL is fine for callers who do not care.
 * INVALID, TOO_LARGE, UNAVAILABLE, REFUSED   the message did not happen and will not.
 * UNKNOWN        it may have happened or may still happen, once; the client goes on under a new session. */
multicast_status multicast_submit(multicast_client *client, const uint32_t *groups,
                                  uint32_t group_count, multicast_bytes body, multicast_wait wait,
                                  uint64_t timeout_ms, multicast_result **ret_result);

/* Ask one group, linearizably: *ret_result holds one answer, without a timestamp. A read changes nothing, so every failure
 * is one that did not happen. */
multicast_status multicast_read(multicast_client *client, uint32_t group, multicast_bytes question,
                                uint64_t timeout_ms, multicast_result **ret_result);

typedef struct {
    uint32_t group;
    bool answered;  /* false: not in time, or not waited for */
    uint64_t clock; /* of a message: its final timestamp, the same in all groups */
    uint32_t clock_group;
    multicast_bytes body; /* valid as long as the result */
} multicast_answer;

uint32_t multicast_result_count(const multicast_result *result);
multicast_answer multicast_result_get(const multicast_result *result, uint32_t i);
void multicast_result_free(multicast_result *result);

#ifdef __cplusplus
}
#endif

#endif
