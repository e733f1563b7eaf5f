/* SPDX-License-Identifier: BSD-3-Clause
 * The header by itself, as C11 has it. */
#include "dpdkbond.h"

size_t dpdkbond_setup_size_in_c(void);
size_t dpdkbond_setup_size_in_c(void) { return sizeof(struct dpdkbond_setup); }
