/* SPDX-License-Identifier: Apache-2.0 */
/* multicast_main: the command line of the multicast simulator. */
#ifndef KV_MULTICAST_MAIN_H
#define KV_MULTICAST_MAIN_H

/* argv[0] is what replay lines begin with; returns the exit status. */
int multicast_main(int argc, char **argv);

#endif
