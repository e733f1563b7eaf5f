// SPDX-License-Identifier: BSD-3-Clause
// To be preloaded: the plug-in, and nobody else, finds itself in a secondary process. A real one needs
// hugepages.
#include <dlfcn.h>
#include <rte_eal.h>

#include <cstring>

extern "C" rte_proc_type_t rte_eal_process_type() {
    Dl_info caller;
    const bool plugin = dladdr(__builtin_return_address(0), &caller) != 0 && caller.dli_fname != nullptr &&
                        std::strstr(caller.dli_fname, "librte_net_dpdkbond") != nullptr;
    return plugin ? RTE_PROC_SECONDARY : RTE_PROC_PRIMARY;
}
