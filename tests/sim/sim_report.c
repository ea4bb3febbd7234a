/* SPDX-License-Identifier: Apache-2.0 */
/* sim_report: see the header. */
#include "tests/sim/sim_report.h"

#include <stdarg.h>
#include <stdio.h>

void sim_report_fail(struct sim_report *report, const char *checker, const char *format, ...)
{
    if (report->failed) {
        return;
    }
    report->failed = true;
    report->checker = checker;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(report->text, sizeof(report->text), format, arguments);
    va_end(arguments);
}
