/* SPDX-License-Identifier: Apache-2.0 */
/* status: operating failures, as one table.
 *
 * A function that can fail for reasons outside of the program returns one of these. Bugs use KV_ASSERT, refusals
 * to a peer or a client are verdicts in messages. Codes are negative, never reused and never written to disk. */
#ifndef KV_BASE_STATUS_H
#define KV_BASE_STATUS_H

/* X(NAME, code, "text") */
#define STATUS_MAP(X)                                                                              \
    X(OK, 0, "ok")                                                                                 \
    X(FULL, -1, "a bounded queue, table or buffer is full")                                        \
    X(CORRUPT, -2, "data does not have the form or the checksum it must have")                     \
    X(TOO_LARGE, -3, "larger than the documented limit")                                           \
    X(IO, -4, "a system call on a file failed")                                                    \
    X(NO_SPACE, -5, "no space left on the device")                                                 \
    X(LOCKED, -6, "another process uses this directory")                                           \
    X(VERSION, -7, "written by a version that this one does not read")                             \
    X(FOREIGN, -8, "belongs to another cluster, node or group")                                    \
    X(NOT_FOUND, -9, "does not exist")                                                             \
    X(INVALID, -10, "an argument or a setting is not valid")                                       \
    X(NOT_LEADER, -11, "this member does not lead its group")                                      \
    X(UNAVAILABLE, -12, "no answer can be had at this time")                                       \
    X(NETWORK, -13, "a socket could not be made, bound or used")                                   \
    X(END, -14, "nothing is left to read")                                                         \
    X(EXISTS, -15, "exists already")

enum status {
#define X(name, code, text) STATUS_##name = code,
    STATUS_MAP(X)
#undef X
};

/* The text of a status, e.g. "ok"; a fixed string, never NULL. */
const char *status_text(enum status status);

/* The name of a status, e.g. "OK"; a fixed string, never NULL. */
const char *status_name(enum status status);

#define KV_MUST_CHECK __attribute__((warn_unused_result))

#endif
