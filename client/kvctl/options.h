/* SPDX-License-Identifier: Apache-2.0 */
/* options: the command line as a checked struct.
 *
 * Options may stand anywhere before "--". A negative number ("-5") is an argument, not an
 * option. The table below is the only list of options: the parser, the help text and the bash
 * completion are made from it. An option that a command does not know is an error, never
 * ignored. */
#ifndef KVCTL_OPTIONS_H
#define KVCTL_OPTIONS_H

#include "client/kvctl/encoding.h"
#include "client/kvctl/exit_code.h"

/* X(NAME, "name", short or 0, "ARGUMENT" or NULL, "text") */
#define KVCTL_OPTION_MAP(X)                                                                        \
    X(OUTPUT, "output", 'o', "FORMAT", "plain (default), json or table")                           \
    X(QUIET, "quiet", 'q', NULL, "print results only: no OK, no notes, no text of errors")         \
    X(VERBOSE, "verbose", 'v', NULL, "tell on stderr where and when a command was executed")       \
    X(HELP, "help", 'h', NULL, "print the help of the command")                                    \
    X(VERSION, "version", 'V', NULL, "print the version")                                          \
    X(ENDPOINTS, "endpoints", 0, "HOST:PORT,...", "nodes to ask; default: $KV_ENDPOINTS")          \
    X(CLUSTER, "cluster", 0, "FILE|DIR",                                                           \
      "cluster file, or the directory of cluster.yaml; default: $KV_CLUSTER")                      \
    X(TIMEOUT, "timeout", 0, "TIME", "longest wait, as in 500ms, 5s or 2m; default: 5s")           \
    X(ENCODING, "encoding", 0, "NAME",                                                             \
      "utf8 (default), hex, base64 or escape: of keys and values, read and written")               \
    X(LITERAL, "literal", 0, NULL, "take values as they are: '-' and '@' mean nothing")            \
    X(STALE, "stale", 0, NULL, "read any member's state: fast, may be old")                        \
    X(RAW, "raw", 0, NULL, "print the value's bytes only, without a line end")                     \
    X(LIMIT, "limit", 0, "ROWS", "most rows to read; default: 1000")                               \
    X(PREFIX, "prefix", 0, "TEXT", "only keys that begin with TEXT")                               \
    X(WATCH, "watch", 'w', NULL, "repeat until interrupted")                                       \
    X(INTERVAL, "interval", 0, "TIME", "time between repetitions; default: 1s")                    \
    X(FROM, "from", 0, "GROUP:INDEX,...", "go on where a watch has ended; default: from now on")   \
    X(COUNT, "count", 0, "N", "end behind so many changes")                                        \
    X(POLICY, "policy", 0, "NAME",                                                                 \
      "exchange (default), move or borrow: how a command over several partitions is executed")     \
    X(ON, "on", 0, "PARTITION", "the partition to create on, or where move and borrow execute")    \
    X(LEAST_LOADED, "least-loaded", 0, NULL, "create where the fewest placed keys live")           \
    X(TO, "to", 0, "PARTITION|NODE", "the partition to move to; the node that shall lead")         \
    X(TTL, "ttl", 0, "TIME",                                                                       \
      "how long it lasts: a key (default: for ever), or a lock or session whose holder has died "  \
      "(default: 10s); as in 500ms, 10s, 5m, 12h or 7d")                                           \
    X(SESSION, "session", 0, "TOKEN", "the key lasts as long as this session, not longer")         \
    X(SHARED, "shared", 0, NULL, "for reading: others may share the keys")                         \
    X(NO_WAIT, "no-wait", 0, NULL, "end with exit code 4 instead of waiting for a lock")           \
    X(TOKEN, "token", 0, "TOKEN",                                                                  \
      "run under this lock; default: $KV_LOCK_TOKEN, as 'kvctl lock' sets it")                     \
    X(DRY_RUN, "dry-run", 0, NULL, "tell what would be done, and change nothing")                  \
    X(DIR, "dir", 0, "DIR",                                                                        \
      "directory of the local cluster; default: $KV_CLUSTER, else ./kv-cluster")                   \
    X(NODES, "nodes", 0, "N", "nodes of a new cluster; default: 3")                                \
    X(PARTITIONS, "partitions", 0, "N", "partitions of a new cluster; default: 2")                 \
    X(REPLICAS, "replicas", 0, "N",                                                                \
      "members of each group of a new cluster; default: 3, or as many as there are nodes")         \
    X(NAME, "name", 0, "NAME", "name of a new cluster; default: demo")                             \
    X(KVD, "kvd", 0, "FILE", "the kvd program; default: next to kvctl, else from $PATH")

