/* SPDX-License-Identifier: Apache-2.0 */
/* checks: memory of the checkers. */
#include "tests/sim/multicast/checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void check_fail(struct check_report *report, const char *checker, const char *format, ...)
{
    if (report->failed) {
        return; /* the first one is the cause */
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->text, sizeof report->text, format, arguments);
    va_end(arguments);
    report->checker = checker;
    report->failed = true;
}

void checks_clear(struct checks *checks, struct check_report *report)
{
    for (uint32_t g = 0; g < CHECK_GROUPS_MAX; g++) {
        checks->groups[g].delivered = 0;
        checks->groups[g].committed = 0;
    }
    memset(checks->messages, 0, sizeof checks->messages);
    memset(checks->finals, 0, sizeof checks->finals);
    checks->report = report;
    checks->facts = true;
    checks->digest = 0;
}

void checks_close(struct checks *checks)
{
    for (uint32_t g = 0; g < CHECK_GROUPS_MAX; g++) {
        kv_free(checks->groups[g].sequence);
        kv_free(checks->groups[g].log);
    }
    *checks = (struct checks){0};
}
