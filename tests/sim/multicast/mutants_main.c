/* SPDX-License-Identifier: Apache-2.0 */
/* mutants_main: the multicast simulator on copies of the cores in which bugs are planted. */
#include "tests/sim/multicast/multicast_main.h"

int main(int argc, char **argv)
{
    return multicast_main(argc, argv);
}
