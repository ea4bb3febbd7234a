/* SPDX-License-Identifier: Apache-2.0 */
/* assert: the last words of a process with a bug. */
#include "multicast/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void kv_panic(const char *file, int line, const char *function, const char *what)
{
    fprintf(stderr, "BUG %s:%d %s: %s\n", file, line, function, what);
    abort();
}