enum kvctl_option {
#define X(name, text, letter, argument, help) KVCTL_OPTION_##name,
    KVCTL_OPTION_MAP(X)
#undef X
        KVCTL_OPTIONS
};

/* The bit of an option in a set of options. */
#define KVCTL_BIT(name) (UINT64_C(1) << KVCTL_OPTION_##name)

enum kvctl_output {
    KVCTL_OUTPUT_PLAIN,
    KVCTL_OUTPUT_JSON,
    KVCTL_OUTPUT_TABLE,
};

/* Arguments of one command line: an mput of the most keys and values, and the words of the
 * command. */
#define KVCTL_ARGUMENTS_MAX 2056

/* Longest --timeout and --interval: one day; beyond it someone has mistaken the unit. And longest --ttl. */
#define KVCTL_TIME_MS_MAX (24U * 3600U * 1000U)
#define KVCTL_TTL_MS_MAX  (49U * KVCTL_TIME_MS_MAX)

struct kvctl_options {
    uint64_t given; /* set of the options on the command line */
    enum kvctl_output output;
    enum kvctl_encoding encoding;
    uint64_t timeout_ms;  /* 0: the default of the command */
    uint64_t interval_ms; /* 0: the default */
    uint64_t ttl_ms;      /* 0: the default */
    kv_token token;       /* {0,0}: not given */
    kv_token session;     /* the same */
    uint32_t behind;      /* arguments in front of "--" */
    const char *endpoints, *cluster, *prefix, *from, *directory, *name, *kvd; /* NULL: not given */
    uint32_t limit, count, on, to, nodes, partitions, replicas;               /* 0: not given */
    kv_policy policy;
    uint32_t argument_count;
    const char *arguments[KVCTL_ARGUMENTS_MAX]; /* without options, with the words of the command */
};

/* An entry of the table, for help and completion. */
struct kvctl_option_text {
    const char *name;
    char letter; /* 0: none */
    const char *argument;
    const char *help;
};
const struct kvctl_option_text *kvctl_option_text(enum kvctl_option option);

static inline bool kvctl_given(const struct kvctl_options *options, uint64_t bit)
{
    return (options->given & bit) != 0;
}

/* Parse a command line. False if it is not valid; *options is filled as far as possible (the
 * wanted output form above all) and error holds one line. Strings are borrowed from argv. */
bool kvctl_options_parse(struct kvctl_options *options, int argc, char *const *argv, char *error,
                         size_t error_size);

/* "exchange", "move" or "borrow". */
bool kvctl_policy_parse(const char *text, kv_policy *ret);

/* "500ms", "5s", "2m", "1h" in milliseconds, 1..KVCTL_TIME_MS_MAX; a number without unit is
 * refused. */
bool kvctl_time_parse(const char *text, uint64_t *ret_ms);

/* "1732700000000.1". */
bool kvctl_token_parse(const char *text, kv_token *ret);

/* A decimal number without sign, at most max. */
bool kvctl_number_parse(const char *text, uint64_t max, uint64_t *ret);

/* A decimal number of 64 bits with an optional sign. */
bool kvctl_integer_parse(const char *text, int64_t *ret);

#endif
