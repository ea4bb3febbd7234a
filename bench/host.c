/* SPDX-License-Identifier: Apache-2.0 */
/* uname, /proc and the clock. */
#include "bench/host.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void read_cpu(char ret[BENCH_HOST_TEXT_BYTES])
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512];

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *value = strchr(line, ':');

        if (strncmp(line, "model name", 10) == 0 && value != NULL) {
            snprintf(ret, BENCH_HOST_TEXT_BYTES, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

void bench_host_read(struct bench_host *ret)
{
    struct utsname system;
    cpu_set_t cpus;
    const time_t now = time(NULL);
    struct tm utc;

    *ret = (struct bench_host){0};
    if (uname(&system) == 0) {
        snprintf(ret->system, sizeof ret->system, "%.30s %.60s %.30s", system.sysname,
                 system.release, system.machine);
    }
    read_cpu(ret->cpu);
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) {
        ret->cpus = (uint32_t)CPU_COUNT(&cpus);
    }
    ret->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    if (getloadavg(&ret->load, 1) != 1) {
        ret->load = 0;
    }
    if (gmtime_r(&now, &utc) != NULL) {
        strftime(ret->time, sizeof ret->time, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
}
