/* SPDX-License-Identifier: Apache-2.0 */
/* exit_code: from statuses to exit codes and hints. */
#include "client/kvctl/exit_code.h"

const char *kvctl_exit_name(enum kvctl_exit code)
{
    switch (code) {
#define X(name, number, text)                                                                      \
    case KVCTL_EXIT_##name:                                                                        \
        return #name;
        KVCTL_EXIT_MAP(X)
#undef X
    }
    return "FAILURE";
}

enum kvctl_exit kvctl_exit_of(kv_status status, bool is_write)
{
    switch (status) {
    case KV_OK:
        return KVCTL_EXIT_OK;
    case KV_NOT_FOUND:
        return KVCTL_EXIT_NOT_FOUND;
    case KV_EXISTS:
    case KV_MISMATCH:
    case KV_NOT_A_NUMBER:
    case KV_LOCKED:
    case KV_LOCK_LOST:
    case KV_SESSION_ENDED:
        return KVCTL_EXIT_CONDITION;
    case KV_OVERFLOW:
    case KV_TOO_LARGE:
    case KV_NO_SPACE:
        return KVCTL_EXIT_LIMIT;
    case KV_INVALID:
        return KVCTL_EXIT_USAGE;
    case KV_UNAVAILABLE:
    case KV_BUSY:
    case KV_NETWORK:
        return KVCTL_EXIT_UNAVAILABLE;
    case KV_IN_DOUBT:
    case KV_PROTOCOL:
        return is_write ? KVCTL_EXIT_IN_DOUBT : KVCTL_EXIT_UNAVAILABLE;
    case KV_REFUSED:
        return KVCTL_EXIT_AUTH;
    case KV_CROSS_PARTITION:
    case KV_CLOSED:
        return KVCTL_EXIT_FAILURE;
    }
    return KVCTL_EXIT_FAILURE;
}

bool kvctl_is_write(kv_op_code code)
{
    switch (code) {
    case KV_OP_GET:
    case KV_OP_MGET:
    case KV_OP_WHERE:
    case KV_OP_PARTITIONS:
    case KV_OP_HISTORY:
    case KV_OP_SCAN:
    case KV_OP_MARK: /* it is ordered, and changes nothing */
    case KV_OP_LOCKS:
    case KV_OP_SESSIONS:
    case KV_OP_KEEPALIVE:
        return false;
    case KV_OP_TXN:
    case KV_OP_CREATE:
    case KV_OP_MOVE:
    case KV_OP_PUT:
    case KV_OP_PUT_IF_ABSENT:
    case KV_OP_DELETE:
    case KV_OP_CAS:
    case KV_OP_INCR:
    case KV_OP_APPEND:
    case KV_OP_MPUT:
    case KV_OP_LOCK:
    case KV_OP_UNLOCK:
    case KV_OP_SESSION:
    case KV_OP_CLIENT_END:
        return true;
    }
    return true;
}

const char *kvctl_hint(kv_status status)
{
    switch (status) {
    case KV_UNAVAILABLE:
        return "see 'kvctl status', or give it longer with --timeout";
    case KV_IN_DOUBT:
    case KV_PROTOCOL:
        return "read the key before you send the write again";
    case KV_BUSY:
        return "try again in a moment";
    case KV_NO_SPACE:
        return "'kvctl status' says which; make room there, and it takes writes again";
    case KV_REFUSED:
        return "check --cluster or --endpoints, and that kvctl and kvd are of one release";
    case KV_NOT_A_NUMBER:
        return "incr needs a decimal 64-bit integer";
    case KV_LOCKED:
        return "'kvctl locks' says who holds it";
    case KV_LOCK_LOST:
        return "another client may hold the key by now: take the lock again";
    case KV_SESSION_ENDED:
        return "'kvctl session list' says which there are";
    case KV_OK:
    case KV_NOT_FOUND:
    case KV_EXISTS:
    case KV_MISMATCH:
    case KV_OVERFLOW:
    case KV_TOO_LARGE:
    case KV_INVALID:
    case KV_CROSS_PARTITION:
    case KV_CLOSED:
    case KV_NETWORK:
        return "";
    }
    return "";
}
