/* SPDX-License-Identifier: Apache-2.0 */
/* kvctl: the command line. Everything behind main is in a library, so that tests call it too. */
#include "client/kvctl/command.h"
#include "client/kvctl/report.h"

int main(int argc, char **argv)
{
    kvctl_catch_signals();
    return (int)kvctl_main(argc, argv);
}
