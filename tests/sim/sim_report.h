/* SPDX-License-Identifier: Apache-2.0 */
/* sim_report: the first violation that any checker found in a run. */
#ifndef KV_SIM_REPORT_H
#define KV_SIM_REPORT_H

#include <stdbool.h>

#define SIM_REPORT_TEXT_BYTES 512

struct sim_report {
    bool failed;
    const char *checker; /* "raft", "order", ...; a fixed string */
    char text[SIM_REPORT_TEXT_BYTES];
};

/* Record a violation; only the first of a run is kept, the later ones are its consequences. */
void sim_report_fail(struct sim_report *report, const char *checker, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
