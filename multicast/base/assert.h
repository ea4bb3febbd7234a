/* SPDX-License-Identifier: Apache-2.0 */
/* assert: stops the process on a bug.
 *
 * KV_ASSERT is for bugs only and is always on, also in release builds: a replica that violates a safety
 * invariant must stop before it can tell anyone. Input from the network or the disk never reaches it: that
 * is what status codes (status.h) and verdicts (wire/command.h) are for. The condition has no side effects. */
#ifndef KV_BASE_ASSERT_H
#define KV_BASE_ASSERT_H

/* Print where and why, then abort. Never returns. Safe from any thread. */
_Noreturn void kv_panic(const char *file, int line, const char *function, const char *what);

#define KV_ASSERT(condition)                                                                       \
    ((condition) ? (void)0 : kv_panic(__FILE__, __LINE__, __func__, #condition))

/* A place that control cannot reach, e.g. behind an exhaustive switch. */
#define KV_UNREACHABLE() kv_panic(__FILE__, __LINE__, __func__, "unreachable")

#endif
