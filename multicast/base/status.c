/* SPDX-License-Identifier: Apache-2.0 */
/* status: names and texts, generated from the table. */
#include "multicast/base/status.h"

const char *status_text(enum status status)
{
    switch (status) {
#define X(name, code, text)                                                                        \
    case STATUS_##name:                                                                            \
        return text;
        STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}

const char *status_name(enum status status)
{
    switch (status) {
#define X(name, code, text)                                                                        \
    case STATUS_##name:                                                                            \
        return #name;
        STATUS_MAP(X)
#undef X
    }
    return "UNKNOWN";
}
